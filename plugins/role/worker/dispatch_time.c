/* dispatch_time.c - what becomes of connections and requests when their time is over. */
#include <string.h>

#include "clock.h"
#include "dispatch_priv.h"

static void dispatch_expire_one(struct dispatch *d, struct conn *c, int64_t now, enum ledger_unsent why,
                                const char *text)
{
	list_remove(&c->link);
	d->connecting_count--;
	dispatch_phases(c, now, &c->seen);
	dispatch_unsent_text(d, now, why, c, text);
	dispatch_discard(d, c);
}

static void dispatch_expire_connecting(struct dispatch *d, int64_t now)
{
	struct conn *c;

	while ((c = conn_first(&d->connecting)) && c->opened + d->plan->wire.connect <= now)
		dispatch_expire_one(d, c, now, UNSENT_CONNECT, "not connected within timeouts_ms.connect");
	while ((c = conn_first(&d->shaking)) && c->reached + d->plan->wire.tls <= now)
		dispatch_expire_one(d, c, now, UNSENT_TLS, "no TLS handshake within timeouts_ms.tls");
}

static void dispatch_expire_sent(struct dispatch *d, int64_t now)
{
	struct request *r;
	struct conn *c;

	while ((r = request_first(&d->sent)) && r->times.sent + d->plan->timeout <= now) {
		c = r->conn;
		snprintf(c->seen.what, sizeof c->seen.what, "%s",
		         r->times.first_byte ? "the answer was not whole within the timeout (receive)"
		                             : "no answer within the timeout (first byte)");
		dispatch_break(d, c, now, ERROR_TIMEOUT);
	}
}

static void dispatch_expire_quiet(struct dispatch *d, int64_t now)
{
	struct request *r;
	struct conn *c;

	while ((r = request_quiet(&d->quiet)) && r->times.sent + d->plan->wire.first_byte <= now) {
		c = r->conn;
		snprintf(c->seen.what, sizeof c->seen.what,
		         "no answer within timeouts_ms.first_byte (first byte)");
		dispatch_break(d, c, now, ERROR_TIMEOUT);
	}
}

/* The connection that never came, if that was all that it waited for; else NULL. */
static const struct conn *dispatch_only_connects(const struct dispatch *d, const struct request *r)
{
	const struct conn *c = conn_first(&d->connecting), *s = conn_first(&d->shaking);

	c = !c || (s && s->opened < c->opened) ? s : c;
	return c && d->conn_count == d->connecting_count && c->opened <= r->times.picked ? c : NULL;
}

static void dispatch_expire_waiting(struct dispatch *d, int64_t now)
{
	struct sample seen = {.what = "no connection within patience_ms"};
	const struct conn *c;
	struct request *r;

	while ((r = request_first(&d->waiting)) && r->times.due + d->plan->patience <= now) {
		c = dispatch_only_connects(d, r);
		if (c) {
			memcpy(seen.address, c->seen.address, sizeof seen.address);
			dispatch_phases(c, now, &seen);
			dispatch_unsent(d, now, c->reached ? UNSENT_TLS : UNSENT_CONNECT, &seen);
		} else
			dispatch_drop(d, r, now, DROPPED_PATIENCE);
	}
}

void dispatch_expire(EV_P_ struct ev_timer *w, int revents)
{
	struct dispatch *d = sq_container(w, struct dispatch, limit);
	int64_t now = clock_now();
	const struct request *r;
	const struct conn *c;

	(void)loop;
	(void)revents;
	d->worked = true;
	dispatch_expire_connecting(d, now);
	dispatch_expire_quiet(d, now);
	dispatch_expire_sent(d, now);
	dispatch_expire_waiting(d, now);
	d->limit_at = CLOCK_NEVER;
	if ((c = conn_first(&d->connecting)))
		dispatch_limit(d, c->opened + d->plan->wire.connect, now);
	if ((c = conn_first(&d->shaking)))
		dispatch_limit(d, c->reached + d->plan->wire.tls, now);
	if ((r = request_quiet(&d->quiet)))
		dispatch_limit(d, r->times.sent + d->plan->wire.first_byte, now);
	if ((r = request_first(&d->sent)))
		dispatch_limit(d, r->times.sent + d->plan->timeout, now);
	if ((r = request_first(&d->waiting)))
		dispatch_limit(d, r->times.due + d->plan->patience, now);
	dispatch_serve(d, now);
}
