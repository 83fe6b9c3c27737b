/* dies.h - checks that something ends the process by abort(), in a child of its own. */
#ifndef TESTS_DIES_H
#define TESTS_DIES_H

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tap.h"

/* act() must raise SIGABRT and say words on standard error first. */
__attribute__((unused)) static void dies(void (*act)(void), const char *words, const char *name)
{
	char text[1024] = "";
	int fds[2], status = 0;
	pid_t pid;
	ssize_t n;

	if (pipe(fds) < 0) {
		ok(false, "%s: no pipe", name);
		return;
	}
	pid = fork();
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		dup2(fds[1], STDERR_FILENO);
		act();
		_exit(0);
	}
	close(fds[1]);
	n = read(fds[0], text, sizeof text - 1);
	close(fds[0]);
	waitpid(pid, &status, 0);
	ok(n > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && strstr(text, words), "%s: abort",
	   name);
}

#endif
