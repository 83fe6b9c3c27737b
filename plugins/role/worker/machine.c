/* machine.c - cgroup quota and throttling, run queue, steal and TCP counters from the kernel's files. */
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <squall/util.h>

#define MACHINE_PATH 1024

/* The whole file as text, cut at the end of buf. 0, or negative errno. */
static int machine_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0)
		return -errno;
	while (len < size - 1 && (n = read(fd, buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	buf[len] = '\0';
	return n < 0 ? -EIO : 0;
}

/* The number behind "key " at the start of a line, -1 without one. */
static int64_t machine_value(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return strtoll(line + len, NULL, 10);
	}
	return -1;
}

/*
 * Where the cpu controller of our cgroup stands. /proc/self/cgroup has lines "4:cpu,cpuacct:/path"
 * (v1) and "0::/path" (v2); a hybrid machine has both, and then the controller is with v1.
 */
struct machine_cgroup {
	bool v2;
	size_t top; /* length of the mount point in dir */
	char dir[MACHINE_PATH];
};

static bool machine_cgroup_line(const char *line, size_t len, bool *v2, char *path, size_t size)
{
	const char *list = memchr(line, ':', len), *colon;
	char controllers[128];

	if (!list++)
		return false;
	colon = memchr(list, ':', len - (size_t)(list - line));
	if (!colon || (size_t)(colon - list) >= sizeof controllers - 2)
		return false;
	snprintf(controllers, sizeof controllers, ",%.*s,", (int)(colon - list), list);
	*v2 = colon == list;
	if (!*v2 && !strstr(controllers, ",cpu,"))
		return false;
	snprintf(path, size, "%.*s", (int)(len - (size_t)(colon + 1 - line)), colon + 1);
	return true;
}

static int machine_cgroup_find(const char *root, struct machine_cgroup *g)
{
	char text[4096], file[MACHINE_PATH], path[MACHINE_PATH / 2], found[MACHINE_PATH / 2];
	bool v2, any = false;

	snprintf(file, sizeof file, "%s/proc/self/cgroup", root);
	if (machine_file(file, text, sizeof text) < 0)
		return -ENOENT;
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		if (machine_cgroup_line(line, len, &v2, found, sizeof found) && (!any || !v2)) {
			any = true;
			g->v2 = v2;
			memcpy(path, found, sizeof path);
		}
		line += len + (line[len] == '\n');
	}
	if (!any)
		return -ENOENT;
	g->top = (size_t)snprintf(g->dir, sizeof g->dir, "%s/sys/fs/cgroup%s", root, g->v2 ? "" : "/cpu");
	if (strcmp(path, "/") != 0)
		snprintf(g->dir + g->top, sizeof g->dir - g->top, "%s", path);
	return 0;
}

/* Steps to the parent; false at the top. In a container the path may be the outer one and not
 * exist in here: then only the top has files. */
static bool machine_cgroup_up(struct machine_cgroup *g)
{
	char *slash = strrchr(g->dir + g->top, '/');

	if (!slash)
		return false;
	*slash = '\0';
	return true;
}

static int machine_cgroup_file(const struct machine_cgroup *g, const char *name, char *text, size_t size)
{
	char path[MACHINE_PATH + 64];

	snprintf(path, sizeof path, "%s/%s", g->dir, name);
	return machine_file(path, text, size);
}

/* The quota of this one level, thousandths of a CPU, or -1. */
static int64_t machine_level_quota(const struct machine_cgroup *g)
{
	char text[256];
	int64_t quota = -1, period = 0;

	if (g->v2) {
		if (machine_cgroup_file(g, "cpu.max", text, sizeof text) < 0 ||
		    sscanf(text, "%" SCNd64 " %" SCNd64, &quota, &period) != 2)
			return -1;
	} else {
		if (machine_cgroup_file(g, "cpu.cfs_quota_us", text, sizeof text) < 0)
			return -1;
		quota = strtoll(text, NULL, 10);
		if (machine_cgroup_file(g, "cpu.cfs_period_us", text, sizeof text) < 0)
			return -1;
		period = strtoll(text, NULL, 10);
	}
	return quota > 0 && period > 0 ? quota * 1000 / period : -1;
}

int64_t machine_cpu_quota(const char *root)
{
	struct machine_cgroup g;
	int64_t least = -1, quota;

	if (machine_cgroup_find(root, &g) < 0)
		return -1;
	do {
		quota = machine_level_quota(&g);
		if (quota >= 0 && (least < 0 || quota < least))
			least = quota;
	} while (machine_cgroup_up(&g));
	return least;
}

