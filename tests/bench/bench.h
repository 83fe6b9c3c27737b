/*
 * bench.h - what the C programs of the benches share: time, complaints, and the page of memory by which
 * the responder tells others what it saw.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <squall/util.h>

/* A file that the responder maps; who reads it sees it at once, without asking a busy server. */
struct seen {
	uint64_t requests; /* answered so far */
	uint64_t room; /* arrivals that are kept, the first ones; 0 = none */
	int64_t arrived[]; /* monotonic ns */
};

static inline int64_t bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SQ_S + ts.tv_nsec;
}

__attribute__((noreturn)) static inline void bench_die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* room < 0: one that is there, to read. Lives as long as the process. */
static inline struct seen *bench_seen(const char *path, int64_t room)
{
	int fd = room < 0 ? open(path, O_RDONLY) : open(path, O_RDWR | O_CREAT, 0600);
	size_t size = sizeof(struct seen) + (room > 0 ? (size_t)room * sizeof(int64_t) : 0);
	struct seen *s;

	if (fd < 0 || (room >= 0 && ftruncate(fd, (off_t)size) < 0))
		bench_die(path);
	s = mmap(NULL, size, room < 0 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (s == MAP_FAILED)
		bench_die(path);
	if (room >= 0)
		s->room = (uint64_t)room;
	close(fd);
	return s;
}

#endif
