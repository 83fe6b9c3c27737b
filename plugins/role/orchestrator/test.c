/* test.c - one test: how it begins, what the store answers, and the passing of time. */
#include "test.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_parts.h"

#define STORE_RETRY (250 * SQ_MS) /* after a write or read that failed */
#define NEWS_EVERY (1 * SQ_S) /* writes of numbers that nothing depends on */
#define ADOPTED_SPARE (10 * SQ_S) /* to see what is left of a test, however old its deadline is */

const struct outcome test_vanished = {T_CANCELLED, "client_vanished"};

/* --- life ------------------------------------------------------------------------------------ */

static int init(struct test *t, const struct test_setup *setup, uint64_t fence, int64_t lease_until,
                int64_t now)
{
	assert(setup->workers > 0);
	*t = (struct test){
	    .setup = *setup,
	    .life = LIFECYCLE_NEW,
	    .fence = fence,
	    .lease_until = lease_until,
	    .ticked = now,
	};
	t->workers = calloc(setup->workers, sizeof *t->workers);
	if (!t->workers || slot_map_init(&t->spread.map, setup->workers) < 0) {
		test_end(t);
		return -ENOMEM;
	}
	return 0;
}

int test_begin(struct test *t, const struct test_setup *setup, uint64_t fence, int64_t lease_until,
               int64_t now, int64_t deadline)
{
	int r = init(t, setup, fence, lease_until, now);

	if (r < 0)
		return r;
	t->saved.state = T_QUEUED;
	t->saved.presence = setup->presence;
	test_apply(t, now, now < deadline ? E_OWNED : E_DEADLINE, NULL);
	return 0;
}

int test_refuse(struct test *t, const struct test_setup *setup, uint64_t fence, int64_t lease_until,
                int64_t now, const struct outcome *how, const char *detail)
{
	int r = init(t, setup, fence, lease_until, now);

	if (r < 0)
		return r;
	t->saved.state = T_QUEUED;
	ending_stop(t, now, how->state, how->reason, "%s", detail);
	return 0;
}

int test_adopt(struct test *t, const struct test_setup *setup, uint64_t fence, int64_t lease_until,
               int64_t now, const struct standing *found, const struct outcome *decided, int64_t deadline)
{
	int r = init(t, setup, fence, lease_until, now);

	if (r < 0)
		return r;
	t->life.state = found->state;
	t->life.outcome = *decided;
	if (decided->reason) {
		snprintf(t->reason, sizeof t->reason, "%s", decided->reason);
		t->life.outcome.reason = t->reason;
	}
	t->saved = *found;
	t->deadline = deadline > now + ADOPTED_SPARE ? deadline : now + ADOPTED_SPARE;
	t->adoptions = found->adoptions + !found->committed;
	t->arm.used = found->epoch;
	t->job = found->committed ? J_UNCLAIMED : J_MAYBE;
	test_touch(t);
	if (found->committed)
		barrier_found(t, now, found);
	else if (t->adoptions > TEST_ADOPTIONS_MAX)
		ending_stop(t, now, T_FAILED, "adoption_limit", "%u orchestrators were lost before its start",
		            (unsigned)t->adoptions);
	if (found->cancel)
		ending_stop(t, now, T_CANCELLED, "cancelled", NULL);
	return 0;
}

void test_restore(struct test *t, uint32_t place, const char *uid, const char *name,
                  const struct report *last)
{
	struct worker *w = &t->workers[place];

	assert(place < t->setup.workers);
	*w = (struct worker){.taken = true, .heard = t->ticked, .load = -1, .clock_error = -1};
	strncpy(w->uid, uid, sizeof w->uid - 1);
	strncpy(w->name, name, sizeof w->name - 1);
	w->given = t->spread.until; /* whatever the last owner told it */
	w->state = last && last->final ? WORKER_ENDED : WORKER_ARMED;
	if (!last)
		return;
	w->seq = w->stored = last->seq;
	w->final = last->final;
	w->clock_error = last->clock_error;
	if (!ending_halting(t)) /* as in test_report() */
		memcpy(w->problem, last->reason, sizeof w->problem);
}

