/* spawn.c - this program again, as a worker. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIFELINE_FD 3 /* in the worker */

/* Passed on from our own environment. Everything else stays here: connection strings, passwords and
 * the variables that a plan beats (TARGET_URL, HITS_PER_SEC, DURATION_SEC). */
static const char *const allowed[] = {
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "SQUALL_PLUGIN_DIR",
    "SQUALL_FAILPOINT",
    "ASAN_OPTIONS",
    "UBSAN_OPTIONS",
};

static bool is_variable(const char *text, const char *name)
{
	size_t n = strlen(name);

	return strncmp(text, name, n) == 0 && text[n] == '=';
}

static const char *find(const char *const *list, const char *name)
{
	while (*list && !is_variable(*list, name))
		list++;
	return *list;
}

/* Ours, unless the job has one of that name. */
static const char *own_variable(const char *const *job_env, const char *name)
{
	return find(job_env, name) ? NULL : find((const char *const *)environ, name);
}

char **spawn_copy(const char *const *list)
{
	size_t n = 0, bytes = 0;
	char **block, *text;

	for (; list[n]; n++)
		bytes += strlen(list[n]) + 1;
	block = malloc((n + 1) * sizeof *block + bytes);
	if (!block)
		return NULL;
	text = (char *)(block + n + 1);
	for (size_t i = 0; i < n; i++) {
		block[i] = text;
		text = stpcpy(text, list[i]) + 1;
	}
	block[n] = NULL;
	return block;
}

char **spawn_environment(const char *const *job_env, const char *worker)
{
	char name[160];
	size_t count = 0, n = 0;
	const char **list;
	char **env;

	while (job_env[count])
		count++;
	list = calloc(count + SQ_LEN(allowed) + 2, sizeof *list);
	if (!list)
		return NULL;
	snprintf(name, sizeof name, "SQUALL_WORKER=%s", worker);
	list[n++] = name;
	for (size_t i = 0; i < count; i++)
		list[n++] = job_env[i];
	for (size_t i = 0; i < SQ_LEN(allowed); i++)
		if ((list[n] = own_variable(job_env, allowed[i])) != NULL)
			n++;
	env = spawn_copy(list);
	free(list);
	return env;
}

static int add_files(posix_spawn_file_actions_t *files, int lifeline)
{
	int e = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

	if (e == 0)
		e = posix_spawn_file_actions_addopen(files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (e == 0) /* also when the two are the same: it stays open then */
		e = posix_spawn_file_actions_adddup2(files, lifeline, LIFELINE_FD);
	return e;
}

static int set_signals(posix_spawnattr_t *attr)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(attr, &all);
	posix_spawnattr_setpgroup(attr, 0);
	return posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
	                                          POSIX_SPAWN_SETPGROUP);
}

int spawn_self(const char *conf, char *const *env, int lifeline, pid_t *ret, struct sq_err *err)
{
	static const char fd[] = {'0' + LIFELINE_FD, '\0'};
	const char *const argv[] = {"squalld", "-c", conf, "--lifeline", fd, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int e = posix_spawn_file_actions_init(&files);

	if (e == 0) {
		e = posix_spawnattr_init(&attr);
		if (e == 0) {
			e = add_files(&files, lifeline);
			if (e == 0)
				e = set_signals(&attr);
			if (e == 0)
				e = posix_spawn(ret, "/proc/self/exe", &files, &attr, (char *const *)argv,
				                env);
			posix_spawnattr_destroy(&attr);
		}
		posix_spawn_file_actions_destroy(&files);
	}
	return e ? sq_fail(err, -e, "cannot start a worker process: %s", strerror(e)) : 0;
}

void spawn_pin(pid_t pid, uint32_t n)
{
	cpu_set_t ours, one;
	uint32_t count, left;
	unsigned cpu = 0;

	if (sched_getaffinity(0, sizeof ours, &ours) < 0)
		return;
	count = (uint32_t)CPU_COUNT(&ours);
	if (count == 0)
		return;
	left = n % count;
	while (!CPU_ISSET(cpu, &ours) || left-- > 0)
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(pid, sizeof one, &one);
}
