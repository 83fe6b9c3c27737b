/*
 * client.c - peers that squall is compared with.
 *
 *     client floor PORT CONNECTIONS          the least that any client can do: blocking send and recv on
 *                                            each connection in turn, for ever, and nothing else
 *     client timer PORT CONNECTIONS RATE SECONDS
 *                                            a generator with a timer of 1 ms, as most have: each time it
 *                                            expires all that is due is sent. Prints the median and the
 *                                            99th percentile of send - due in us, stamped before the send
 *                                            as squall does, and how many were sent
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/bench/bench.h"

/* As squall's, in every byte but the test's name and the port's digits. */
#define REQUEST                                                   \
	"POST /hit HTTP/1.1\r\n"                                  \
	"Host: 127.0.0.1:12345\r\n"                               \
	"User-Agent: squall/" PACKAGE_VERSION "\r\n"              \
	"X-Squall-Test: 00000000-0000-0000-0000-000000000000\r\n" \
	"Content-Length: 0\r\n\r\n"

static int dial(int port)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
	                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	                         .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&in, sizeof in) < 0)
		bench_die("client: connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static void ask(int fd)
{
	if (send(fd, REQUEST, sizeof REQUEST - 1, MSG_NOSIGNAL) != sizeof REQUEST - 1)
		bench_die("client: send");
}

static void hear(int fd)
{
	char buffer[4096];

	if (recv(fd, buffer, sizeof buffer, 0) <= 0)
		bench_die("client: recv");
}

__attribute__((noreturn)) static void run_floor(const int *fds, int count)
{
	for (int i = 0; i < count; i++)
		ask(fds[i]);
	for (int i = 0;; i = i + 1 < count ? i + 1 : 0) {
		hear(fds[i]);
		ask(fds[i]);
	}
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int run_timer(const int *fds, int count, int64_t rate, int64_t total)
{
	int64_t *late = calloc((size_t)total, sizeof *late), start = bench_now(), sent = 0;
	int *idle = calloc((size_t)count, sizeof *idle), free_count = count, poll = epoll_create1(0);
	struct epoll_event events[256];

	if (!late || !idle)
		bench_die("client");
	for (int i = 0; i < count; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.fd = fds[i]};

		idle[i] = fds[i];
		epoll_ctl(poll, EPOLL_CTL_ADD, fds[i], &e);
	}
	for (int64_t tick = start + SQ_MS; sent < total || free_count < count;) {
		int64_t now = bench_now(), wait = tick > now ? (tick - now + SQ_MS - 1) / SQ_MS : 0;
		int n = epoll_wait(poll, events, 256, (int)wait);

		for (int i = 0; i < n; i++) {
			hear(events[i].data.fd);
			idle[free_count++] = events[i].data.fd;
		}
		now = bench_now();
		if (now < tick)
			continue;
		tick = now + SQ_MS;
		for (; free_count > 0 && sent < total && start + sent * SQ_S / rate <= now; sent++) {
			late[sent] = bench_now() - (start + sent * SQ_S / rate);
			ask(idle[--free_count]);
		}
	}
	qsort(late, (size_t)total, sizeof *late, by_size);
	printf("%.1f %.1f %lld\n", (double)late[total / 2] / 1e3, (double)late[total * 99 / 100] / 1e3,
	       (long long)sent);
	free(late);
	free(idle);
	return 0;
}

int main(int argc, char **argv)
{
	bool timer = argc == 6 && strcmp(argv[1], "timer") == 0;
	struct rlimit files;
	int count, *fds;

	if (!timer && (argc != 4 || strcmp(argv[1], "floor") != 0)) {
		fprintf(stderr, "usage: client floor PORT CONNECTIONS\n"
		                "       client timer PORT CONNECTIONS RATE SECONDS\n");
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	count = atoi(argv[3]);
	fds = calloc((size_t)count, sizeof *fds);
	if (!fds || count < 1)
		bench_die("client");
	for (int i = 0; i < count; i++)
		fds[i] = dial(atoi(argv[2]));
	if (!timer)
		run_floor(fds, count);
	return run_timer(fds, count, atoll(argv[4]), atoll(argv[4]) * atoll(argv[5]));
}
