/* dispatch.c - requests that are due, and the connections they take. */
#include "dispatch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "dispatch_priv.h"

#define DISPATCH_MAGIC 0x64697370u

static struct dispatch *dispatch_of(const struct conn *c)
{
	struct dispatch *d = c->env->owner;

	assert(d && d->magic == DISPATCH_MAGIC);
	return d;
}

/* --- the end of a request -------------------------------------------------------------------- */

/* Its class stands in the books. */
static void dispatch_forget(struct dispatch *d, struct request *r, int64_t now)
{
	bool sent = r->times.sent != 0;

	list_remove(&r->link);
	free(r->unsent);
	if (r->quiet.next)
		list_remove(&r->quiet);
	slab_give(&d->requests, r);
	d->live--;
	if (d->request_ended)
		d->request_ended(d->owner, now, sent);
}

void dispatch_drop(struct dispatch *d, struct request *r, int64_t now, enum ledger_dropped why)
{
	books_dropped(r->books, &r->times, why);
	d->waiting_count--;
	dispatch_forget(d, r, now);
}

void dispatch_unsent(struct dispatch *d, int64_t now, enum ledger_unsent why, const struct sample *seen)
{
	struct request *r = request_first(&d->waiting);

	if (!r)
		return;
	books_unsent(r->books, &r->times, now, why, seen);
	d->waiting_count--;
	dispatch_forget(d, r, now);
}

void dispatch_unsent_text(struct dispatch *d, int64_t now, enum ledger_unsent why, struct conn *c,
                          const char *text)
{
	snprintf(c->seen.what, sizeof c->seen.what, "%s", text);
	dispatch_unsent(d, now, why, &c->seen);
}

void dispatch_discard(struct dispatch *d, struct conn *c)
{
	conn_close(c);
	slab_give(&d->conns, c);
	d->conn_count--;
}

void dispatch_break(struct dispatch *d, struct conn *c, int64_t now, enum ledger_error why)
{
	struct request *r = c->request;

	books_broken(r->books, &r->times, now, why, &c->seen);
	dispatch_discard(d, c);
	dispatch_forget(d, r, now);
}

/* --- time limits ----------------------------------------------------------------------------- */

/* The limits of one list never move towards now, so most calls find the timer set early enough. */
void dispatch_limit(struct dispatch *d, int64_t at, int64_t now)
{
	if (at >= d->limit_at)
		return;
	d->limit_at = at;
	ev_timer_stop(d->loop, &d->limit);
	ev_timer_set(&d->limit, (double)(at > now ? at - now : 0) / SQ_S, 0);
	ev_timer_start(d->loop, &d->limit);
}

/* --- what connections tell ------------------------------------------------------------------- */

void dispatch_phases(const struct conn *c, int64_t now, struct sample *seen)
{
	seen->dns = -1;
	seen->connect = (c->reached ? c->reached : now) - c->opened;
	seen->tls = c->reached ? now - c->reached : -1;
}

static void dispatch_reached(struct conn *c, int64_t now)
{
	struct dispatch *d = dispatch_of(c);

	d->worked = true;
	list_remove(&c->link);
	list_add_last(&d->shaking, &c->link);
	dispatch_limit(d, now + d->plan->wire.tls, now);
}

static void dispatch_connected(struct conn *c, int64_t now)
{
	struct dispatch *d = dispatch_of(c);

	d->worked = true;
	dispatch_phases(c, now, &c->seen);
	if (c->reached)
		books_handshake(d->books, c->resumed);
	books_connected(d->books, -1, c->seen.connect, c->seen.tls);
	list_remove(&c->link);
	d->connecting_count--;
	list_add_first(&d->idle, &c->link);
	dispatch_serve(d, now);
}

static void dispatch_refused(struct conn *c, int error)
{
	struct dispatch *d = dispatch_of(c);
	int64_t now = clock_now();

	d->worked = true;
	dispatch_short(d, error);
	list_remove(&c->link);
	d->connecting_count--;
	dispatch_phases(c, now, &c->seen);
	dispatch_unsent(d, now, c->reached ? UNSENT_TLS : UNSENT_CONNECT, &c->seen);
	dispatch_discard(d, c);
	dispatch_serve(d, now);
}

