/* run.c - one test that is ours: its beginning, its turns, its end. */
#include "run.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "plugins/common/doc.h"
#include "test_parts.h"

#define TURN (250 * SQ_MS) /* longest time between two looks */

/* --- memory ---------------------------------------------------------------------------------- */

void run_free(struct run *r)
{
	if (!r)
		return;
	r->o->host->unpost(r->o->host->ctx, &r->turn);
	if (r->begun)
		test_end(&r->test);
	for (int64_t i = 0; r->snapshots && i < r->plan->workers; i++) {
		buf_free(&r->snapshots[i].latest);
		buf_free(&r->snapshots[i].sending);
	}
	free(r->snapshots);
	record_free(&r->record);
	threshold_watch_free(r->watch);
	plan_free(r->plan);
	json_object_put(r->worker_plan);
	slots_free(&r->slots);
	merger_free(r->merger);
	timeline_free(r->timeline);
	buf_free(&r->body);
	buf_free(&r->slots_text);
	buf_free(&r->point);
	buf_free(&r->thin.text);
	for (size_t i = 0; i < SQ_LEN(r->env); i++)
		buf_free(&r->env[i]);
	explicit_bzero(r->token, sizeof r->token);
	free(r);
}

static void turn_end(struct sq_post *p)
{
	run_pump(sq_container(p, struct run, turn));
}

void run_pump_later(struct run *r)
{
	r->o->host->later(r->o->host->ctx, &r->turn);
}

static void turn(struct sq_timer *t)
{
	run_pump(sq_container(t, struct run, timer));
}

struct run *run_new(struct orchestrator *o, const char *id, struct test_record *record, struct plan *plan)
{
	struct run *r = calloc(1, sizeof *r);

	if (!r) {
		record_free(record);
		plan_free(plan);
		return NULL;
	}
	r->o = o;
	record_set(r->id, sizeof r->id, id);
	r->record = *record;
	*record = (struct test_record){0};
	r->plan = plan;
	r->timer.fire = turn;
	r->turn.run = turn_end;
	r->renew.fire = run_renew;
	r->audit_timer.fire = run_audit_again;
	plan_schedule(plan, &r->schedule);
	r->worker_plan = plan_write(plan);
	if (!plan_put_policy(r->worker_plan, o->conf->allowed_targets, o->conf->target_url)) {
		run_free(r);
		return NULL;
	}
	r->merger = merger_new();
	r->timeline = timeline_new(plan->warmup > 0 ? -1 : 0);
	r->watch = threshold_watch_new(plan);
	r->snapshots = calloc((size_t)plan->workers, sizeof *r->snapshots);
	if (!r->worker_plan || !r->merger || !r->timeline || !r->watch || !r->snapshots ||
	    slots_init(&r->slots, (uint32_t)plan->workers) < 0) {
		run_free(r);
		return NULL;
	}
	for (int64_t i = 0; i < plan->workers; i++)
		r->snapshots[i].run = r;
	return r;
}

/* --- beginning ------------------------------------------------------------------------------- */

static struct test_setup setup_of(const struct run *r)
{
	static const enum loss_policy policies[] = {[PLAN_LOSS_ABORT] = LOSS_ABORT,
	                                            [PLAN_LOSS_DEGRADE] = LOSS_DEGRADE,
	                                            [PLAN_LOSS_REDISTRIBUTE] = LOSS_REDISTRIBUTE};
	const struct orchestrator *o = r->o;
	struct test_setup s = {
	    .workers = (uint32_t)r->plan->workers,
	    .duration = plan_span(r->plan),
	    .drain = r->plan->drain,
	    .limits = lifecycle_limits(plan_span(r->plan), r->plan->drain),
	    .report_timeout = o->conf->report_timeout,
	    .on_loss = policies[r->plan->on_worker_loss],
	    .schedule = &r->schedule,
	    .mortal = o->host->scheduler->caps & SQ_SCHEDULER_MORTAL,
	};

	s.limits.provisioning = o->conf->provisioning_timeout;
	return s;
}

struct standing run_standing(const struct orchestrator *o, const struct test_record *record, int64_t at)
{
	int64_t left = record->presence.until - at; /* both by the store's clock */

	return (struct standing){
	    .state = record->state,
	    .committed = record->t0.set,
	    .t0 = record->t0.set ? record->t0.unix_ns - o->clock : 0,
	    .t0_epoch = record->t0.epoch,
	    .epoch = record->epoch,
	    .adoptions = record->adoptions,
	    .until_tick = record->t0.set ? (uint64_t)record->t0.until_tick : 0,
	    .moves = record->t0.set ? record->t0.moves : 0,
	    .cancel = record->cancel.set,
	    .presence = record->presence.set ? orchestrator_now(o) + left * SQ_MS : 0,
	};
}

