/* books.c - one worker's books: each event of a request once, and never twice in a class. */
#include "books.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *const books_hist_name[H_COUNT] = {"pickup", "wait",    "lag", "service",    "response",
                                              "dns",    "connect", "tls", "first_byte", "receive"};
const char *const books_sample_name[SAMPLE_KINDS] = {"reset", "timeout", "protocol",
                                                     "http",  "check",   "unsent"};

struct books *books_new(int64_t t0)
{
	struct books *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->t0 = t0;
	for (int i = 0; i < H_COUNT; i++) {
		b->hist[i] = hist_new();
		if (!b->hist[i]) {
			books_free(b);
			return NULL;
		}
	}
	return b;
}

void books_free(struct books *b)
{
	if (!b)
		return;
	for (int i = 0; i < H_COUNT; i++)
		hist_free(b->hist[i]);
	free(b);
}

void books_reset(struct books *b)
{
	struct hist *hist[H_COUNT];
	int64_t t0 = b->t0;

	memcpy(hist, b->hist, sizeof hist);
	*b = (struct books){.t0 = t0};
	memcpy(b->hist, hist, sizeof hist);
	for (int i = 0; i < H_COUNT; i++)
		hist_reset(hist[i]);
}

static int64_t pickup_of(const struct request_times *r)
{
	return r->picked - r->due;
}

void books_due(struct books *b, struct request_times *r, uint64_t tick, int64_t due, int64_t now)
{
	assert(r->stage == R_NONE && now >= due);
	r->tick = tick;
	r->due = due;
	r->picked = now;
	r->stage = R_DUE;
	b->ledger.scheduled++;
	b->picked++;
	b->pending++;
}

/* The end of a request of which nothing was sent. */
static void end_unsent(struct books *b, struct request_times *r, uint64_t *class)
{
	assert(r->stage == R_DUE && b->pending > 0);
	r->stage = R_ENDED;
	b->pending--;
	b->late_unsent += pickup_of(r) > BOOKS_LATE;
	++*class;
}

void books_dropped(struct books *b, struct request_times *r, enum ledger_dropped why)
{
	end_unsent(b, r, &b->ledger.dropped[why]);
}

void books_dropped_many(struct books *b, uint64_t ticks, enum ledger_dropped why)
{
	b->ledger.scheduled += ticks;
	b->ledger.dropped[why] += ticks;
}

void books_sent(struct books *b, struct request_times *r, int64_t now, bool reused)
{
	assert(r->stage == R_DUE && now >= r->picked && b->pending > 0);
	r->sent = now;
	r->stage = R_SENT;
	b->last_sent = now - b->t0 > b->last_sent ? now - b->t0 : b->last_sent;
	b->pending--;
	b->in_flight++;
	b->reused += reused;
	if (pickup_of(r) > BOOKS_LATE)
		b->ledger.late++;
	else
		b->ledger.on_time++;
	hist_add(b->hist[H_PICKUP], pickup_of(r));
	hist_add(b->hist[H_WAIT], now - r->picked);
	hist_add(b->hist[H_LAG], now - r->due);
}

void books_first_byte(struct books *b, struct request_times *r, int64_t now)
{
	assert(r->stage == R_SENT && now >= r->sent);
	if (r->first_byte)
		return;
	r->first_byte = now;
	hist_add(b->hist[H_FIRST_BYTE], now - r->sent);
}

/* The order among the slowest: longest first, and of equals the one that was due first. */
static bool is_slower(int64_t response, uint64_t tick, const struct sample *than)
{
	return response != than->response ? response > than->response : tick < than->tick;
}

/* Makes room at place i among count kept samples; the last one falls off when all places are taken. */
static struct sample *make_room(struct sample *samples, uint32_t *count, uint32_t i)
{
	if (*count < BOOKS_SAMPLES)
		++*count;
	memmove(&samples[i + 1], &samples[i], (*count - 1 - i) * sizeof *samples);
	return &samples[i];
}

/* Where a request of this response time belongs among the slowest, or NULL. */
static struct sample *place_slowest(struct books *b, int64_t response, uint64_t tick)
{
	uint32_t i = b->slowest_count;

