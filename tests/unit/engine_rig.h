/*
 * engine_rig.h - an engine against a target in the same loop, for tests.
 */
#ifndef TESTS_ENGINE_RIG_H
#define TESTS_ENGINE_RIG_H

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include <ev.h>

#include "plugins/role/worker/clock.h"
#include "plugins/role/worker/dispatch.h"
#include "plugins/role/worker/engine.h"
#include "tests/tap.h"

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
#define CLOSING "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"
#define UNAVAILABLE "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"

enum manner { ANSWERS, CLOSES, RESETS_AFTER, RESETS, IS_BUSY, IS_SILENT, IS_AWAY };

/* Answers each read: our requests are small, so a read is a request. */
struct target {
	struct ev_loop *loop;
	enum manner manner;
	struct ev_io listener;
	struct ev_io peers[64];
	int peer_count, requests;
	int counted; /* with X-Squall-Test */
	char last[1024]; /* the bytes of the last request */
	struct address address;
};

static inline void peer_end(struct target *t, struct ev_io *io, bool reset)
{
	struct linger now = {reset, 0};

	setsockopt(io->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	ev_io_stop(t->loop, io);
	close(io->fd);
	io->fd = -1;
}

/* To whom is not there any more it is not said. */
static inline void peer_answer(struct ev_io *io, const char *text)
{
	if (send(io->fd, text, strlen(text), MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		abort();
}

static inline void peer_readable(EV_P_ struct ev_io *io, int revents)
{
	struct target *t = io->data;
	ssize_t n = recv(io->fd, t->last, sizeof t->last - 1, 0);

	(void)loop;
	(void)revents;
	if (n <= 0) {
		peer_end(t, io, false);
		return;
	}
	t->last[n] = '\0';
	t->requests++;
	t->counted += strstr(t->last, "X-Squall-Test") != NULL;
	if (t->manner == ANSWERS || t->manner == RESETS_AFTER)
		peer_answer(io, ANSWER);
	else if (t->manner == CLOSES)
		peer_answer(io, CLOSING);
	else if (t->manner == IS_BUSY)
		peer_answer(io, UNAVAILABLE);
	if (t->manner == CLOSES || t->manner == RESETS_AFTER || t->manner == RESETS)
		peer_end(t, io, t->manner != CLOSES);
}

/* The places of peers that left are used again. */
static inline void listener_readable(EV_P_ struct ev_io *w, int revents)
{
	struct target *t = sq_container(w, struct target, listener);
	int fd = accept(w->fd, NULL, NULL), i = 0;

	(void)loop;
	(void)revents;
	while (i < t->peer_count && t->peers[i].fd >= 0)
		i++;
	if (fd < 0 || i == (int)SQ_LEN(t->peers))
		abort();
	t->peer_count += i == t->peer_count;
	ev_io_init(&t->peers[i], peer_readable, fd, EV_READ);
	t->peers[i].data = t;
	ev_io_start(t->loop, &t->peers[i]);
}

static inline void target_open(struct target *t, struct ev_loop *loop, enum manner manner)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&t->address.sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	memset(t, 0, sizeof *t);
	t->loop = loop;
	t->manner = manner;
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	t->address.len = sizeof *in;
	if (bind(fd, (struct sockaddr *)in, sizeof *in) < 0 || listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)in, &t->address.len) < 0)
		abort();
	ev_io_init(&t->listener, listener_readable, fd, EV_READ);
	if (manner == IS_AWAY)
		close(fd);
	else
		ev_io_start(loop, &t->listener);
}

static inline void target_close(struct target *t)
{
	for (int i = 0; i < t->peer_count; i++)
		if (t->peers[i].fd >= 0)
			peer_end(t, &t->peers[i], false);
	if (t->manner == IS_AWAY)
		return;
	ev_io_stop(t->loop, &t->listener);
	close(t->listener.fd);
}

struct bench {
	struct ev_loop *loop;
	struct target target;
	struct addresses addresses;
	struct plan plan;
	struct schedule schedule;
	struct slots slots;
	struct accounts accounts;
	struct books *books; /* the only ones of the load */
	struct messages messages;
	struct engine *engine;
	struct ev_timer stop;
	uint64_t until_tick; /* 0 = the end */
	int scheduled, ended;
};

static char method[] = "GET";