/* By the record's stamps, which are Unix ms. */
static int64_t deadline_of(const struct run *r)
{
	int64_t left = r->record.deadline_at - orchestrator_wall(r->o);

	return orchestrator_now(r->o) + (r->record.deadline_at ? left : 0) * SQ_MS;
}

static void enlist(struct run *r)
{
	struct orchestrator *o = r->o;

	r->begun = r->counted = true;
	list_add_last(&o->runs, &r->link);
	orchestrator_began(o);
	++*o->running;
	orchestrator_set_credit(o);
	o->host->timer_start(o->host->ctx, &r->renew, 0);
}

int run_begin(struct run *r, uint64_t fence, int64_t lease_until, int64_t at, const struct sq_err *refusal)
{
	static const struct outcome refused = {T_FAILED, "refused"};
	struct test_setup setup = setup_of(r);
	int64_t now = orchestrator_now(r->o);
	int status;

	setup.presence = run_standing(r->o, &r->record, at).presence;
	if (refusal)
		status = test_refuse(&r->test, &setup, fence, lease_until, now, &refused, refusal->text);
	else if (setup.presence && now >= setup.presence)
		status = test_refuse(&r->test, &setup, fence, lease_until, now, &test_vanished,
		                     TEST_VANISHED);
	else
		status = test_begin(&r->test, &setup, fence, lease_until, now, deadline_of(r));
	if (status == 0)
		enlist(r);
	return status;
}

/* How it was decided to end, by the word that stands in the record while it drains: of all that stop a test
 * these alone are no failures, and a worker may have words of its own. */
static struct outcome decided(const struct run *r)
{
	static const struct outcome others[] = {
	    {T_CANCELLED, "cancelled"},
	    {T_CANCELLED, "client_vanished"},
	    {T_TIMED_OUT, "provisioning_timeout"},
	};

	if (r->record.state != T_DRAINING || !*r->record.reason)
		return (struct outcome){T_STATES, NULL};
	for (size_t i = 0; i < SQ_LEN(others); i++)
		if (strcmp(r->record.reason, others[i].reason) == 0)
			return others[i];
	return (struct outcome){T_FAILED, r->record.reason};
}

/* What happened under the last owner is in its points. */
static void skip_points(struct run *r)
{
	int64_t since = orchestrator_now(r->o) - run_load_at(r);
	struct timeline_now before = {.second = since > 0 ? (uint64_t)(since / SQ_S) - 1 : UINT64_MAX,
	                              .offered = run_offered(r, since),
	                              .books = merger_books(r->merger),
	                              .cpu = since > 0 ? merger_health(r->merger).cpu : -1};

	r->second = before.second + 1;
	r->thin.points = (int64_t)r->second < r->o->conf->timeline_points ? (int64_t)r->second
	                                                                  : r->o->conf->timeline_points;
	json_object_put(timeline_point(r->timeline, &before));
	threshold_watch_rebase(r->watch, merger_books(r->merger), since > 0 ? since : 0);
}

/* T0 came as wall clock time. It cannot be later than what the last owner or the workers saw of it. */
static bool is_set_back(const struct run *r, enum test_state state)
{
	int64_t now = orchestrator_now(r->o);

	if (state >= T_RUNNING && now < r->test.t0)
		return true;
	for (uint32_t i = 0; i < merger_count(r->merger); i++) {
		int64_t elapsed = merger_at(r->merger, i)->elapsed;

		if (elapsed > 0 && elapsed > now - run_load_at(r))
			return true;
	}
	return false;
}

int run_adopt(struct run *r, uint64_t fence, int64_t lease_until, int64_t at)
{
	struct test_setup setup = setup_of(r);
	struct standing found = run_standing(r->o, &r->record, at);
	struct outcome how = decided(r);
	int status = test_adopt(&r->test, &setup, fence, lease_until, orchestrator_now(r->o), &found, &how,
	                        deadline_of(r));

	if (status < 0)
		return status;
	if (found.state == T_DRAINING)
		r->stopped = orchestrator_now(r->o) -
		             (orchestrator_wall(r->o) - record_stepped(&r->record)) * SQ_MS;
	if (found.committed) {
		skip_points(r);
		r->test.unsure = is_set_back(r, found.state);
	}
	enlist(r);
	++*r->o->adopted;
	SQ_INFO(r->o->host, RUN_KV(r), "adopted in state %s", lifecycle_word(found.state));
	return 0;
}

/* --- turns ----------------------------------------------------------------------------------- */

static void note_steps(struct run *r, int64_t now)
{
	const struct sq_host *h = r->o->host;
	int64_t wall = orchestrator_wall(r->o);
	struct step s;

	while (test_take_step(&r->test, &s)) {
		const char *detail = *s.detail ? s.detail : NULL;

		if (record_step(&r->record, wall, s.state, s.reason, detail, h->instance) < 0)
			SQ_ERROR(h, RUN_KV(r), "no memory: a step is missing in the history");
		if (!lifecycle_terminal(s.state))
			r->record.deadline_at = wall + (r->test.deadline - now) / SQ_MS;
		if (s.state >= T_DRAINING && !r->stopped)
			r->stopped = now;
		SQ_INFO(h, RUN_KV(r), "state=%s%s%s%s%s", lifecycle_word(s.state), s.reason ? " reason=" : "",
		        s.reason ? s.reason : "", detail ? ": " : "", detail ? detail : "");
	}
}

