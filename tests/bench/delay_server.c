/*
 * delay_server.c - answers every HTTP request after the same delay, on as many connections as there are;
 * with or without TLS.
 *
 *     delay_server DELAY_MS [CERT KEY]      prints its port, ends with its standard input, and prints how
 * many connections were open at once
 *
 * One thread, epoll, one queue of answers in the order of time. For benches: strangers it does not expect.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FDS_MAX 200000
#define EVENTS 512

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

struct peer {
	SSL *ssl;
	unsigned
	    generation; /* an answer is for the connection that asked, not for the next one of this number */
};

struct due {
	int64_t at;
	int fd;
	unsigned generation;
};

static struct peer peers[FDS_MAX];
static struct due *queue;
static size_t first, count, size = 1 << 20;
static SSL_CTX *tls;
static int poll_fd;
static int open_now, open_most;

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void end(int fd)
{
	SSL_free(peers[fd].ssl);
	peers[fd].ssl = NULL;
	peers[fd].generation++;
	open_now--;
	close(fd);
}

static void welcome(int listener)
{
	int fd, on = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

		if (fd >= FDS_MAX) {
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		if (tls) {
			peers[fd].ssl = SSL_new(tls);
			SSL_set_fd(peers[fd].ssl, fd);
			SSL_set_accept_state(peers[fd].ssl);
		}
		epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &e);
		open_most = ++open_now > open_most ? open_now : open_most;
	}
}

/* A read is a request. */
static void hear(int fd, int64_t delay)
{
	char data[4096];
	ssize_t n;

	if (peers[fd].ssl) {
		n = SSL_read(peers[fd].ssl, data, sizeof data);
		if (n <= 0 && SSL_get_error(peers[fd].ssl, (int)n) == SSL_ERROR_WANT_READ)
			return;
	} else {
		n = recv(fd, data, sizeof data, 0);
		if (n < 0 && errno == EAGAIN)
			return;
	}
	if (n <= 0) {
		end(fd);
		return;
	}
	if (count == size)
		abort();
	queue[(first + count++) % size] = (struct due){now_ns() + delay, fd, peers[fd].generation};
}

static void say(const struct due *d)
{
	if (d->generation != peers[d->fd].generation)
		return;
	if (peers[d->fd].ssl)
		SSL_write(peers[d->fd].ssl, answer, sizeof answer - 1);
	else if (send(d->fd, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0)
		end(d->fd);
}

static int wait_ms(void)
{
	int64_t left;

	if (count == 0)
		return 1000;
	left = queue[first].at - now_ns();
	return left <= 0 ? 0 : (int)(left / 1000000 + 1);
}

static int listen_somewhere(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (bind(fd, (struct sockaddr *)&in, sizeof in) < 0 || listen(fd, 4096) < 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) < 0)
		exit(1);
	printf("%u\n", ntohs(in.sin_port));
	fflush(stdout);
	return fd;
}

static void secure(const char *cert, const char *key)
{
	tls = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
	if (SSL_CTX_use_certificate_file(tls, cert, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
		exit(1);
}

static bool serve(int listener, int64_t delay)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(poll_fd, events, EVENTS, wait_ms());

	for (int i = 0; i < n; i++) {
		if (events[i].data.fd == STDIN_FILENO)
			return false;
		if (events[i].data.fd == listener)
			welcome(listener);
		else
			hear(events[i].data.fd, delay);
	}
	for (; count > 0 && queue[first].at <= now_ns(); count--, first = (first + 1) % size)
		say(&queue[first]);
	return true;
}

int main(int argc, char **argv)
{
	struct epoll_event e = {.events = EPOLLIN};
	struct rlimit files;
	int listener;

	if (argc != 2 && argc != 4)
		return 2;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (argc == 4)
		secure(argv[2], argv[3]);
	queue = calloc(size, sizeof *queue);
	poll_fd = epoll_create1(0);
	listener = listen_somewhere();
	e.data.fd = listener;
	epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &e);
	e.data.fd = STDIN_FILENO;
	epoll_ctl(poll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &e);
	while (queue && serve(listener, atoll(argv[1]) * 1000000LL))
		;
	printf("%d\n", open_most);
	return 0;
}
