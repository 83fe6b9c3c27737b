/*
 * slices.c - lets clients of one server run in turns, so that a machine whose speed drifts treats all
 * alike: each is stopped (SIGSTOP) but for its slice, and figures of one round are compared.
 *
 *     slices SEEN ROUNDS SLICE_MS SYSCALL_ROUNDS NAME=PID...
 *
 * The clients run already, connected, and are left stopped at the end. For each slice a line:
 * ROUND NAME REQUESTS WALL_NS CPU_NS SYSCALLS, where requests are those that the server answered and
 * CPU is that of all threads. Counting system calls costs time, so it is done in rounds of its own, which
 * come first and whose CPU is not to be used; in the others SYSCALLS is -1, and everywhere where the
 * kernel's tracepoints cannot be read.
 */
#include <dirent.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "tests/bench/bench.h"

#define CLIENTS_MAX 8
#define THREADS_MAX 64
#define SETTLE (10 * SQ_MS) /* after a client was woken and before it is measured, and after it was stopped \
	                     */

struct client {
	const char *name;
	pid_t pid;
	clockid_t cpu;
	int counters[THREADS_MAX];
	int threads;
};

static const struct seen *seen;

static void nap(int64_t ns)
{
	nanosleep(&(struct timespec){ns / SQ_S, ns % SQ_S}, NULL);
}

static int64_t tracepoint(void)
{
	FILE *f = fopen("/sys/kernel/tracing/events/raw_syscalls/sys_enter/id", "r");
	long long id = -1;

	if (f) {
		if (fscanf(f, "%lld", &id) != 1)
			id = -1;
		fclose(f);
	}
	return id;
}

static int counter(int64_t id, pid_t thread)
{
	struct perf_event_attr attr = {
	    .type = PERF_TYPE_TRACEPOINT, .size = sizeof attr, .config = (uint64_t)id, .disabled = 1};

	return id < 0 ? -1 : (int)syscall(SYS_perf_event_open, &attr, thread, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static void watch(struct client *c)
{
	int64_t id = tracepoint();
	char path[64];
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/task", c->pid);
	dir = opendir(path);
	if (!dir)
		bench_die(c->name);
	for (struct dirent *d; (d = readdir(dir)) && c->threads < THREADS_MAX;) {
		int fd = d->d_name[0] == '.' ? -1 : counter(id, atoi(d->d_name));

		if (fd >= 0)
			c->counters[c->threads++] = fd;
	}
	closedir(dir);
}

static void parse(struct client *c, char *word)
{
	char *pid = strchr(word, '=');

	if (!pid) {
		fprintf(stderr, "slices: %s is not NAME=PID\n", word);
		exit(2);
	}
	*pid++ = '\0';
	c->name = word;
	c->pid = atoi(pid);
	if (kill(c->pid, 0) < 0 || clock_getcpuclockid(c->pid, &c->cpu))
		bench_die(c->name);
	watch(c);
}

static int64_t cpu(const struct client *c)
{
	struct timespec ts;

	if (clock_gettime(c->cpu, &ts) < 0)
		bench_die(c->name);
	return ts.tv_sec * SQ_S + ts.tv_nsec;
}

static void counting(const struct client *c, unsigned long how)
{
	for (int i = 0; i < c->threads; i++)
		ioctl(c->counters[i], how, 0);
}

static int64_t syscalls(const struct client *c)
{
	int64_t sum = c->threads ? 0 : -1, n;

	for (int i = 0; i < c->threads; i++)
		if (read(c->counters[i], &n, sizeof n) == sizeof n)
			sum += n;
	return sum;
}

struct reading {
	int64_t at, cpu, syscalls;
	uint64_t requests;
};

static struct reading look(const struct client *c)
{
	return (struct reading){bench_now(), cpu(c), syscalls(c),
	                        __atomic_load_n(&seen->requests, __ATOMIC_ACQUIRE)};
}

static void slice(const struct client *c, int round, int64_t length, bool count)
{
	struct reading from, to;

	if (count)
		counting(c, PERF_EVENT_IOC_ENABLE);
	kill(c->pid, SIGCONT);
	nap(SETTLE);
	from = look(c);
	nap(length);
	to = look(c);
	kill(c->pid, SIGSTOP);
	counting(c, PERF_EVENT_IOC_DISABLE);
	nap(SETTLE);
	printf("%d %s %lld %lld %lld %lld\n", round, c->name, (long long)(to.requests - from.requests),
	       (long long)(to.at - from.at), (long long)(to.cpu - from.cpu),
	       count && c->threads ? (long long)(to.syscalls - from.syscalls) : -1);
}

int main(int argc, char **argv)
{
	struct client clients[CLIENTS_MAX] = {0};
	int count = argc - 5, rounds, counted;
	int64_t length;

	if (count < 1 || count > CLIENTS_MAX) {
		fprintf(stderr, "usage: slices SEEN ROUNDS SLICE_MS SYSCALL_ROUNDS NAME=PID...\n");
		return 2;
	}
	seen = bench_seen(argv[1], -1);
	rounds = atoi(argv[2]);
	length = atoll(argv[3]) * SQ_MS;
	counted = atoi(argv[4]);
	for (int i = 0; i < count; i++) {
		parse(&clients[i], argv[5 + i]);
		kill(clients[i].pid, SIGSTOP);
	}
	nap(SETTLE);
	for (int round = 0; round < counted + rounds; round++)
		for (int i = 0; i < count; i++)
			slice(&clients[(i + round) % count], round, length, round < counted);
	return 0;
}