	while (i > 0 && is_slower(response, tick, &b->slowest[i - 1]))
		i--;
	return i < BOOKS_SAMPLES ? make_room(b->slowest, &b->slowest_count, i) : NULL;
}

/* Where an error of this tick belongs among the first of its kind, or NULL. */
static struct sample *place_error(struct books *b, int kind, uint64_t tick)
{
	uint32_t i = b->error_count[kind];

	while (i > 0 && tick < b->errors[kind][i - 1].tick)
		i--;
	return i < BOOKS_SAMPLES ? make_room(b->errors[kind], &b->error_count[kind], i) : NULL;
}

static void fill_sample(struct sample *to, const struct books *b, const struct request_times *r, int64_t now,
                        const struct sample *seen)
{
	if (seen)
		*to = *seen;
	else
		*to = (struct sample){.dns = -1, .connect = -1, .tls = -1};
	to->tick = r->tick;
	to->request = r->request;
	to->offset = r->due - b->t0;
	to->response = now - r->due;
	to->service = now - r->sent;
	to->pickup = pickup_of(r);
	to->wait = r->sent - r->picked;
	to->first_byte = r->first_byte ? r->first_byte - r->sent : -1;
}

void books_unsent(struct books *b, struct request_times *r, int64_t now, enum ledger_unsent why,
                  const struct sample *seen)
{
	struct sample *to = place_error(b, SAMPLE_UNSENT, r->tick);

	assert(now >= r->picked);
	end_unsent(b, r, &b->ledger.unsent[why]);
	if (!to)
		return;
	fill_sample(to, b, r, now, seen);
	to->service = 0;
	to->wait = now - r->picked;
	to->status = 0;
	to->body_len = 0;
}

/* The end of a sent request: what all ends have in common. kind: of its error sample, -1 = none. */
static void end_sent(struct books *b, struct request_times *r, int64_t now, bool whole, int kind,
                     const struct sample *seen)
{
	struct sample *to;

	assert(r->stage == R_SENT && now >= r->sent && b->in_flight > 0);
	r->stage = R_ENDED;
	b->in_flight--;
	if (whole) {
		hist_add(b->hist[H_SERVICE], now - r->sent);
		hist_add(b->hist[H_RESPONSE], now - r->due);
		hist_add(b->hist[H_RECEIVE], now - r->first_byte);
	} else {
		hist_add_censored(b->hist[H_SERVICE], now - r->sent);
		hist_add_censored(b->hist[H_RESPONSE], now - r->due);
		if (r->first_byte)
			hist_add_censored(b->hist[H_RECEIVE], now - r->first_byte);
		else
			hist_add_censored(b->hist[H_FIRST_BYTE], now - r->sent);
	}
	to = place_slowest(b, now - r->due, r->tick);
	if (to)
		fill_sample(to, b, r, now, seen);
	to = kind >= 0 ? place_error(b, kind, r->tick) : NULL;
	if (to)
		fill_sample(to, b, r, now, seen);
}

void books_answered(struct books *b, struct request_times *r, int64_t now, int status, bool status_ok,
                    bool checks_ok, const struct sample *s)
{
	int kind = -1;

	assert(status >= LEDGER_STATUS_MIN && status <= LEDGER_STATUS_MAX);
	books_first_byte(b, r, now);
	assert(now >= r->first_byte);
	b->status[status - LEDGER_STATUS_MIN]++;
	if (!status_ok) {
		b->ledger.http_error[status - LEDGER_STATUS_MIN]++;
		kind = SAMPLE_HTTP;
	} else if (!checks_ok) {
		b->ledger.check_failed++;
		kind = SAMPLE_CHECK;
	} else {
		b->ledger.ok++;
	}
	end_sent(b, r, now, true, kind, s);
}

void books_broken(struct books *b, struct request_times *r, int64_t now, enum ledger_error why,
                  const struct sample *s)
{
	b->ledger.error[why]++;
	end_sent(b, r, now, false, (int)why, s);
}

void books_unanswered(struct books *b, struct request_times *r, int64_t now)
{
	b->ledger.in_flight_at_end++;
	end_sent(b, r, now, false, -1, NULL);
}

