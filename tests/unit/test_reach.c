/* test_reach.c - addresses that refuse are left out, whatever their place in the list. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "plugins/role/worker/reach.h"
#include "tests/tap.h"

/* An address of this machine; nobody answers there once it is closed. */
static int listen_at(struct address *a)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&a->sa;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	memset(a, 0, sizeof *a);
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a->len = sizeof *in;
	if (bind(fd, (struct sockaddr *)in, sizeof *in) < 0 || listen(fd, 8) < 0 ||
	    getsockname(fd, (struct sockaddr *)in, &a->len) < 0)
		abort();
	snprintf(a->text, sizeof a->text, "127.0.0.1:%u", ntohs(in->sin_port));
	return fd;
}

struct bench {
	struct reach reach;
	int done;
};

static void on_done(struct reach *r)
{
	sq_container(r, struct bench, reach)->done++;
}

static void check(const char *name, const char *alive, const char *want)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct bench *b = calloc(1, sizeof *b);
	struct addresses all = {.count = (uint32_t)strlen(alive)}, accepted;
	int fds[8];

	for (uint32_t i = 0; i < all.count; i++)
		fds[i] = listen_at(&all.list[i]);
	for (uint32_t i = 0; i < all.count; i++)
		if (alive[i] != 'y')
			close(fds[i]);
	b->reach.loop = loop;
	b->reach.all = &all;
	b->reach.done = on_done;
	b->reach.connect = 10 * SQ_S;
	reach_start(&b->reach);
	ev_run(loop, 0);
	is_int(b->done, 1, name);
	reach_accepted(&b->reach, &accepted);
	is_int(accepted.count, strlen(want), "  as many as accepted");
	for (uint32_t i = 0; i < accepted.count; i++)
		is_str(accepted.list[i].text, all.list[want[i] - '0'].text, "  in order");
	for (uint32_t i = 0; i < all.count; i++) {
		is_int(b->reach.tries[i].error, alive[i] == 'y' ? 0 : ECONNREFUSED, "  and why");
		if (alive[i] == 'y')
			close(fds[i]);
	}
	reach_stop(&b->reach);
	free(b);
	ev_loop_destroy(loop);
}

/* Stopped half-way: done() is not called, and nothing is left open. */
static void test_stop(void)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct bench *b = calloc(1, sizeof *b);
	struct addresses all = {.count = 1};
	int fd = listen_at(&all.list[0]);

	b->reach.loop = loop;
	b->reach.all = &all;
	b->reach.done = on_done;
	b->reach.connect = 10 * SQ_S;
	reach_start(&b->reach);
	reach_stop(&b->reach);
	reach_stop(&b->reach);
	ev_run(loop, 0);
	is_int(b->done, 0, "stopped: not told");
	close(fd);
	free(b);
	ev_loop_destroy(loop);
}

int main(void)
{
	check("one that accepts", "y", "0");
	check("one that refuses", "n", "");
	check("the first refuses", "nyy", "12");
	check("one in the middle refuses", "yny", "02");
	check("all refuse", "nnn", "");
	test_stop();
	return tap_done();
}
