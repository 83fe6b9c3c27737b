/* test_machine.c - what the kernel's files say, from trees of fixture files. */
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/role/worker/machine.h"
#include "tests/tap.h"

static char root[256];

/* Writes root/path, making its folders. */
static void put(const char *path, const char *text)
{
	char name[512];
	FILE *f;

	snprintf(name, sizeof name, "%s/%s", root, path);
	for (char *slash = name + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(name, 0700);
		*slash = '/';
	}
	f = fopen(name, "w");
	if (!f)
		abort();
	fputs(text, f);
	fclose(f);
}

static void new_root(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(root, sizeof root, "%s/squall-machine-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(root))
		abort();
}

static void drop_root(void)
{
	char command[300];

	snprintf(command, sizeof command, "rm -r '%s'", root);
	if (system(command) != 0)
		abort();
}

static void test_nothing(void)
{
	struct machine_marks m;

	new_root();
	machine_read(root, 5, &m);
	is_int(m.at, 5, "the time is the caller's");
	is_int(m.throttled, -1, "no cgroup: throttling is unknown");
	is_int(m.run_queue, -1, "no schedstat: run queue is unknown");
	is_int(m.steal, -1, "no stat: steal is unknown");
	is_int(m.segments, -1, "no snmp: segments are unknown");
	is_int(machine_cpu_quota(root), -1, "no cgroup: no quota");
	ok(m.cpu >= 0, "CPU time is always known");
	drop_root();
}

static void test_v2(void)
{
	struct machine_marks m;

	new_root();
	put("proc/self/cgroup", "0::/pod/box\n");
	put("sys/fs/cgroup/cpu.stat", "usage_usec 1\n");
	put("sys/fs/cgroup/pod/cpu.max", "50000 100000\n");
	put("sys/fs/cgroup/pod/cpu.stat", "usage_usec 9\nnr_throttled 2\nthrottled_usec 1500\n");
	put("sys/fs/cgroup/pod/box/cpu.max", "max 100000\n");
	put("sys/fs/cgroup/pod/box/cpu.stat", "usage_usec 9\nnr_throttled 0\nthrottled_usec 0\n");
	is_int(machine_cpu_quota(root), 500, "v2: the quota of the parent binds");
	ok(!machine_whole_cpu(root), "v2: half a CPU is not a whole one");
	machine_read(root, 0, &m);
	is_int(m.throttled, 1500 * SQ_US, "v2: throttling of all levels, in ns");
	put("sys/fs/cgroup/pod/box/cpu.max", "25000 100000\n");
	is_int(machine_cpu_quota(root), 250, "v2: the smallest quota binds");
	put("sys/fs/cgroup/pod/box/cpu.max", "max 100000\n");
	put("sys/fs/cgroup/pod/cpu.max", "max 100000\n");
	is_int(machine_cpu_quota(root), -1, "v2: max is no quota");
	drop_root();
}

static void test_v1(void)
{
	struct machine_marks m;

	new_root();
	put("proc/self/cgroup", "9:name=systemd:/x\n4:cpuset:/\n3:cpu,cpuacct:/docker/abc\n0::/elsewhere\n");
	put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n");
	put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
	put("sys/fs/cgroup/cpu/cpu.stat", "nr_periods 10\nnr_throttled 3\nthrottled_time 777\n");
	is_int(machine_cpu_quota(root), 1500,
	       "v1: inside a container the outer path leads nowhere, the top counts");
	machine_read(root, 0, &m);
	is_int(m.throttled, 777, "v1: throttling is in ns already");
	put("sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us", "-1\n");
	put("sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us", "100000\n");
	is_int(machine_cpu_quota(root), 1500, "v1: -1 is no quota");
	put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "nonsense");
	is_int(machine_cpu_quota(root), -1, "v1: nonsense is no quota");
	drop_root();
}

static void test_counters(void)
{
	struct machine_marks from, to;
	struct health h = {0};
	long tick = SQ_S / sysconf(_SC_CLK_TCK);

	new_root();
	put("proc/self/schedstat", "365259 1000 7\n");
	put("proc/stat",
	    "cpu  1 2 3 4 5 6 7 80 9 10\ncpu0 0 0 0 0 0 0 0 40 0 0\ncpu1 0 0 0 0 0 0 0 40 0 0\nintr 1\n");
	put("proc/self/net/snmp",
	    "Ip: Forwarding\nIp: 1\nTcp: RtoMin OutSegs RetransSegs InErrs\nTcp: 200 458 3 9\n");
	machine_read(root, 100, &from);
	is_int(from.run_queue, 1000, "run queue: the second number");
	is_int(from.steal, 40 * tick, "steal: the eighth number, per CPU");
	is_int(from.segments, 458, "segments by the name of their column");
	is_int(from.retransmits, 3, "retransmits too");
	put("proc/self/schedstat", "465259 1600 9\n");
	put("proc/self/net/snmp", "Tcp: RetransSegs OutSegs\nTcp: 5 1458\n");
	machine_read(root, 350, &to);
	machine_between(&from, &to, &h);
	is_int(h.elapsed, 250, "differences: time");
	is_int(h.run_queue, 600, "differences: run queue");
	is_int(h.retransmits, 2, "differences: retransmits, also when the columns moved");
	is_int(h.segments, 1000, "differences: segments");
	is_int(h.steal, 0, "differences: steal");
	is_int(h.throttled, -1, "unknown stays unknown");
	put("proc/self/net/snmp", "Tcp: RetransSegs OutSegs\nTcp: 1\n");
	machine_read(root, 350, &to);
	machine_between(&from, &to, &h);
	is_int(h.retransmits, -1, "a counter that went back is unknown");
	put("proc/self/net/snmp", "Tcp: RetransSegs OutSegs");
	machine_read(root, 350, &to);
	is_int(to.segments, -1, "a cut file is unknown");
	drop_root();
}

int main(void)
{
	test_nothing();
	test_v2();
	test_v1();
	test_counters();
	return tap_done();
}