bool machine_whole_cpu(const char *root)
{
	int64_t quota = machine_cpu_quota(root);

	return (quota < 0 || quota >= 1000) && sysconf(_SC_NPROCESSORS_ONLN) > 1;
}

/* ns that the quotas of all levels stopped us. A level without a quota has no such line: 0. */
static int64_t machine_throttled(const char *root)
{
	struct machine_cgroup g;
	char text[2048];
	int64_t sum = -1, value;

	if (machine_cgroup_find(root, &g) < 0)
		return -1;
	do {
		if (machine_cgroup_file(&g, "cpu.stat", text, sizeof text) < 0)
			continue;
		value = g.v2 ? machine_value(text, "throttled_usec") : machine_value(text, "throttled_time");
		sum = sum < 0 ? 0 : sum;
		if (value > 0)
			sum += g.v2 ? value * SQ_US : value;
	} while (machine_cgroup_up(&g));
	return sum;
}

/* Of the process's first thread, which is the one that runs the loop (kernel: sched-stats.rst). */
static int64_t machine_run_queue(const char *root)
{
	char path[MACHINE_PATH], text[128];
	int64_t waited;

	snprintf(path, sizeof path, "%s/proc/self/schedstat", root);
	if (machine_file(path, text, sizeof text) < 0 || sscanf(text, "%*d %" SCNd64, &waited) != 1)
		return -1;
	return waited;
}

/* The eighth number of the line "cpu", in clock ticks, over the number of CPUs (proc(5)). */
static int64_t machine_steal(const char *root)
{
	char path[MACHINE_PATH], text[65536];
	int64_t steal, cpus = 0;

	snprintf(path, sizeof path, "%s/proc/stat", root);
	if (machine_file(path, text, sizeof text) < 0 ||
	    sscanf(text, "cpu %*d %*d %*d %*d %*d %*d %*d %" SCNd64, &steal) != 1)
		return -1;
	for (const char *line = text; (line = strstr(line, "\ncpu")); line += 4)
		cpus++;
	return cpus ? steal * (SQ_S / sysconf(_SC_CLK_TCK)) / cpus : -1;
}

/* The n-th word of a line, counted from 0, as a number. */
static int64_t machine_word(const char *line, int n)
{
	for (; n > 0; n--) {
		line += strcspn(line, " \n");
		line += *line == ' ';
	}
	return strtoll(line, NULL, 10);
}

/* Two lines "Tcp: NAME ..." and "Tcp: VALUE ..." belong together (net/ipv4/proc.c). */
static void machine_tcp(const char *root, struct machine_marks *m)
{
	char path[MACHINE_PATH], text[8192], *names, *values;
	int at = 0;

	snprintf(path, sizeof path, "%s/proc/self/net/snmp", root);
	if (machine_file(path, text, sizeof text) < 0 || !(names = strstr(text, "Tcp: ")) ||
	    !(values = strstr(names, "\nTcp: ")))
		return;
	*values++ = '\0';
	for (char *save, *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save), at++) {
		if (strcmp(name, "OutSegs") == 0)
			m->segments = machine_word(values, at);
		else if (strcmp(name, "RetransSegs") == 0)
			m->retransmits = machine_word(values, at);
	}
}

static int64_t machine_cpu(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) < 0)
		return -1;
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * SQ_S +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * SQ_US;
}

void machine_read(const char *root, int64_t now, struct machine_marks *m)
{
	*m = (struct machine_marks){.at = now, .segments = -1, .retransmits = -1};
	m->cpu = machine_cpu();
	m->throttled = machine_throttled(root);
	m->run_queue = machine_run_queue(root);
	m->steal = machine_steal(root);
	machine_tcp(root, m);
}

static int64_t machine_difference(int64_t from, int64_t to)
{
	return from < 0 || to < from ? -1 : to - from;
}

void machine_between(const struct machine_marks *from, const struct machine_marks *to, struct health *h)
{
	h->elapsed = to->at - from->at;
	h->cpu = machine_difference(from->cpu, to->cpu);
	h->throttled = machine_difference(from->throttled, to->throttled);
	h->run_queue = machine_difference(from->run_queue, to->run_queue);
	h->steal = machine_difference(from->steal, to->steal);
	h->retransmits = machine_difference(from->retransmits, to->retransmits);
	h->segments = machine_difference(from->segments, to->segments);
}
