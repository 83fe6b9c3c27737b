/* place.c - one small file for each job, and who holds its lock. */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <squall/op.h>

struct place {
	char path[PATH_MAX];
	int fd; /* with the record lock */
	uint64_t fence; /* highest so far */
	char *pids; /* behind the fence; ours */
};

static void place_close(struct place *p)
{
	close(p->fd);
	free(p->pids);
}

static int place_read(struct place *p)
{
	off_t size = lseek(p->fd, 0, SEEK_END);
	char *text = size >= 0 ? calloc(1, (size_t)size + 1) : NULL;

	if (!text)
		return size < 0 ? -errno : -ENOMEM;
	if (pread(p->fd, text, (size_t)size, 0) < 0) {
		int r = -errno;

		free(text);
		return r;
	}
	p->fence = strtoull(text, &p->pids, 10);
	p->pids = strdup(p->pids);
	free(text);
	return p->pids ? 0 : -ENOMEM;
}

/* 1: the file was removed while we waited for it. */
static int place_lock(struct place *p)
{
	struct flock whole = {.l_type = F_WRLCK};
	struct stat st;

	if (fcntl(p->fd, F_OFD_SETLKW, &whole) < 0 || fstat(p->fd, &st) < 0)
		return -errno;
	return st.st_nlink == 0 ? 1 : place_read(p);
}

static int place_open(struct place *p, const char *dir, const char *id, bool create)
{
	int r;

	*p = (struct place){.fd = -1};
	if (snprintf(p->path, sizeof p->path, "%s/workers.%s", dir, id) >= (int)sizeof p->path)
		return -ENAMETOOLONG;
	do {
		p->fd = open(p->path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600);
		if (p->fd < 0)
			return -errno;
		r = place_lock(p);
		if (r != 0)
			place_close(p);
	} while (r > 0);
	return r;
}

/* In place, since a full disk must not cost what stands there. */
static int place_write(const struct place *p, uint64_t fence, const char *pids)
{
	size_t size = strlen(pids) + 24;
	char *text = malloc(size);
	int len, r = 0;

	if (!text)
		return -ENOMEM;
	len = snprintf(text, size, "%" PRIu64 "%s", fence, pids);
	if (pwrite(p->fd, text, (size_t)len, 0) != len || ftruncate(p->fd, len) < 0)
		r = errno ? -errno : -EIO;
	free(text);
	return r;
}

/* Whether a worker holds the lock; else it is ours until p is closed. */
static bool is_alive(const struct place *p)
{
	return flock(p->fd, LOCK_EX | LOCK_NB) < 0;
}

/* A number may be another process's by now: ours have the file open. */
static bool is_worker(const struct place *p, long pid)
{
	char link[64], target[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/%ld/fd/%d", pid, PLACE_FD);
	n = readlink(link, target, sizeof target - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	return strcmp(target, p->path) == 0;
}

static void kill_workers(const struct place *p)
{
	char *at = p->pids, *end;
	long pid;

	for (; (pid = strtol(at, &end, 10)) > 0 && end != at; at = end)
		if (is_worker(p, pid))
			kill((pid_t)pid, SIGKILL);
}

int place_take(const char *dir, const char *id, uint64_t fence, int *ret)
{
	struct place p;
	int r = place_open(&p, dir, id, true), fd;

	if (r < 0)
		return r;
	fd = open(p.path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		r = -errno;
	} else if (p.fence > fence) {
		r = -SQ_EFENCED;
	} else if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		kill_workers(&p);
		r = place_write(&p, fence, p.pids);
		r = r < 0 ? r : -EAGAIN;
	} else {
		r = place_write(&p, fence, "");
	}
	if (r == 0)
		*ret = fd;
	else if (fd >= 0)
		close(fd);
	place_close(&p);
	return r;
}

int place_name(const char *dir, const char *id, uint64_t fence, const pid_t *pids, uint32_t count)
{
	size_t size = (size_t)count * 12 + 1, at = 0;
	char *text = calloc(1, size);
	struct place p;
	int r = text ? place_open(&p, dir, id, true) : -ENOMEM;

	if (r < 0) {
		free(text);
		return r;
	}
	for (uint32_t i = 0; i < count; i++)
		at += (size_t)snprintf(text + at, size - at, " %d", (int)pids[i]);
	r = p.fence > fence ? -SQ_EFENCED : place_write(&p, fence, text);
	place_close(&p);
	free(text);
	return r;
}

int place_claim(const char *dir, const char *id, uint64_t fence)
{
	struct place p;
	int r = place_open(&p, dir, id, false);

	if (r < 0)
		return r;
	if (p.fence > fence)
		r = -SQ_EFENCED;
	else if (is_alive(&p))
		r = place_write(&p, fence, p.pids);
	else
		r = unlink(p.path) < 0 ? -errno : -ENOENT;
	place_close(&p);
	return r == 0 ? -EAGAIN : r;
}

int place_clear(const char *dir, const char *id, uint64_t fence)
{
	struct place p;
	int r = place_open(&p, dir, id, false);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (p.fence > fence) {
		r = -SQ_EFENCED;
	} else if (is_alive(&p)) {
		kill_workers(&p);
		r = place_write(&p, fence, p.pids);
		r = r < 0 ? r : -EAGAIN;
	} else {
		r = unlink(p.path) < 0 ? -errno : 0;
	}
	place_close(&p);
	return r;
}
