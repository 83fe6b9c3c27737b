/* spawn.c - fork, a few async-signal-safe calls, exec of ourselves. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define LIFELINE_FD 3

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
    "SQUALL_LOG_LEVEL",
    "SQUALL_PLUGIN_DIR",
    "ASAN_OPTIONS",
    "UBSAN_OPTIONS",
    "SQUALL_FAILPOINT",
    "LD_LIBRARY_PATH",
};

static const char *own_variable(const char *name)
{
	size_t n = strlen(name);

	for (char **e = environ; *e; e++)
		if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
			return *e;
	return NULL;
}

static size_t count(const char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* The strings are copied behind the pointers. */
char **spawn_environment(const char *const *job_env, const char *worker_name)
{
	static const char worker[] = "SQUALL_WORKER=";
	size_t jobs = count(job_env), most = jobs + SQ_LEN(allowed) + 2, n = 0, bytes = 0, len;
	const char **from = malloc(most * sizeof *from);
	char **env = NULL, *text;

	for (size_t i = 0; from && i < SQ_LEN(allowed); i++)
		if ((from[n] = own_variable(allowed[i])) != NULL)
			bytes += strlen(from[n++]) + 1;
	for (size_t i = 0; from && i < jobs; i++)
		bytes += strlen(from[n++] = job_env[i]) + 1;
	if (from)
		env = malloc((n + 2) * sizeof *env + bytes + sizeof worker + strlen(worker_name));
	if (env) {
		text = (char *)(env + n + 2);
		for (size_t i = 0; i < n; i++) {
			len = strlen(from[i]) + 1;
			env[i] = memcpy(text, from[i], len);
			text += len;
		}
		env[n] = text;
		env[n + 1] = NULL;
		strcpy(stpcpy(text, worker), worker_name);
	}
	free(from);
	return env;
}

/* Between fork and exec only async-signal-safe calls: other threads may have held any lock. */
static _Noreturn void become(const char *conf, char *const *env, int cpu, int lifeline, int report)
{
	char fd[4] = {'0' + LIFELINE_FD, 0};
	char *const argv[] = {"squalld", "-c", (char *)conf, "--lifeline", fd, NULL};
	sigset_t none;
	int null = open("/dev/null", O_RDONLY), e;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (cpu >= 0) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET((unsigned)cpu, &set);
		sched_setaffinity(0, sizeof set,
		                  &set); /* a wish: a CPU that went away is no reason to fail */
	}
	/* report must survive the clearing of the low descriptors. */
	report = fcntl(report, F_DUPFD_CLOEXEC, LIFELINE_FD + 1);
	if (null >= 0 && dup2(null, 0) == 0 && dup2(lifeline, LIFELINE_FD) == LIFELINE_FD) {
		fcntl(LIFELINE_FD, F_SETFD, 0);
		execve("/proc/self/exe", argv, env);
	}
	e = errno;
	if (write(report, &e, sizeof e) < 0)
		_exit(126);
	_exit(127);
}

/* 0 once the child has become the new program, else the errno of its failure. */
static int wait_for_exec(int report)
{
	int e = 0;
	ssize_t n;

	do
		n = read(report, &e, sizeof e);
	while (n < 0 && errno == EINTR);
	return n == sizeof e ? e : 0;
}

int spawn_self(const char *conf, char *const *env, int cpu, struct spawned *ret, struct sq_err *err)
{
	int life[2], report[2], e;
	pid_t pid;

	if (pipe2(life, O_CLOEXEC) < 0)
		return sq_fail(err, -errno, "no pipe for a worker: %s", strerror(errno));
	if (pipe2(report, O_CLOEXEC) < 0) {
		e = errno;
		close(life[0]);
		close(life[1]);
		return sq_fail(err, -e, "no pipe for a worker: %s", strerror(e));
	}
	pid = fork();
	e = errno;
	if (pid == 0)
		become(conf, env, cpu, life[0], report[1]);
	close(life[0]);
	close(report[1]);
	if (pid > 0)
		e = wait_for_exec(report[0]);
	close(report[0]);
	if (pid > 0 && e == 0) {
		ret->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		e = ret->pidfd < 0 ? errno : 0;
		if (e)
			kill(pid, SIGKILL);
	}
	if (e) {
		if (pid > 0)
			waitpid(pid, NULL, 0);
		close(life[1]);
		return sq_fail(err, -e, "cannot start a worker process: %s", strerror(e));
	}
	ret->pid = pid;
	ret->lifeline = life[1];
	return 0;
}