int test_restore_move(struct test *t, const struct slot_move *move)
{
	struct worker *w = &t->workers[move->place];
	int r = slot_map_move(&t->spread.map, move);

	if (r < 0)
		return r;
	w->lost = w->moved = true;
	w->spared = move->to_count == 0;
	w->given = move->until;
	return 0;
}

void test_end(struct test *t)
{
	free(t->workers);
	free(t->spread.move.to);
	slot_map_free(&t->spread.map);
	*t = (struct test){0};
}

bool test_owned(const struct test *t, int64_t now)
{
	return !t->given_up && now < t->lease_until;
}

void test_leased(struct test *t, int64_t until)
{
	t->lease_until = until;
}

void test_fenced(struct test *t)
{
	t->given_up = true;
}

static void vanished(struct test *t)
{
	t->given_up = t->gone = true;
}

bool test_over(const struct test *t)
{
	return t->given_up || (lifecycle_terminal(t->saved.state) && (t->job == J_NONE || t->job == J_GONE));
}

/* --- decisions ------------------------------------------------------------------------------- */

void test_touch(struct test *t)
{
	t->changes++;
}

void test_note_news(struct test *t)
{
	t->news = true;
}

static void note_step(struct test *t)
{
	struct step *s = &t->steps[(t->step_first + t->step_count) % TEST_STEPS];

	assert(t->step_count < TEST_STEPS); /* more than a test has states, and taken after each event */
	t->step_count++;
	*s = (struct step){.state = t->life.state};
	if (t->life.outcome.state != T_STATES)
		s->reason = t->life.outcome.reason;
	memcpy(s->detail, t->detail, sizeof s->detail);
}

bool test_take_step(struct test *t, struct step *out)
{
	if (t->step_count == 0)
		return false;
	*out = t->steps[t->step_first];
	t->step_first = (t->step_first + 1) % TEST_STEPS;
	t->step_count--;
	return true;
}

void test_apply(struct test *t, int64_t now, enum test_event e, const struct outcome *how)
{
	int64_t limit;

	if (!lifecycle_apply(&t->life, e, how))
		return;
	limit = lifecycle_limit(&t->setup.limits, t->life.state);
	if (t->life.state == T_ARMED || t->life.state == T_RUNNING)
		t->deadline = t->t0 + limit;
	else
		t->deadline = lifecycle_terminal(t->life.state) ? INT64_MAX : now + limit;
	note_step(t);
	test_touch(t);
}

void test_tick(struct test *t, int64_t now)
{
	int64_t gap = now - t->ticked;

	t->ticked = now;
	/* It was this process that slept: what workers sent meanwhile waits to be read. */
	if (gap > t->setup.report_timeout / 2)
		loss_wake(t, gap);
	if (!test_owned(t, now) || lifecycle_terminal(t->life.state))
		return;
	if (t->leaving) {
		ending_leave(t);
		return;
	}
	barrier_tick(t, now);
	spread_tick(t, now);
	loss_tick(t, now);
	ending_tick(t, now);
	if (now >= t->deadline) {
		if (t->life.state == T_DRAINING)
			loss_judge(t, now);
		else if (!t->committed && !*t->detail)
			memcpy(t->detail, t->launch.reason, sizeof t->detail);
		test_apply(t, now, E_DEADLINE, NULL);
	}
	/* It may have been heard of since the last read. */
	if (t->saved.presence && now >= t->saved.presence && t->life.state < T_DRAINING)
		t->store.must_read = true;
}

static int64_t earlier(int64_t a, int64_t b, int64_t now)
{
	return b > now && b < a ? b : a;
}

int64_t test_next(const struct test *t, int64_t now)
{
	int64_t next = now + (t->life.state == T_RUNNING ? SQ_S : 50 * SQ_MS);

	next = earlier(next, t->deadline, now);
	next = earlier(next, t->store.after, now);
	next = earlier(next, t->launch.after, now);
	next = earlier(next, t->t0, now);
	next = earlier(next, t->saved.presence, now);
	return earlier(next, t->t0 + t->setup.duration, now);
}

/* --- the store ------------------------------------------------------------------------------- */

/* All have armed, and nothing came between: T0 is to be written. */
static bool is_committing(const struct test *t)
{
	return t->arm.proposed && !t->committed && t->life.state == T_READY && !t->leaving;
}

