/* responder.c - the private target of the self-test, and who freezes it. */
#include "responder.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define BACKLOG 4096 /* connections that the kernel takes while it is frozen */

struct responder_shared {
	atomic_uint_fast64_t requests;
	atomic_int_fast64_t longest; /* ns between two answers */
	atomic_bool frozen; /* and goes on */
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SQ_S + ts.tv_nsec;
}

static void sleep_ns(int64_t ns)
{
	struct timespec ts = {ns / SQ_S, ns % SQ_S};

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

/* --- the target ------------------------------------------------------------------------------ */

static void take_peers(int listener, int epoll)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int on = 1;

	while ((ev.data.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		setsockopt(ev.data.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, ev.data.fd, &ev) < 0)
			close(ev.data.fd);
	}
}

/* Between this answer and the one before. */
static void note_gap(struct responder_shared *shared)
{
	static int64_t last;
	int64_t now = now_ns();

	if (last && now - last > atomic_load(&shared->longest))
		atomic_store(&shared->longest, now - last);
	last = now;
}

static void answer_peer(struct responder_shared *shared, int fd)
{
	char request[16384];
	ssize_t n = recv(fd, request, sizeof request, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		n = send(fd, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL);
	if (n <= 0) {
		close(fd);
		return;
	}
	note_gap(shared);
	atomic_fetch_add(&shared->requests, 1);
}

static _Noreturn void serve(struct responder_shared *shared, int listener)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = listener}, ready[256];
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev) < 0)
		_exit(1);
	for (;;) {
		int n = epoll_wait(epoll, ready, SQ_LEN(ready), -1);

		for (int i = 0; i < n; i++)
			if (ready[i].data.fd == listener)
				take_peers(listener, epoll);
			else
				answer_peer(shared, ready[i].data.fd);
	}
}

/* --- who freezes it -------------------------------------------------------------------------- */

static _Noreturn void freeze(struct responder_shared *shared, pid_t target, uint64_t after, int64_t ns)
{
	while (atomic_load(&shared->requests) < after)
		sleep_ns(SQ_MS);
	if (kill(target, SIGSTOP) < 0)
		_exit(1);
	sleep_ns(ns);
	kill(target, SIGCONT);
	atomic_store(&shared->frozen, true);
	_exit(0);
}

/* --- life ------------------------------------------------------------------------------------ */

static int open_listener(uint16_t *ret_port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof in;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&in, len) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	*ret_port = ntohs(in.sin_port);
	return fd;
}

/* A child that dies with us, however we die. */
static pid_t spawn(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGINT, SIG_IGN); /* of a terminal: the test ends first, and then we */
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

static int start_processes(struct responder *r, uint64_t after, int64_t ns)
{
	int listener = open_listener(&r->port);

	if (listener < 0)
		return listener;
	r->shared = mmap(NULL, sizeof *r->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r->shared == MAP_FAILED) {
		r->shared = NULL;
		close(listener);
		return -ENOMEM;
	}
	r->pid = spawn();
	if (r->pid == 0)
		serve(r->shared, listener);
	close(listener);
	if (r->pid > 0 && ns > 0 && (r->freezer = spawn()) == 0)
		freeze(r->shared, r->pid, after, ns);
	return r->pid < 0 || r->freezer < 0 ? -EAGAIN : 0;
}

int responder_start(struct responder *r, uint64_t after, int64_t ns, struct sq_err *err)
{
	int status;

	*r = (struct responder){0};
	status = start_processes(r, after, ns);
	if (status == 0)
		return 0;
	responder_stop(r);
	return sq_fail(err, status, "the private target cannot be started: %s", strerror(-status));
}

static void end(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void responder_stop(struct responder *r)
{
	end(r->freezer);
	end(r->pid);
	if (r->shared)
		munmap(r->shared, sizeof *r->shared);
	*r = (struct responder){0};
}

int64_t responder_frozen(const struct responder *r)
{
	return r->shared && atomic_load(&r->shared->frozen) ? atomic_load(&r->shared->longest) : 0;
}
