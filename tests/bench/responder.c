/*
 * responder.c - the server of the benches: answers every request with the same small answer, one
 * thread, epoll, two system calls a request and its share of a wait. It does nothing that a client's
 * figures could depend on.
 *
 *     responder SEEN ARRIVALS [CERTIFICATE KEY]     prints its port (127.0.0.1)
 *
 * SEEN is the file of bench.h, in which that many arrivals are stamped. With a certificate it speaks TLS.
 *
 * A request ends with its head: clients send no bodies.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/bench/bench.h"

#define ANSWER                         \
	"HTTP/1.1 200 OK\r\n"          \
	"Server: responder\r\n"        \
	"Content-Type: text/plain\r\n" \
	"Connection: keep-alive\r\n"   \
	"Content-Length: 12\r\n\r\n"   \
	"hello world\n"
#define ANSWERS_MAX 64 /* to one read: what a client that pipelines may have sent */
#define FILES_MAX 65536

static char answers[ANSWERS_MAX * sizeof ANSWER];
static uint8_t matched[FILES_MAX]; /* bytes of the end of a head that a connection's last read ended with */
static struct seen *seen;
static SSL_CTX *tls; /* NULL: none is spoken */
static SSL *sessions[FILES_MAX];

static int listen_anywhere(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&in, len) < 0 || listen(fd, 65535) < 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) < 0)
		bench_die("responder: listen");
	printf("%d\n", ntohs(in.sin_port));
	fflush(stdout);
	return fd;
}

static void take(int poll, int listener)
{
	int fd, on = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

		if (fd >= FILES_MAX) {
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		matched[fd] = 0;
		if (tls) {
			sessions[fd] = SSL_new(tls);
			if (!sessions[fd] || SSL_set_fd(sessions[fd], fd) != 1)
				bench_die("responder: TLS");
			SSL_set_accept_state(sessions[fd]);
		}
		epoll_ctl(poll, EPOLL_CTL_ADD, fd, &e);
	}
}

/* How many heads end in these bytes; an end may be cut by reads. */
static int count_heads(int fd, const char *p, ssize_t n)
{
	static const char end[] = "\r\n\r\n";
	int heads = 0, m = matched[fd];

	for (const char *last = p + n; p < last; p++) {
		if (m == 0 && !(p = memchr(p, '\r', (size_t)(last - p))))
			break;
		m = *p == end[m] ? m + 1 : *p == '\r';
		if (m == 4) {
			heads++;
			m = 0;
		}
	}
	matched[fd] = (uint8_t)m;
	return heads;
}

static void note(int heads)
{
	int64_t now = seen->requests < seen->room ? bench_now() : 0;

	for (int i = 0; i < heads && seen->requests + (unsigned)i < seen->room; i++)
		seen->arrived[seen->requests + (unsigned)i] = now;
	__atomic_store_n(&seen->requests, seen->requests + (unsigned)heads, __ATOMIC_RELEASE);
}

static void leave(int fd)
{
	SSL_free(sessions[fd]);
	sessions[fd] = NULL;
	close(fd);
}

/* Bytes, 0 at the end, or -1 when there are none for the moment. */
static ssize_t take_bytes(int fd, char *buffer, int size)
{
	ssize_t n = tls ? SSL_read(sessions[fd], buffer, size) : recv(fd, buffer, (size_t)size, 0);

	if (n > 0)
		return n;
	if (tls)
		return SSL_get_error(sessions[fd], (int)n) == SSL_ERROR_WANT_READ ? -1 : 0;
	return n < 0 && errno == EAGAIN ? -1 : 0;
}

static bool give_bytes(int fd, const char *data, size_t len)
{
	return tls ? SSL_write(sessions[fd], data, (int)len) > 0 : send(fd, data, len, MSG_NOSIGNAL) >= 0;
}

static void serve(int fd)
{
	char buffer[16384];
	ssize_t n = take_bytes(fd, buffer, sizeof buffer);
	int heads;

	if (n <= 0) {
		if (n == 0)
			leave(fd);
		return;
	}
	heads = count_heads(fd, buffer, n);
	if (heads > ANSWERS_MAX)
		bench_die("responder: too many requests in one read");
	note(heads);
	/* Clients read what they asked for, so the socket takes it. */
	if (heads > 0 && !give_bytes(fd, answers, (size_t)heads * (sizeof ANSWER - 1)))
		leave(fd);
}

static void speak_tls(const char *certificate, const char *key)
{
	tls = SSL_CTX_new(TLS_server_method());
	if (!tls || SSL_CTX_use_certificate_file(tls, certificate, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
		fprintf(stderr, "responder: %s and %s are no certificate and key\n", certificate, key);
		exit(1);
	}
	signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
	struct epoll_event events[512], e = {.events = EPOLLIN};
	struct rlimit files;
	int poll = epoll_create1(0), listener;

	if (argc != 3 && argc != 5) {
		fprintf(stderr, "usage: responder SEEN ARRIVALS [CERTIFICATE KEY]\n");
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	seen = bench_seen(argv[1], atoll(argv[2]));
	if (argc == 5)
		speak_tls(argv[3], argv[4]);
	for (int i = 0; i < ANSWERS_MAX; i++)
		memcpy(answers + (size_t)i * (sizeof ANSWER - 1), ANSWER, sizeof ANSWER);
	listener = e.data.fd = listen_anywhere();
	epoll_ctl(poll, EPOLL_CTL_ADD, listener, &e);
	for (;;) {
		int n = epoll_wait(poll, events, (int)SQ_LEN(events), -1);

		for (int i = 0; i < n; i++)
			if (events[i].data.fd == listener)
				take(poll, listener);
			else
				serve(events[i].data.fd);
	}
}
