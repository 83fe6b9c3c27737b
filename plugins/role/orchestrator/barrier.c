/* barrier.c - all ready, all armed, T0: how workers start together, or not at all (design 7). */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "test_parts.h"

#define LEAD_MIN (1 * SQ_S) /* from arm to T0; design: at least 5 polls and 3 round trips */
#define LEAD_AGAIN (3 * SQ_S) /* of the next attempt: whatever was slow may be so still */
#define POLL_EACH \
	(1 * SQ_MS) /* for each worker: so many more would keep the orchestrator from anything else */

/* Between two requests of a worker until T0. */
static int64_t poll_of(const struct test *t)
{
	int64_t poll = t->setup.workers * POLL_EACH;

	poll = poll > CONTROL_POLL_ARMING ? poll : CONTROL_POLL_ARMING;
	return poll < CONTROL_POLL ? poll : CONTROL_POLL;
}

static bool is_ready(const struct worker *w)
{
	return w->taken && !w->gone && w->seq > 0 && !*w->problem &&
	       (w->state == WORKER_READY || w->state == WORKER_ARMED);
}

static bool is_armed(const struct test *t, const struct worker *w)
{
	return is_ready(w) && w->state == WORKER_ARMED && w->epoch == t->arm.epoch && w->fence == t->fence;
}

uint32_t test_count_ready(const struct test *t)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->setup.workers; i++)
		n += is_ready(&t->workers[i]);
	return n;
}

uint32_t test_count_armed(const struct test *t)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->setup.workers; i++)
		n += t->committed ? t->workers[i].taken : is_armed(t, &t->workers[i]);
	return n;
}

/* The last moment at which run still reaches everybody before T0. */
static int64_t too_late(const struct test *t)
{
	return t->arm.t0 - t->arm.spare;
}

static void begin_attempt(struct test *t)
{
	uint64_t highest = t->arm.used > t->saved.epoch ? t->arm.used : t->saved.epoch;

	t->arm.epoch = t->arm.used = highest + 1;
	t->arm.attempts++;
	t->arm.t0 = 0;
	t->arm.proposed = false;
	test_touch(t);
}

static void choose_t0(struct test *t, int64_t now)
{
	int64_t lead = 5 * poll_of(t) + 3 * t->arm.round_trip,
	        least = t->arm.attempts > 1 ? LEAD_AGAIN : LEAD_MIN;

	t->arm.t0 = now + (lead > least ? lead : least);
	t->arm.spare = 2 * poll_of(t) + t->arm.round_trip;
}

static void end_attempt(struct test *t, int64_t now)
{
	if (t->arm.attempts >= TEST_ATTEMPTS_MAX)
		ending_stop(t, now, T_FAILED, "not_armed", "%u of %u workers were armed in time, twice",
		            (unsigned)test_count_armed(t), (unsigned)t->setup.workers);
	t->arm.epoch = 0;
	t->arm.t0 = 0;
	t->arm.proposed = false;
}

/* Whether a T0 that was proposed may be in the record without our knowing. */
static bool is_unknown(const struct test *t)
{
	return t->store.must_read || (t->store.busy && t->store.asked == STORE_WRITE);
}

void barrier_tick(struct test *t, int64_t now)
{
	if (t->life.state == T_PROVISIONING && test_count_ready(t) == t->setup.workers)
		test_apply(t, now, E_ALL_READY, NULL);
	if (t->life.state == T_ARMED && now >= t->t0)
		test_apply(t, now, E_T0_PASSED, NULL);
	if (t->life.state != T_READY || t->committed)
		return;
	if (t->arm.epoch == 0 && test_count_ready(t) == t->setup.workers)
		begin_attempt(t);
	if (t->arm.epoch == 0)
		return;
	if (t->arm.t0 == 0 && t->saved.epoch >= t->arm.epoch)
		choose_t0(t, now);
	else if (t->arm.t0 && now >= too_late(t) && !is_unknown(t))
		end_attempt(t, now);
	else if (t->arm.t0 && now < too_late(t) && test_count_armed(t) == t->setup.workers)
		t->arm.proposed = true;
}