/* Says once of each worker that it is lost, while that can be a loss. */
static void tell_lost(struct run *r, int64_t now)
{
	for (uint32_t i = 0; i < r->test.setup.workers; i++) {
		const struct worker *w = &r->test.workers[i];
		char silence[TEXT_MAX], why[sizeof w->problem + TEXT_MAX];

		if (r->snapshots[i].told || !test_lost(&r->test, now, i))
			continue;
		r->snapshots[i].told = true;
		if (*w->problem || w->gone)
			snprintf(why, sizeof why, "%s", *w->problem ? w->problem : "its process ended");
		else
			snprintf(why, sizeof why, "no report for %s",
			         text_duration(silence, r->test.setup.report_timeout));
		SQ_WARN(r->o->host, SQ_KV({"test", r->id}, {"worker", *w->name ? w->name : w->uid}),
		        "lost: %s, policy %s", why, plan_loss_name[r->plan->on_worker_loss]);
	}
}

/* Whose requests go on with whom. */
static void note_moves(struct run *r)
{
	const struct slot_map *map = &r->test.spread.map;

	for (; r->moves_noted < map->move_count; r->moves_noted++) {
		const struct slot_move *m = &map->moves[r->moves_noted];
		const struct worker *w = &r->test.workers[m->place];
		const char *name = *w->name ? w->name : w->uid;

		if (m->to_count)
			SQ_WARN(r->o->host, RUN_KV(r),
			        "worker %s is lost: %u others send its requests from number %llu on", name,
			        (unsigned)m->to_count, (unsigned long long)m->until);
		else
			SQ_WARN(
			    r->o->host, RUN_KV(r),
			    "worker %s is lost, and nobody has room for its requests: the rate is lower from "
			    "number %llu on",
			    name, (unsigned long long)m->until);
	}
}

/* Once the record says so, or cannot be made to say anything by us. */
static void settle(struct run *r)
{
	struct sq_delivery *d = r->delivery;
	bool known = r->test.saved.state != T_QUEUED;

	if (!d || (!known && !r->test.given_up))
		return;
	r->delivery = NULL;
	if (known && r->refused)
		delivery_settle(r->o, d, SQ_DEAD, "refused", r->record.detail);
	else
		delivery_settle(r->o, d, known ? SQ_ACK : SQ_RELEASE, NULL, NULL);
}

static void free_slot(struct run *r)
{
	if (!r->counted)
		return;
	r->counted = false;
	--*r->o->running;
	++*r->o->ended;
	orchestrator_set_credit(r->o);
}

static void finish(struct run *r)
{
	struct orchestrator *o = r->o;

	o->host->timer_stop(o->host->ctx, &r->timer);
	o->host->timer_stop(o->host->ctx, &r->renew);
	if (r->pending > 0)
		return;
	if (r->test.gone) {
		SQ_ERROR(o->host, RUN_KV(r),
		         "its record is gone from the store: its workers are ended, and there is no result; "
		         "a Redis that is to keep tests needs appendonly yes");
		sweep_orphan(o, r->id, r->test.fence);
	} else if (r->test.given_up) {
		if (!lifecycle_terminal(r->test.saved.state))
			SQ_INFO(o->host, RUN_KV(r), "given up: another orchestrator has it, or may take it");
		lease_release(o, r->id, r->test.fence);
	} else {
		outcome_tell(r);
	}
	list_remove(&r->link);
	free_slot(r);
	run_free(r);
	orchestrator_ended(o);
}

void run_pump(struct run *r)
{
	const struct sq_host *h = r->o->host;
	int64_t now, next;

	r->again = true;
	if (r->pumping)
		return;
	r->pumping = true;
	while (r->again) {
		r->again = false;
		now = orchestrator_now(r->o);
		test_tick(&r->test, now);
		if (r->test.life.state == T_ARMED || r->test.life.state == T_RUNNING)
			tell_lost(r, now);
		note_steps(r, now);
		note_moves(r);
		run_snapshots(r, now);
		run_points(r, now);
		run_ask_store(r);
		run_ask_job(r);
	}
	r->pumping = false;
	settle(r);
	if (lifecycle_terminal(r->test.saved.state))
		free_slot(r);
	if (test_over(&r->test)) {
		finish(r);
		return;
	}
	now = orchestrator_now(r->o);
	next = test_next(&r->test, now) - now;
	h->timer_start(h->ctx, &r->timer, next < TURN ? next : TURN);
}
