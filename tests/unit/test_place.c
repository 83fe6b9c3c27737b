/* test_place.c - two daemons and the workers of one test, as a file knows them. */
#include "plugins/scheduler/fork/place.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <squall/op.h>

#include "tests/tap.h"

static char dir[] = "/tmp/squall-place-XXXXXX";

/* A process that has the lock, as a worker has it. */
static pid_t start(int fd)
{
	pid_t pid = fork();

	if (pid == 0) {
		dup2(fd, PLACE_FD);
		for (int i = 3; i < 64; i++)
			if (i != PLACE_FD)
				close(i);
		pause();
		_exit(0);
	}
	return pid;
}

static bool ended(pid_t pid, int how)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == how;
}

static bool is_there(const char *id)
{
	char path[200];

	snprintf(path, sizeof path, "%s/workers.%s", dir, id);
	return access(path, F_OK) == 0;
}

/* Two workers under this fence. */
static void start_two(const char *id, uint64_t fence, pid_t pids[2])
{
	int fd = -1, r = place_take(dir, id, fence, &fd);

	ok(r == 0 && fd >= 0, "the place is taken under fence %d", (int)fence);
	pids[0] = start(fd);
	pids[1] = start(fd);
	close(fd);
	is_int(place_name(dir, id, fence, pids, 2), 0, "its workers are named");
}

static void test_nobody(void)
{
	is_int(place_claim(dir, "none", 1), -ENOENT, "nobody was ever there");
	is_int(place_clear(dir, "none", 1), 0, "nobody has to go");
	ok(!is_there("none"), "asking makes no file");
}

static void test_adopted(void)
{
	pid_t pids[2];
	int fd = -1;

	start_two("a", 1, pids);
	is_int(place_claim(dir, "a", 2), -EAGAIN, "an adopter is told that they are alive");
	is_int(place_claim(dir, "a", 1), -SQ_EFENCED, "from then on the old owner is refused");
	is_int(place_take(dir, "a", 1, &fd), -SQ_EFENCED, "it cannot start any");
	is_int(place_name(dir, "a", 1, pids, 2), -SQ_EFENCED, "nor name any");
	is_int(place_clear(dir, "a", 1), -SQ_EFENCED, "nor end any");
	ok(kill(pids[0], 0) == 0 && kill(pids[1], 0) == 0, "they live");
	kill(pids[0], SIGTERM);
	ok(ended(pids[0], SIGTERM), "one of them ends");
	is_int(place_claim(dir, "a", 2), -EAGAIN, "one is enough");
	kill(pids[1], SIGTERM);
	ok(ended(pids[1], SIGTERM), "so does the other");
	is_int(place_claim(dir, "a", 2), -ENOENT, "now they are confirmed gone");
	ok(!is_there("a"), "and nothing is left of them");
}

static void test_cleared(void)
{
	pid_t pids[2];

	start_two("b", 3, pids);
	is_int(place_clear(dir, "b", 4), -EAGAIN, "they are asked to go");
	ok(ended(pids[0], SIGKILL) && ended(pids[1], SIGKILL), "both are killed");
	is_int(place_clear(dir, "b", 4), 0, "and confirmed gone");
	ok(!is_there("b"), "the file as well");
}

static void test_taken_over(void)
{
	pid_t old[2], new[2];
	int fd = -1;

	start_two("c", 1, old);
	is_int(place_take(dir, "c", 2, &fd), -EAGAIN, "the next owner's workers wait");
	ok(fd == -1 && ended(old[0], SIGKILL) && ended(old[1], SIGKILL), "until the old ones are dead");
	start_two("c", 2, new);
	is_int(place_clear(dir, "c", 1), -SQ_EFENCED, "which the old owner cannot end");
	is_int(place_clear(dir, "c", 2), -EAGAIN, "their own can");
	ok(ended(new[0], SIGKILL) && ended(new[1], SIGKILL), "and does");
	is_int(place_clear(dir, "c", 2), 0, "gone");
}

/* A number that is another process's by now. */
static void test_stranger(void)
{
	pid_t pids[2], stranger = fork();

	if (stranger == 0) {
		pause();
		_exit(0);
	}
	start_two("d", 1, pids);
	kill(pids[1], SIGKILL);
	ok(ended(pids[1], SIGKILL), "a worker is gone, and its number is given to somebody else");
	pids[1] = stranger;
	is_int(place_name(dir, "d", 1, pids, 2), 0, "so the file names a stranger");
	is_int(place_clear(dir, "d", 1), -EAGAIN, "the workers are killed");
	ok(ended(pids[0], SIGKILL), "the one that is left");
	ok(kill(stranger, 0) == 0 && waitpid(stranger, NULL, WNOHANG) == 0, "and not the stranger");
	kill(stranger, SIGTERM);
	ok(ended(stranger, SIGTERM), "who is ended by us");
	is_int(place_clear(dir, "d", 1), 0, "gone");
}

static void test_trouble(void)
{
	int fd = -1;

	is_int(place_take("/nowhere", "a", 1, &fd), -ENOENT, "no such folder");
	ok(fd == -1, "and no descriptor");
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	test_nobody();
	test_adopted();
	test_cleared();
	test_taken_over();
	test_stranger();
	test_trouble();
	ok(rmdir(dir) == 0, "no file is left");
	return tap_done();
}