void books_connected(struct books *b, int64_t dns, int64_t connect, int64_t tls)
{
	b->opened++;
	if (dns >= 0)
		hist_add(b->hist[H_DNS], dns);
	if (connect >= 0)
		hist_add(b->hist[H_CONNECT], connect);
	if (tls >= 0)
		hist_add(b->hist[H_TLS], tls);
}

void books_handshake(struct books *b, bool resumed)
{
	if (resumed)
		b->tls_resumed++;
	else
		b->tls_full++;
}

void books_looked_up(struct books *b, int64_t dns)
{
	hist_add(b->hist[H_DNS], dns);
}

/* Those that are no lower bounds. */
static uint64_t whole_of(const struct hist *h)
{
	return h->count - h->censored;
}

bool books_closed(const struct books *b)
{
	const struct ledger *l = &b->ledger;
	uint64_t sent = ledger_sent(l), unanswered = ledger_errors(l) + l->in_flight_at_end;
	uint64_t answers = 0;

	if (b->pending || b->in_flight || !ledger_balances(l, 0, 0))
		return false;
	for (int i = 0; i < H_PHASES; i++) {
		bool lasts = i == H_SERVICE || i == H_RESPONSE;

		if (b->hist[i]->count != sent || b->hist[i]->censored != (lasts ? unanswered : 0))
			return false;
	}
	for (unsigned i = 0; i < LEDGER_STATUSES; i++) {
		if (l->http_error[i] > b->status[i])
			return false;
		answers += b->status[i];
	}
	return answers == sent - unanswered && whole_of(b->hist[H_RECEIVE]) == answers &&
	       b->hist[H_FIRST_BYTE]->count == sent &&
	       b->hist[H_RECEIVE]->count == whole_of(b->hist[H_FIRST_BYTE]) && b->reused <= sent;
}

/* begun: how many there are to be. A report may claim anything. */
static void lose_phase(struct hist *h, uint64_t begun)
{
	if (begun > h->count)
		hist_add_censored_many(h, 0, begun - h->count);
}

void books_lose(struct books *b, uint64_t unconfirmed, uint64_t never)
{
	struct ledger *l = &b->ledger;

	l->scheduled += unconfirmed + never;
	l->unconfirmed += unconfirmed + b->pending;
	l->dropped[DROPPED_WORKER_LOST] += never;
	l->in_flight_at_end += b->in_flight;
	hist_add_censored_many(b->hist[H_SERVICE], 0, b->in_flight);
	hist_add_censored_many(b->hist[H_RESPONSE], 0, b->in_flight);
	lose_phase(b->hist[H_FIRST_BYTE], ledger_sent(l));
	lose_phase(b->hist[H_RECEIVE], whole_of(b->hist[H_FIRST_BYTE]));
	b->in_flight = b->pending = 0;
}

static void merge_samples(struct books *into, const struct books *from)
{
	for (uint32_t i = 0; i < from->slowest_count; i++) {
		const struct sample *s = &from->slowest[i];
		struct sample *to = place_slowest(into, s->response, s->tick);

		if (to)
			*to = *s;
	}
	for (int kind = 0; kind < SAMPLE_KINDS; kind++)
		for (uint32_t i = 0; i < from->error_count[kind]; i++) {
			const struct sample *s = &from->errors[kind][i];
			struct sample *to = place_error(into, kind, s->tick);

			if (to)
				*to = *s;
		}
}

void books_merge(struct books *into, const struct books *from)
{
	assert(into != from);
	ledger_add(&into->ledger, &from->ledger);
	for (int i = 0; i < H_COUNT; i++)
		if (from->hist[i])
			hist_merge(into->hist[i], from->hist[i]);
	for (unsigned i = 0; i < LEDGER_STATUSES; i++)
		into->status[i] += from->status[i];
	into->opened += from->opened;
	into->reused += from->reused;
	into->tls_full += from->tls_full;
	into->tls_resumed += from->tls_resumed;
	into->bytes_sent += from->bytes_sent;
	into->bytes_received += from->bytes_received;
	into->pending += from->pending;
	into->in_flight += from->in_flight;
	into->picked += from->picked;
	into->late_unsent += from->late_unsent;
	into->last_sent = from->last_sent > into->last_sent ? from->last_sent : into->last_sent;
	merge_samples(into, from);
}
