/* reach.c - tries to connect to each address of the target once. */
#include "reach.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

static void reach_end(struct reach_try *t, int error)
{
	struct reach *r = t->reach;

	ev_io_stop(r->loop, &t->io);
	close(t->io.fd);
	t->pending = false;
	t->error = error;
	r->pending--;
}

static void reach_check_done(struct reach *r)
{
	if (r->pending > 0)
		return;
	ev_timer_stop(r->loop, &r->limit);
	r->done(r);
}

static void reach_writable(EV_P_ struct ev_io *w, int revents)
{
	struct reach_try *t = sq_container(w, struct reach_try, io);
	int error = 0;
	socklen_t len = sizeof error;

	(void)loop;
	(void)revents;
	if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	reach_end(t, error);
	reach_check_done(t->reach);
}

static void reach_late(EV_P_ struct ev_timer *w, int revents)
{
	struct reach *r = sq_container(w, struct reach, limit);

	(void)loop;
	(void)revents;
	for (uint32_t i = 0; i < r->all->count; i++)
		if (r->tries[i].pending)
			reach_end(&r->tries[i], ETIMEDOUT);
	reach_check_done(r);
}

/* 0 while it is under way, else the errno. */
static int reach_connect(struct reach_try *t, const struct address *a)
{
	int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return errno;
	if (connect(fd, (const struct sockaddr *)&a->sa, a->len) < 0 && errno != EINPROGRESS) {
		error = errno;
		close(fd);
		return error;
	}
	ev_io_init(&t->io, reach_writable, fd, EV_WRITE);
	ev_io_start(t->reach->loop, &t->io);
	return 0;
}

void reach_start(struct reach *r, int64_t timeout)
{
	assert(r->loop && r->all && r->done);
	ev_timer_init(&r->limit, reach_late, (double)timeout / SQ_S, 0);
	r->pending = 0;
	for (uint32_t i = 0; i < r->all->count; i++) {
		struct reach_try *t = &r->tries[i];

		memset(t, 0, sizeof *t);
		t->reach = r;
		t->error = reach_connect(t, &r->all->list[i]);
		t->pending = t->error == 0;
		r->pending += t->pending;
	}
	if (r->pending > 0)
		ev_timer_start(r->loop, &r->limit);
	reach_check_done(r);
}

void reach_stop(struct reach *r)
{
	for (uint32_t i = 0; r->pending > 0; i++)
		if (r->tries[i].pending)
			reach_end(&r->tries[i], ECANCELED);
	if (r->loop)
		ev_timer_stop(r->loop, &r->limit);
}

void reach_accepted(const struct reach *r, struct addresses *out)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < r->all->count; i++)
		if (r->tries[i].error == 0)
			out->list[kept++] = r->all->list[i];
	out->count = kept;
}
