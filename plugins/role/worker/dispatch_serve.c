/* dispatch_serve.c - a connection for each request that waits: an idle one, or one more. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch_priv.h"

/* What the socket did not take of bytes that the next request overwrites. False without memory. */
static bool dispatch_keep_unsent(struct dispatch *d, struct request *r, struct conn *c)
{
	if (c->unsent.len == 0 || !dispatch_message(d, r)->varies)
		return true;
	r->unsent = malloc(c->unsent.len);
	if (!r->unsent)
		return false;
	memcpy(r->unsent, c->unsent.data, c->unsent.len);
	c->unsent.data = r->unsent;
	return true;
}

/* The bytes of a request, and what is to be seen of its answer. */
static int dispatch_write(struct dispatch *d, struct request *r, struct conn *c)
{
	const struct message *m = dispatch_message(d, r);
	struct sq_slice bytes = messages_render(d->messages, r->times.request, r->times.tick, r->counted);

	if (bytes.len == 0) {
		conn_close(c);
		return -ENOMEM;
	}
	c->to_head = m->to_head;
	c->watched = m->checks.watches;
	if (c->served == 1)
		c->seen.dns = c->seen.connect = c->seen.tls = -1;
	return conn_send(c, bytes);
}

/* Sends the head of the queue on this connection, which is in no list. */
static void dispatch_send(struct dispatch *d, struct conn *c, int64_t now)
{
	struct request *r = request_first(&d->waiting);
	bool fresh = c->served == 0;
	int error;

	error = dispatch_write(d, r, c);
	if (error < 0) {
		/* Not a byte was taken, so the request is as good as new. A kept-alive connection had been
		 * closed under it: it takes the next one. A fresh connection never worked. */
		if (fresh)
			dispatch_unsent_text(d, now, UNSENT_CONNECT, c, strerror(-error));
		dispatch_discard(d, c);
		return;
	}
	books_sent(r->books, &r->times, now, !fresh);
	if (d->start_lag < 0)
		d->start_lag = now - r->times.due;
	d->waiting_count--;
	list_remove(&r->link);
	list_add_last(&d->sent, &r->link);
	r->conn = c;
	c->request = r;
	dispatch_limit(d, now + d->plan->timeout, now);
	if (d->plan->wire.first_byte < d->plan->timeout) {
		list_add_last(&d->quiet, &r->quiet);
		dispatch_limit(d, now + d->plan->wire.first_byte, now);
	}
	if (!dispatch_keep_unsent(d, r, c)) {
		snprintf(c->seen.what, sizeof c->seen.what, "no memory for the rest of the request");
		dispatch_break(d, c, now, ERROR_RESET);
	}
}

bool dispatch_short(struct dispatch *d, int error)
{
	d->limits.fd_exhausted += error == EMFILE || error == ENFILE;
	d->limits.port_exhausted += error == EADDRNOTAVAIL;
	return error == EMFILE || error == ENFILE || error == EADDRNOTAVAIL || error == ENOBUFS ||
	       error == ENOMEM || error == EAGAIN;
}

static uint64_t dispatch_common_divisor(uint64_t a, uint64_t b)
{
	return b ? dispatch_common_divisor(b, a % b) : a;
}

/*
 * Where the next connection leads. The connections of all workers are numbered through, as ticks are: the
 * first ones of all, in the order of the workers, then the second ones. Address by address in this order is
 * even over all of them together. A worker whose numbers meet only some of the addresses goes one further
 * behind each whole round, so that it comes to all.
 */
static const struct address *dispatch_next(struct dispatch *d)
{
	uint64_t count = d->addresses->count, number = d->index + d->opened++ * d->workers;
	uint64_t round = d->workers / dispatch_common_divisor(d->workers, count) * count;

	return &d->addresses->list[(number + number / round) % count];
}

/* Opens one connection, the addresses in turn. False: the queue has to wait for those there are. */
static bool dispatch_open(struct dispatch *d, int64_t now)
{
	struct conn *c;
	bool waits;
	int r;

	if (d->addresses->count == 0) {
		static const struct sample nowhere = {
		    .what = "the target's name has no address any more", .dns = -1, .connect = -1, .tls = -1};

		dispatch_unsent(d, now, UNSENT_DNS, &nowhere);
		return true;
	}
	c = slab_take(&d->conns);
	if (!c)
		return false;
	r = conn_open(c, d->env, dispatch_next(d), now);
	if (r < 0) {
		waits = dispatch_short(d, -r) && d->conn_count > 0;
		if (!waits)
			dispatch_unsent(d, now, UNSENT_CONNECT, &c->seen);
		slab_give(&d->conns, c);
		return !waits;
	}
	c->generation = d->generation;
	d->conn_count++;
	d->connecting_count++;
	list_add_last(&d->connecting, &c->link);
	dispatch_limit(d, now + d->plan->wire.connect, now);
	return true;
}

/* First in, first out: idle connections, then one more connection for each that still waits. */
void dispatch_serve(struct dispatch *d, int64_t now)
{
	struct conn *c;

	while (d->waiting_count > 0 && (c = conn_first(&d->idle))) {
		list_remove(&c->link);
		dispatch_send(d, c, now);
	}
	while (d->waiting_count > d->connecting_count && d->conn_count < d->max_connections)
		if (!dispatch_open(d, now))
			break;
}