static void dispatch_first_byte(struct conn *c, int64_t now)
{
	struct request *r = c->request;

	books_first_byte(r->books, &r->times, now);
	if (r->quiet.next)
		list_remove(&r->quiet);
	r->quiet.next = NULL;
}

static void dispatch_head(struct conn *c, const struct http_head *head)
{
	struct request *r = c->request;

	checks_head(&dispatch_message(dispatch_of(c), r)->checks, &r->checks, head);
}

static void dispatch_body(struct conn *c, struct sq_slice data)
{
	struct request *r = c->request;

	checks_body(&dispatch_message(dispatch_of(c), r)->checks, &r->checks, data);
}

static bool dispatch_status_ok(const struct message *m, int status)
{
	int64_t expected = m->expect_status;

	return expected ? status == expected : status >= 200 && status < 400;
}

/* Whether its address is still one of the target's. */
static bool dispatch_is_home(struct dispatch *d, struct conn *c)
{
	if (c->generation == d->generation)
		return true;
	for (uint32_t i = 0; i < d->addresses->count; i++)
		if (strcmp(d->addresses->list[i].text, c->seen.address) == 0) {
			c->generation = d->generation;
			return true;
		}
	return false;
}

/* Whether it takes another request. */
static bool dispatch_goes_on(struct dispatch *d, struct conn *c)
{
	int64_t most = d->plan->wire.requests_per_connection;

	return c->reusable && (most == 0 || c->served < (uint64_t)most) && dispatch_is_home(d, c);
}

static void dispatch_answered(struct conn *c, int64_t now)
{
	struct dispatch *d = dispatch_of(c);
	struct request *r = c->request;
	const struct message *m = dispatch_message(d, r);
	bool status_ok = dispatch_status_ok(m, c->seen.status);
	bool checks_ok = !status_ok || !checks_end(&m->checks, &r->checks, c->seen.status,
	                                           now - r->times.sent, c->seen.what, sizeof c->seen.what);

	d->worked = true;
	books_answered(r->books, &r->times, now, c->seen.status, status_ok, checks_ok, &c->seen);
	if (dispatch_goes_on(d, c))
		list_add_first(&d->idle, &c->link);
	else
		dispatch_discard(d, c);
	dispatch_forget(d, r, now);
	dispatch_serve(d, now);
	if (d->refill)
		d->refill(d->owner, now);
}

static void dispatch_broken(struct conn *c, int64_t now, enum ledger_error why)
{
	struct dispatch *d = dispatch_of(c);

	d->worked = true;
	dispatch_break(d, c, now, why);
	dispatch_serve(d, now);
}

/* Requests never wait while a connection is idle, so nobody has to be served. */
static void dispatch_left(struct conn *c)
{
	struct dispatch *d = dispatch_of(c);

	list_remove(&c->link);
	dispatch_discard(d, c);
}

static const struct conn_calls dispatch_conn_calls = {
    .reached = dispatch_reached,
    .connected = dispatch_connected,
    .refused = dispatch_refused,
    .first_byte = dispatch_first_byte,
    .head = dispatch_head,
    .body = dispatch_body,
    .answered = dispatch_answered,
    .broken = dispatch_broken,
    .left = dispatch_left,
};

/* --- what the engine asks -------------------------------------------------------------------- */

void dispatch_due(struct dispatch *d, const struct due *due, int64_t now)
{
	/* Too late already, so that a generator which cannot keep up comes to an end. */
	bool stale = due->at + d->plan->patience <= now;
	struct request *r = !stale && d->live < d->max_in_flight ? slab_take(&d->requests) : NULL;
	struct request_times lost = {0};

	d->worked = true;
	if (!r) {
		books_due(due->books, &lost, due->tick, due->at, now);
		books_dropped(due->books, &lost, stale ? DROPPED_PATIENCE : DROPPED_MAX_IN_FLIGHT);
		if (d->request_ended)
			d->request_ended(d->owner, now, false);
		return;
	}
	memset(r, 0, sizeof *r);
	books_due(due->books, &r->times, due->tick, due->at, now);
	r->times.request = (uint8_t)due->message;
	r->books = due->books;
	r->counted = due->counted;
	d->live++;
	d->waiting_count++;
	list_add_last(&d->waiting, &r->link);
	dispatch_serve(d, now);
	if ((r = request_first(&d->waiting)))
		dispatch_limit(d, r->times.due + d->plan->patience, now);
}