/* What to write: all that was decided, and T0 when it is proposed. */
static struct standing draft_of(const struct test *t)
{
	struct standing d = {
	    .state = t->life.state,
	    .committed = t->committed,
	    .t0 = t->t0,
	    .t0_epoch = t->t0_epoch,
	    .epoch = t->arm.used > t->saved.epoch ? t->arm.used : t->saved.epoch,
	    .adoptions = t->adoptions,
	    .until_tick = t->spread.until,
	    .moves = t->spread.map.move_count + t->spread.moving,
	    .cancel = t->saved.cancel,
	    .presence = t->saved.presence,
	};

	if (is_committing(t)) {
		d.committed = true;
		d.t0 = t->arm.t0;
		d.t0_epoch = t->arm.epoch;
		d.until_tick = spread_first(t);
	}
	return d;
}

enum store_want test_want_store(struct test *t, int64_t now, struct standing *draft)
{
	bool urgent = t->changes != t->saved_changes || is_committing(t);

	if (t->store.busy || now < t->store.after || t->given_up || lifecycle_terminal(t->saved.state))
		return STORE_NOTHING;
	if (t->store.must_read) { /* also without a lease: it may be over, or somebody else's */
		t->store.asked = STORE_READ;
	} else if (!test_owned(t, now)) {
		return STORE_NOTHING;
	} else if (urgent || (t->news && now - t->store.written >= NEWS_EVERY)) {
		t->store.asked = STORE_WRITE;
		t->store.draft = *draft = draft_of(t);
		t->store.changes = t->changes;
		t->news = false;
	} else {
		return STORE_NOTHING;
	}
	t->store.busy = true;
	return t->store.asked;
}

void test_changed(struct test *t)
{
	t->store.must_read = true;
}

void test_was_written(struct test *t, int64_t now, int status)
{
	assert(t->store.busy && t->store.asked == STORE_WRITE);
	t->store.busy = false;
	switch (status) {
	case 0:
		t->saved = t->store.draft;
		t->saved_changes = t->store.changes;
		t->store.written = now;
		if (t->saved.committed)
			barrier_found(t, now, &t->saved);
		return;
	case -ENOENT:
	case -SQ_EGONE:
		vanished(t);
		return;
	case -SQ_EFENCED:
		test_fenced(t);
		return;
	case -SQ_EUNCERTAIN: /* it may have been written, */
	case -SQ_ECONFLICT: /* or somebody else was first, or an uncertain write of ours, */
	case -SQ_EFINAL: /* or the end is in it already */
		t->store.must_read = true;
		return;
	default:
		t->news = true;
		t->store.after = now + STORE_RETRY;
	}
}

/* Takes over what a read found. */
static void found(struct test *t, int64_t now, const struct standing *s)
{
	t->saved = *s;
	if (lifecycle_terminal(s->state)) {
		t->given_up = s->state != t->life.state;
		return;
	}
	if (s->committed)
		barrier_found(t, now, s);
	if (s->cancel)
		ending_stop(t, now, T_CANCELLED, "cancelled", NULL);
	else if (s->presence && now >= s->presence && t->life.state < T_DRAINING)
		ending_stop(t, now, test_vanished.state, test_vanished.reason, TEST_VANISHED);
}

static void was_found(struct test *t, int64_t now, int status, const struct standing *s)
{
	if (status == 0)
		found(t, now, s);
	else if (status == -ENOENT || status == -SQ_EGONE)
		vanished(t);
	else if (status == -SQ_EFENCED)
		test_fenced(t);
}

void test_was_read(struct test *t, int64_t now, int status, const struct standing *s)
{
	assert(t->store.busy && t->store.asked == STORE_READ);
	t->store.busy = false;
	t->store.must_read = status != 0;
	t->store.after = status == 0 ? 0 : now + STORE_RETRY;
	was_found(t, now, status, s);
}

/* The last look before workers start: the fence is still the highest, and there is no T0. */
void test_was_checked(struct test *t, int64_t now, int status, const struct standing *s)
{
	assert(t->launch.busy && t->launch.asked == JOB_CHECK);
	t->launch.busy = false;
	was_found(t, now, status, s);
	if (status != 0)
		t->launch.after = now + STORE_RETRY;
	else if (!t->committed && !t->given_up && t->life.state < T_DRAINING)
		t->job = J_CHECKED;
}
