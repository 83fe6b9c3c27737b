/*
 * wallclock.c - preloaded into the programs under test, so that their wall clock can jump while they run and
 * that of the machine stays right. What is added to CLOCK_REALTIME stands, as an int64_t of ns, in the file
 * of the same name with ".offset" behind it. Monotonic clocks are the machine's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static const int64_t *offset;

__attribute__((constructor)) static void find_offset(void)
{
	char path[4096];
	Dl_info me;
	void *p = MAP_FAILED;
	int fd = -1;

	if (dladdr(&offset, &me) && snprintf(path, sizeof path, "%s.offset", me.dli_fname) < (int)sizeof path)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		p = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		offset = p;
	if (fd >= 0)
		close(fd);
}

EXPORT int clock_gettime(clockid_t id, struct timespec *t)
{
	int r = (int)syscall(SYS_clock_gettime, id, t);
	int64_t ns;

	if (r == 0 && offset && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
		ns = (int64_t)t->tv_sec * 1000000000 + t->tv_nsec + __atomic_load_n(offset, __ATOMIC_RELAXED);
		t->tv_sec = (time_t)(ns / 1000000000);
		t->tv_nsec = ns % 1000000000;
	}
	return r;
}

EXPORT int gettimeofday(struct timeval *restrict v, void *restrict zone)
{
	struct timespec t;
	int r = clock_gettime(CLOCK_REALTIME, &t);

	(void)zone;
	*v = (struct timeval){t.tv_sec, t.tv_nsec / 1000};
	return r;
}

EXPORT time_t time(time_t *ret)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	if (ret)
		*ret = t.tv_sec;
	return t.tv_sec;
}
