/* test_registry.c - what processes of one state folder write down about each other's workers. */
#include "plugins/scheduler/fork/registry.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tap.h"

static char dir[] = "/tmp/squall-registry-XXXXXX";

static void test_processes(void)
{
	struct process p, me = process_of(getpid());
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	p = process_of(pid);
	ok(me.since > 0 && process_lives(me), "we live");
	ok(process_lives(p), "a child lives");
	me.since++;
	ok(!process_lives(me), "a pid that began at another time is somebody else");
	kill(pid, SIGSTOP);
	ok(process_lives(p), "who is stopped lives");
	kill(pid, SIGKILL);
	while (process_lives(p))
		usleep(1000);
	ok(true, "a zombie does not");
	waitpid(pid, NULL, 0);
	ok(!process_lives(p), "nor who is gone");
}

static void count(void *arg, const char *id)
{
	*(int *)arg += strcmp(id, "t1") == 0 ? 1 : 100;
}

static void test_entries(void)
{
	struct entry_worker workers[] = {{"t1-1", {10, 100}}, {"t1-2", {11, 101}}};
	struct entry e = {"abc", 7, {9, 99}, 2, workers}, got = {0};
	int n = 0;

	is_int(registry_open(dir), 0, "a folder that is there");
	is_int(registry_read(dir, "t1", &got), -ENOENT, "nothing is written down");
	is_int(registry_write(dir, "t1", &e), 0, "an entry");
	is_int(registry_read(dir, "t1", &got), 0, "is read");
	ok(strcmp(got.plan_sha256, "abc") == 0 && got.fence == 7 && got.owner.pid == 9 && got.owner.since == 99,
	   "as it was written");
	ok(got.count == 2 && strcmp(got.workers[1].name, "t1-2") == 0 && got.workers[1].process.pid == 11 &&
	       got.workers[1].process.since == 101,
	   "with its workers");
	entry_free(&got);
	is_int(registry_each(dir, count, &n), 0, "all of them");
	is_int(n, 1, "are one");
	registry_remove(dir, "t1");
	is_int(registry_read(dir, "t1", &got), -ENOENT, "and none when it is removed");
	is_int(registry_read("/nowhere", "t1", &got), -ENOENT, "nor in a folder that is not there");
	ok(registry_write("/nowhere", "t1", &e) < 0 && registry_lock("/nowhere") < 0, "where nothing can be done");
}

static void test_foreign(void)
{
	static const char *const texts[] = {
	    "",
	    "squall-workers 2 abc 7\n9 99\n1\nt1-1 10 100\n",
	    "squall-workers 1 abc 7\n9 99\n0\n",
	    "squall-workers 1 abc 7\n9 99\n4000000000\n",
	    "squall-workers 1 abc 7\n9 99\n2\nt1-1 10 100\n",
	    "squall-workers 1 abc x\n9 99\n1\nt1-1 10 100\n",
	};
	struct entry got = {0};
	char path[100];
	bool refused = true;

	snprintf(path, sizeof path, "%s/bad", dir);
	for (size_t i = 0; i < SQ_LEN(texts); i++) {
		FILE *f = fopen(path, "w");

		if (!f)
			exit(1);
		fputs(texts[i], f);
		fclose(f);
		refused &= registry_read(dir, "bad", &got) == -EBADMSG;
	}
	ok(refused, "what we did not write is refused");
	unlink(path);
}

static void test_lock(void)
{
	int lock = registry_lock(dir);

	ok(lock >= 0, "the lock is had");
	is_int(registry_lock(dir), -EAGAIN, "by one alone");
	close(lock);
	lock = registry_lock(dir);
	ok(lock >= 0, "then by the next");
	close(lock);
}

int main(void)
{
	char path[100];

	if (!mkdtemp(dir))
		exit(1);
	test_processes();
	test_entries();
	test_foreign();
	test_lock();
	snprintf(path, sizeof path, "%s/.lock", dir);
	unlink(path);
	rmdir(dir);
	return tap_done();
}