void dispatch_moved(struct dispatch *d)
{
	struct conn *c;
	struct link *next;

	d->generation++;
	d->opened = 0;
	for (struct link *l = d->idle.next; l != &d->idle; l = next) {
		next = l->next;
		c = sq_container(l, struct conn, link);
		if (dispatch_is_home(d, c))
			continue;
		list_remove(&c->link);
		dispatch_discard(d, c);
	}
	dispatch_serve(d, clock_now());
}

void dispatch_drop_waiting(struct dispatch *d)
{
	int64_t now = clock_now();
	struct request *r;

	while ((r = request_first(&d->waiting)))
		dispatch_drop(d, r, now, DROPPED_ABORTED);
}

void dispatch_tally(struct dispatch *d)
{
	d->books->bytes_sent = d->env->bytes_sent - d->tallied_sent;
	d->books->bytes_received = d->env->bytes_received - d->tallied_received;
}

void dispatch_turn(struct dispatch *d, struct books *books)
{
	dispatch_tally(d);
	d->tallied_sent = d->env->bytes_sent;
	d->tallied_received = d->env->bytes_received;
	d->books = books;
}

static void dispatch_close_list(struct dispatch *d, struct link *list)
{
	struct conn *c;

	while ((c = conn_first(list))) {
		list_remove(&c->link);
		dispatch_discard(d, c);
	}
}

void dispatch_close(struct dispatch *d)
{
	int64_t now = clock_now();
	struct request *r;

	dispatch_drop_waiting(d);
	while ((r = request_first(&d->sent))) {
		books_unanswered(r->books, &r->times, now);
		dispatch_discard(d, r->conn);
		dispatch_forget(d, r, now);
	}
	dispatch_close_list(d, &d->idle);
	dispatch_close_list(d, &d->connecting);
	dispatch_close_list(d, &d->shaking);
	d->connecting_count = 0;
	ev_timer_stop(d->loop, &d->limit);
	dispatch_tally(d);
}

int dispatch_init(struct dispatch *d, struct ev_loop *loop, const struct plan *plan,
                  const struct addresses *addresses, struct tls_context *tls, struct messages *messages,
                  struct books *books)
{
	memset(d, 0, sizeof *d);
	d->magic = DISPATCH_MAGIC;
	d->loop = loop;
	d->plan = plan;
	d->addresses = addresses;
	d->messages = messages;
	d->max_connections = plan->max_connections;
	d->max_in_flight = plan->max_in_flight;
	d->workers = 1;
	d->books = books;
	slab_init(&d->requests, sizeof(struct request));
	slab_init(&d->conns, sizeof(struct conn));
	list_init(&d->waiting);
	list_init(&d->sent);
	list_init(&d->quiet);
	list_init(&d->connecting);
	list_init(&d->shaking);
	list_init(&d->idle);
	ev_timer_init(&d->limit, dispatch_expire, 0, 0);
	d->limit_at = CLOCK_NEVER;
	d->start_lag = -1;
	d->env = conn_env_new(loop, &dispatch_conn_calls, d, tls, plan->url.host);
	if (!d->env)
		return -ENOMEM;
	return 0;
}

void dispatch_free(struct dispatch *d)
{
	struct request *r;

	d->request_ended = NULL;
	while ((r = request_first(&d->sent))) {
		dispatch_discard(d, r->conn);
		dispatch_forget(d, r, 0);
	}
	dispatch_close_list(d, &d->idle);
	dispatch_close_list(d, &d->connecting);
	dispatch_close_list(d, &d->shaking);
	ev_timer_stop(d->loop, &d->limit);
	slab_free(&d->requests);
	slab_free(&d->conns);
	conn_env_free(d->env);
	d->magic = 0;
}
