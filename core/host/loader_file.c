/*
 * loader_file.c - is a file a whole shared object? The dynamic linker maps what the headers
 * promise without a look at the file's length: one that was cut short on its way here would end
 * the process by SIGBUS.
 */
#include "loader_check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENTS_MAX 64

static bool head_ok(const ElfW(Ehdr) * head)
{
	int class = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;

	return memcmp(head->e_ident, ELFMAG, SELFMAG) == 0 && head->e_ident[EI_CLASS] == class &&
	       head->e_type == ET_DYN && head->e_phentsize == sizeof(ElfW(Phdr)) &&
	       head->e_phnum <= SEGMENTS_MAX;
}

/* Bytes that the file must have at least, or -1 if it is no shared object. */
static int64_t length_needed(int fd)
{
	ElfW(Phdr) segments[SEGMENTS_MAX];
	ElfW(Ehdr) head;
	int64_t needed = 0, end;
	size_t size;

	if (pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head || !head_ok(&head))
		return -1;
	size = head.e_phnum * sizeof *segments;
	if (pread(fd, segments, size, (off_t)head.e_phoff) != (ssize_t)size)
		return INT64_MAX;
	for (unsigned i = 0; i < head.e_phnum; i++) {
		if (segments[i].p_type != PT_LOAD)
			continue;
		if (__builtin_add_overflow(segments[i].p_offset, segments[i].p_filesz, &end))
			return INT64_MAX;
		needed = end > needed ? end : needed;
	}
	return needed;
}

int loader_check_file(const char *path, struct sq_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st = {0};
	int64_t needed = -1;
	bool file;

	if (fd < 0)
		return sq_fail(err, -ENOEXEC, "cannot open %s: %s", path, strerror(errno));
	file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	if (file)
		needed = length_needed(fd);
	close(fd);
	if (!file)
		return sq_fail(err, -ENOEXEC, "%s is not a file", path);
	if (needed < 0)
		return sq_fail(err, -ENOEXEC, "%s is no shared object for this machine", path);
	if (needed > st.st_size)
		return sq_fail(err, -ENOEXEC, "%s was cut short: install it again", path);
	return 0;
}