static inline void on_scheduled(void *owner)
{
	((struct bench *)owner)->scheduled++;
}

static inline void on_ended(void *owner)
{
	struct bench *b = owner;

	b->ended++;
	ev_break(b->loop, EVBREAK_ALL);
}

static inline void bench_open(struct bench *b, enum manner manner, int64_t rate, int64_t duration)
{
	memset(b, 0, sizeof *b);
	b->loop = ev_loop_new(EVFLAG_AUTO);
	target_open(&b->target, b->loop, manner);
	b->addresses.count = 1;
	b->addresses.list[0] = b->target.address;
	b->plan.method = method;
	url_parse("http://x/", &b->plan.url, NULL);
	b->plan.workers = 1;
	b->plan.max_connections = 32;
	b->plan.max_in_flight = 1000;
	b->plan.timeout = b->plan.patience = 10 * SQ_S;
	b->plan.wire = (struct plan_wire){.connect = 10 * SQ_S, .tls = 10 * SQ_S, .first_byte = 10 * SQ_S};
	schedule_constant(&b->schedule, rate * PLAN_RATE_ONE, duration);
	if (slots_init(&b->slots, 1) < 0)
		abort();
	slots_deal(&b->slots, 0, 1);
}

static inline void bench_books(struct bench *b)
{
	if (accounts_init(&b->accounts, &b->plan) < 0 || messages_init(&b->messages, &b->plan, "1", "id") < 0)
		abort();
	b->books = b->accounts.common;
}

static inline size_t request_len(struct bench *b)
{
	return messages_render(&b->messages, 0, 0, true).len;
}

static inline int bench_engine(struct bench *b)
{
	struct engine_setup setup = {.loop = b->loop,
	                             .plan = &b->plan,
	                             .schedule = &b->schedule,
	                             .slots = &b->slots,
	                             .until_tick = b->until_tick ? b->until_tick : b->schedule.total,
	                             .addresses = &b->addresses,
	                             .messages = &b->messages,
	                             .timer = PLAN_TIMER_BALANCED,
	                             .t0 = clock_now() + SQ_MS,
	                             .accounts = &b->accounts,
	                             .scheduled = on_scheduled,
	                             .ended = on_ended,
	                             .owner = b};

	accounts_begin(&b->accounts, setup.t0, b->schedule.warmup);
	return engine_new(&setup, &b->engine);
}

/* Runs to the end; returns the final ledger. */
static inline const struct ledger *bench_run(struct bench *b)
{
	bench_books(b);
	if (bench_engine(b) < 0)
		abort();
	ev_run(b->loop, 0);
	engine_close(b->engine);
	ok(books_closed(b->books), "the books are closed");
	is_int(b->books->ledger.scheduled, b->schedule.total, "every tick stands in them");
	is_int(b->scheduled, 1, "the end of the schedule is told once");
	return &b->books->ledger;
}

static inline void bench_close(struct bench *b)
{
	engine_free(b->engine);
	accounts_free(&b->accounts);
	messages_free(&b->messages);
	slots_free(&b->slots);
	target_close(&b->target);
	ev_loop_destroy(b->loop);
}

/* --- without an engine ---------------------------------------------------------------------- */

static inline void give_due(struct bench *b, struct dispatch *d, uint64_t tick)
{
	int64_t now = clock_now();

	dispatch_due(d, &(struct due){.tick = tick, .at = now, .counted = true, .books = b->books}, now);
}

static inline void dispatch_until_idle(struct bench *b, struct dispatch *d)
{
	int64_t limit = clock_now() + 10 * SQ_S;

	while (d->live > 0 && clock_now() < limit)
		ev_run(b->loop, EVRUN_NOWAIT);
}

/* Without an engine, and with books. */
static inline void bench_dispatch(struct bench *b, struct dispatch *d)
{
	bench_books(b);
	dispatch_init(d, b->loop, &b->plan, &b->addresses, NULL, &b->messages, b->books);
}

static inline void bench_dispatch_end(struct bench *b, struct dispatch *d)
{
	dispatch_close(d);
	ok(books_closed(b->books), "the books are closed");
	dispatch_free(d);
	bench_close(b);
}

static inline void send_one(struct bench *b, struct dispatch *d, uint64_t tick)
{
	give_due(b, d, tick);
	dispatch_until_idle(b, d);
}

#endif