void barrier_found(struct test *t, int64_t now, const struct standing *s)
{
	assert(s->committed);
	if (t->committed)
		return;
	t->committed = true;
	t->t0 = s->t0;
	t->t0_epoch = s->t0_epoch;
	t->spread.until = s->until_tick;
	test_apply(t, now, E_T0_COMMITTED, NULL);
}

/* --- what workers say ------------------------------------------------------------------------ */

static struct worker *find(const struct test *t, const char *uid)
{
	for (uint32_t i = 0; i < t->setup.workers; i++)
		if (t->workers[i].taken && strcmp(t->workers[i].uid, uid) == 0)
			return &t->workers[i];
	return NULL;
}

/* One that is free, or that the same name had: its process was started anew. */
static struct worker *find_place(const struct test *t, const char *name)
{
	for (uint32_t i = 0; *name && i < t->setup.workers; i++)
		if (t->workers[i].taken && strcmp(t->workers[i].name, name) == 0)
			return &t->workers[i];
	for (uint32_t i = 0; i < t->setup.workers; i++)
		if (!t->workers[i].taken)
			return &t->workers[i];
	return NULL;
}

int test_register(struct test *t, int64_t now, const char *uid, const char *name)
{
	struct worker *w = find(t, uid);

	if (!w && (t->committed || t->life.state >= T_DRAINING))
		return -EDQUOT;
	if (!w) {
		w = find_place(t, name);
		if (!w)
			return -EAGAIN;
		*w = (struct worker){.taken = true, .load = -1, .clock_error = -1};
		strncpy(w->uid, uid, sizeof w->uid - 1);
		strncpy(w->name, name, sizeof w->name - 1);
	}
	w->heard = now;
	return (int)(w - t->workers);
}

int test_report(struct test *t, int64_t now, const struct report *r)
{
	struct worker *w = find(t, r->uid);

	if (!w)
		return -ENOENT;
	w->heard = now;
	if (r->seq <= w->seq || w->final)
		return (int)(w - t->workers);
	spread_measure(w, r);
	w->seq = r->seq;
	w->state = r->state;
	w->epoch = r->epoch;
	w->fence = r->fence;
	w->clock_error = r->clock_error;
	w->final = r->final;
	w->stopped = r->stop_ack;
	if (!t->halted) /* one that was told to stop is none */
		memcpy(w->problem, r->reason, sizeof w->problem);
	if (r->round_trip > t->arm.round_trip)
		t->arm.round_trip = r->round_trip < SQ_S ? r->round_trip : SQ_S;
	if (*w->problem && !t->committed && t->life.outcome.state == T_STATES) {
		memcpy(t->reason, r->reason, sizeof t->reason);
		ending_stop(t, now, T_FAILED, t->reason, "worker %s: %s", *w->name ? w->name : w->uid,
		            r->detail);
	}
	test_note_news(t);
	return (int)(w - t->workers);
}

void test_stored(struct test *t, int64_t now, uint32_t place, uint64_t seq)
{
	struct worker *w = &t->workers[place];

	(void)now;
	assert(place < t->setup.workers);
	if (seq > w->stored)
		w->stored = seq;
}

/* --- what workers are told ------------------------------------------------------------------- */

int test_order(struct test *t, int64_t now, uint32_t place, struct order *out)
{
	struct order o = {.state = DIRECTIVE_WAIT, .poll = poll_of(t)};

	if (!test_owned(t, now))
		return -EPERM;
	o.stored = t->workers[place].stored;
	if (ending_halting(t) || t->workers[place].lost) {
		o.state = DIRECTIVE_STOP;
	} else if (t->committed) {
		o.state = DIRECTIVE_RUN;
		o.epoch = t->t0_epoch;
		o.t0 = t->t0;
		o.until_tick = spread_give(t, place);
		o.share = slot_map_moved(&t->spread.map, place);
	} else if (t->life.state == T_READY && t->arm.t0) {
		o.state = DIRECTIVE_ARM;
		o.epoch = t->arm.epoch;
		o.t0 = t->arm.t0;
	}
	o.share |= o.state == DIRECTIVE_WAIT || o.state == DIRECTIVE_ARM;
	if (t->life.state == T_RUNNING)
		o.poll = CONTROL_POLL;
	*out = o;
	return 0;
}
