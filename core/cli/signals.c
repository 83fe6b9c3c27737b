/* signals.c - SIGINT, SIGTERM and SIGHUP ask squall to end in order; a second one kills it. */
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include <squall/util.h>

static int pipe_fd[2] = {-1, -1};
static volatile sig_atomic_t first, resized;

static void wake(void)
{
	int saved = errno;
	ssize_t n = write(pipe_fd[1], "", 1); /* a full pipe wakes as well */

	(void)n;
	errno = saved;
}

static void on_signal(int number)
{
	if (number == SIGWINCH) {
		resized = 1;
	} else if (first) {
		signal(number, SIG_DFL);
		raise(number);
	} else {
		first = number;
	}
	wake();
}

int signals_catch(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	if (pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < SQ_LEN(numbers); i++)
		sigaction(numbers[i], &action, NULL);
	return 0;
}

int signals_fd(void)
{
	return pipe_fd[0];
}

int signals_taken(void)
{
	char buf[64];

	while (read(pipe_fd[0], buf, sizeof buf) > 0)
		;
	return first;
}

bool signals_resized(void)
{
	bool was = resized;

	resized = 0;
	return was;
}
