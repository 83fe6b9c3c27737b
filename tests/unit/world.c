/* world.c - what surrounds an orchestrator, in virtual time. */
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void broken(struct world *w, const char *what)
{
	if (!*w->broken)
		snprintf(w->broken, sizeof w->broken, "%s at %.2f s", what, (double)w->now / SQ_S);
}

void world_init(struct world *w, const struct test_setup *setup, int64_t ttl)
{
	*w = (struct world){.now = 0, .ttl = ttl, .setup = *setup};
	w->record.version = 1;
	w->record.holder = -1;
	w->record.s.state = T_QUEUED;
	w->record.deadline = setup->limits.queued;
	w->schedule = *setup->schedule;
	w->setup.schedule = &w->schedule;
}

static void forget_known(struct orchestrator *o)
{
	for (int i = 0; i < WORLD_WORKERS; i++) {
		free(o->known[i]);
		o->known[i] = NULL;
	}
}

void world_free(struct world *w)
{
	for (int i = 0; i < 2; i++) {
		if (w->o[i].active)
			test_end(&w->o[i].t);
		forget_known(&w->o[i]);
	}
	for (int i = 0; i < WORLD_WORKERS; i++) {
		share_free(&w->w[i].share);
		free(w->record.known[i]);
		free(w->record.moves[i].to);
	}
}

/* --- the store ------------------------------------------------------------------------------- */

static int lease(struct world *w, int who, uint64_t *fence)
{
	if (lifecycle_terminal(w->record.s.state))
		return -SQ_EFINAL;
	if (*fence && *fence != w->record.fence)
		return -SQ_EFENCED;
	if (!*fence && w->record.holder >= 0 && w->record.holder != who && w->now < w->record.until)
		return -SQ_ECONFLICT;
	if (!*fence)
		*fence = ++w->record.fence;
	w->record.holder = who;
	w->record.until = w->now + w->ttl;
	return 0;
}

static int check_write(const struct world *w, uint64_t fence)
{
	if (lifecycle_terminal(w->record.s.state))
		return -SQ_EFINAL;
	return fence != w->record.fence ? -SQ_EFENCED : 0;
}

static void check_commit(struct world *w, const struct orchestrator *o, const struct standing *draft)
{
	if (!draft->committed || w->record.s.committed)
		return;
	if (++w->record.committed > 1)
		broken(w, "T0 was written twice");
	for (uint32_t i = 0; i < w->setup.workers; i++)
		memcpy(w->record.uid[i], o->t.workers[i].uid, sizeof w->record.uid[i]);
}

/* A final that was reported, and would be lost with its worker. */
static void check_finals(struct world *w, const struct orchestrator *o, const struct standing *draft)
{
	for (uint32_t i = 0; lifecycle_terminal(draft->state) && i < w->setup.workers; i++)
		if (o->t.workers[i].final && !o->t.workers[i].gone && !w->record.final[i])
			broken(w, "the end was written before a final was stored");
}

/* What it decided to move is written beside the record. */
static void write_move(struct world *w, const struct orchestrator *o, const struct standing *draft)
{
	const struct slot_move *m = &o->t.spread.move;
	struct slot_move *kept = &w->record.moves[w->record.s.moves];

	if (draft->moves == w->record.s.moves || draft->moves <= o->t.spread.map.move_count)
		return;
	free(kept->to);
	*kept = *m;
	kept->to = calloc(m->to_count + 1u, sizeof *kept->to);
	for (uint32_t i = 0; i < m->to_count; i++)
		kept->to[i] = m->to[i];
}

/* The ledger as it is written at the end: each tick is in one class, by who has it. */
static void write_ledger(struct world *w, const struct orchestrator *o)
{
	const struct test *t = &o->t;
	uint64_t sum = test_account_nobody(t, 0, w->schedule.total);

	w->ledger.written = true;
	w->ledger.worker_lost = sum;
	for (uint32_t i = 0; t->committed && i < w->setup.workers; i++) {
		const struct classes *c = o->known[i];
		uint64_t sent = 0, dropped = 0, pending = 0;
		struct account a;

		for (uint64_t k = 0; c && k < w->schedule.total; k++) {
			sent += c->sent[k];
			dropped += c->dropped[k];
			pending += c->pending[k];
			if (c->sent[k] + c->dropped[k] + c->pending[k] > 1 ||
			    (c->sent[k] + c->dropped[k] + c->pending[k] &&
			     slot_map_whose(&t->spread.map, k) != i))
				broken(w, "a tick is in two classes");
		}
		test_account(t, i, &(struct account_range){0, w->schedule.total, sent + dropped + pending},
		             &a);
		w->ledger.sent += sent;
		w->ledger.dropped += dropped;
		w->ledger.unconfirmed += pending + a.unconfirmed;
		w->ledger.worker_lost += a.worker_lost;
		w->ledger.fenced += a.fenced;
		w->ledger.aborted += a.aborted;
		sum += sent + dropped + pending + a.unconfirmed + a.worker_lost + a.fenced + a.aborted;
	}
	if (t->committed && sum != w->schedule.total)
		broken(w, "a tick is in no class");
}

/* What the target counted is not more than what the ledger says may have been sent; also afterwards. */
static void check_counted(struct world *w)
{
	uint64_t counted = 0;

	for (uint64_t k = 0; k < w->schedule.total; k++)
		counted += w->sent[k];
	if (w->ledger.written && counted > w->ledger.sent + w->ledger.unconfirmed)
		broken(w, "more was sent than the ledger says");
	if (w->ledger.written && counted < w->ledger.sent)
		broken(w, "less was sent than the ledger says");
}

static int put(struct world *w, struct orchestrator *o)
{
	const struct standing *draft = &o->store.draft;
	int r = check_write(w, o->t.fence);
	bool cancel = w->record.s.cancel;
	int64_t presence = w->record.s.presence;

	if (r < 0)
		return r;
	if (o->store.version != w->record.version)
		return -SQ_ECONFLICT;
	if (w->record.s.committed && (!draft->committed || draft->t0 != w->record.s.t0))
		broken(w, "a T0 that was written is another one now");
	check_commit(w, o, draft);
	check_finals(w, o, draft);
	write_move(w, o, draft);
	if (lifecycle_terminal(draft->state))
		write_ledger(w, o);
	w->record.s = *draft;
	w->record.s.cancel = cancel;
	w->record.s.presence = presence;
	w->record.version++;
	o->store.version = w->record.version;
	w->record.deadline = o->t.deadline;
	snprintf(w->record.reason, sizeof w->record.reason, "%s",
	         o->t.life.outcome.state != T_STATES && o->t.life.outcome.reason ? o->t.life.outcome.reason
	                                                                         : "");
	if (lifecycle_terminal(draft->state))
		w->record.holder = -1;
	return 0;
}

/* Done at the store; -SQ_EUNCERTAIN when no answer came. */
static int at_store(struct world *w, struct orchestrator *o)
{
	int r = 0;

	if (o->store.fate == FATE_FAILS)
		return -EIO;
	if (o->store.fate == FATE_LOST)
		return -SQ_EUNCERTAIN;
	if (o->store.what == STORE_WRITE)
		r = put(w, o);
	else
		o->store.version = w->record.version;
	return o->store.fate == FATE_UNANSWERED ? -SQ_EUNCERTAIN : r;
}

static void serve_store(struct world *w, struct orchestrator *o)
{
	struct standing found;
	int r;

	if (!o->store.pending || o->store.fate == FATE_HANGS)
		return;
	r = at_store(w, o);
	o->store.pending = false;
	o->store.fate = o->store.fate == FATE_FAILS ? FATE_FAILS : FATE_OK;
	found = w->record.s;
	if (o->store.what == STORE_WRITE)
		test_was_written(&o->t, w->now, r);
	else
		test_was_read(&o->t, w->now, r, r == 0 ? &found : NULL);
}

/* --- the scheduler --------------------------------------------------------------------------- */

static void spawn(struct world *w)
{
	for (uint32_t i = 0; i < w->setup.workers; i++) {
		struct worker_process *p = &w->w[i], was = *p;

		share_free(&was.share);
		*p = (struct worker_process){.alive = true,
		                             .born = w->now,
		                             .slow = was.slow,
		                             .mute = was.mute,
		                             .ahead = was.ahead,
		                             .unreachable = was.unreachable};
		snprintf(p->name, sizeof p->name, "w%u", (unsigned)i + 1);
		snprintf(p->uid, sizeof p->uid, "u%u-%u", (unsigned)i + 1, w->job.resumed);
	}
}

static void kill_all(struct world *w)
{
	for (uint32_t i = 0; i < w->setup.workers; i++)
		w->w[i].alive = w->w[i].sending = false;
}

static int at_scheduler(struct world *w, struct orchestrator *o)
{
	bool exists = w->job.state != OBJECT_NONE;

	if (exists && o->t.fence < w->job.fence)
		return -SQ_EFENCED;
	switch (o->job.what) {
	case JOB_PREPARE:
		w->job.prepared += !exists;
		w->job.state = exists ? w->job.state : OBJECT_PREPARED;
		break;
	case JOB_RESUME:
		if (!exists)
			return -ENOENT;
		if (w->job.state == OBJECT_RUNNING)
			break;
		if (w->record.s.committed)
			broken(w, "a test with T0 was launched again");
		w->job.state = OBJECT_RUNNING;
		w->job.resumed++;
		spawn(w);
		break;
	case JOB_CLAIM:
		if (!exists)
			return -ENOENT;
		for (uint32_t i = 0; i < w->setup.workers; i++)
			if (!w->w[i].alive)
				test_worker_gone(&o->t, w->now, w->w[i].name, NULL);
		break;
	default:
		kill_all(w);
		w->job.state = OBJECT_NONE;
		return 0;
	}
	w->job.fence = o->t.fence;
	return 0;
}

static void serve_job(struct world *w, struct orchestrator *o)
{
	enum fate fate = o->job.fate;
	int r = 0;

	if (!o->job.pending || fate == FATE_HANGS)
		return;
	o->job.pending = false;
	if (o->job.what == JOB_CHECK) {
		struct standing found = w->record.s;

		r = o->t.fence == w->record.fence ? 0 : -SQ_EFENCED;
		test_was_checked(&o->t, w->now, r, r == 0 ? &found : NULL);
		return;
	}
	o->job.stops += o->job.what == JOB_STOP;
	o->job.fate = fate == FATE_FAILS ? FATE_FAILS : FATE_OK;
	if (fate == FATE_OK || fate == FATE_UNANSWERED)
		r = at_scheduler(w, o);
	if (fate == FATE_LOST || fate == FATE_UNANSWERED)
		r = -SQ_EUNCERTAIN;
	test_job_done(&o->t, w->now, fate == FATE_FAILS ? -EACCES : r, NULL);
}

/* --- workers --------------------------------------------------------------------------------- */

/* Ticks that are due by its own clock. */
static uint64_t due_by(const struct world *w, const struct worker_process *p)
{
	return schedule_ticks_until(&w->schedule, w->now + p->ahead - p->t0);
}

/* Of the ticks that came with a larger share, those that were due already. */
static void drop_late(struct world *w, struct worker_process *p, const struct share *was)
{
	uint64_t due = due_by(w, p), below = p->share.until_tick;

	for (uint64_t k = 0; k < due && k < below; k++)
		if ((slots_own(&p->share.slots, k) || slots_own(&was->slots, k)) && !p->ticks.sent[k] &&
		    !p->ticks.pending[k] && (p->share.tick == SCHEDULE_NEVER || k < p->share.tick))
			p->ticks.dropped[k] = 1;
}

static void extend(struct world *w, struct worker_process *p, uint32_t place, const struct orchestrator *by,
                   const struct order *o)
{
	struct slots told = {0};
	struct share was = {0};
	uint64_t due = due_by(w, p), before = 0, after = 0, dropped;

	if (slots_init(&told, w->setup.workers) < 0)
		abort();
	slot_map_share(&by->t.spread.map, place, &told);
	if (!p->given) {
		p->given = share_init(&p->share, &told, o->until_tick) == 0;
	} else if (share_init(&was, &told, o->until_tick) == 0) { /* told: with what was due already */
		for (uint64_t k = 0; k < w->schedule.total; k++)
			before += p->ticks.dropped[k];
		dropped = share_extend(&p->share, o->share ? &told : &(struct slots){0}, o->until_tick, due,
		                       0)
		              .load;
		if (dropped)
			drop_late(w, p, &was);
		for (uint64_t k = 0; k < w->schedule.total; k++)
			after += p->ticks.dropped[k];
		if (after - before != dropped)
			broken(w, "a worker counts other ticks than those it drops");
	}
	share_free(&was);
	slots_free(&told);
}

static void obey(struct world *w, struct worker_process *p, uint32_t place, const struct orchestrator *by,
                 const struct order *o)
{
	uint64_t fence = by->t.fence;

	if (fence < p->fence)
		return;
	p->fence = fence;
	if (o->state == DIRECTIVE_STOP && !p->stopped) {
		p->stopped = true;
		p->ended_at = w->now;
	} else if (o->state == DIRECTIVE_ARM && !p->stopped && !p->run) {
		p->state = WORKER_ARMED;
		p->epoch = o->epoch;
		p->t0 = o->t0;
	} else if (o->state == DIRECTIVE_RUN && !p->stopped && p->state == WORKER_ARMED && !p->run) {
		if (o->epoch == p->epoch && w->now < o->t0)
			p->run = true;
		else if (w->now >= o->t0 && !p->ended_at)
			p->late = true, p->ended_at = w->now;
	}
	if (o->state == DIRECTIVE_RUN && p->run && !p->ended_at)
		extend(w, p, place, by, o);
	if (p->final_seq && o->stored >= p->final_seq)
		p->alive = false;
	p->poll_at = w->now + o->poll;
}

static struct report report_of(struct world *w, struct worker_process *p)
{
	struct report r = {.seq = ++p->seq,
	                   .state = p->state,
	                   .epoch = p->epoch,
	                   .fence = p->fence,
	                   .clock_error = p->ahead};

	if (p->ended_at && w->now >= p->ended_at + 300 * SQ_MS) {
		r.state = p->state = WORKER_ENDED;
		r.final = true;
		if (!p->final_seq)
			p->final_seq = p->seq;
	}
	r.stop_ack = p->stopped;
	r.round_trip = p->round_trip;
	snprintf(r.uid, sizeof r.uid, "%s", p->uid);
	if (p->busy)
		r.health = (struct health){.elapsed = w->now, .cpu = w->now / 10 * 9};
	if (p->late || p->unreachable)
		snprintf(r.reason, sizeof r.reason, "%s", p->late ? "late_start" : "target_unreachable");
	return r;
}

static struct classes *copy_classes(const struct classes *c)
{
	struct classes *copy = malloc(sizeof *copy);

	if (!copy)
		abort();
	*copy = *c;
	return copy;
}

/* Every five seconds, finals at once, and what a lost worker said last. */
static void store_snapshot(struct world *w, struct orchestrator *o, uint32_t place)
{
	const struct worker *known = &o->t.workers[place];
	bool due = w->now >= w->record.snapshot_at[place] + 5 * SQ_S || known->final ||
	           test_lost(&o->t, w->now, place);

	if (!o->known[place] || !due || !o->t.committed || known->stored >= known->seq ||
	    o->store.fate == FATE_FAILS || check_write(w, o->t.fence) < 0 || !test_owned(&o->t, w->now))
		return;
	if (known->seq > w->record.snapshot[place]) {
		w->record.snapshot[place] = known->seq;
		w->record.final[place] = known->final;
		w->record.problem[place] = *known->problem;
		free(w->record.known[place]);
		w->record.known[place] = copy_classes(o->known[place]);
	}
	w->record.snapshot_at[place] = w->now;
	test_stored(&o->t, w->now, place, known->seq);
}

/* One request to the orchestrator that it knows, or else to the other. */
static void talk(struct world *w, struct worker_process *p)
{
	struct orchestrator *o = &w->o[p->talks_to];
	struct order order;
	struct report r;
	int place;

	p->poll_at = w->now + 100 * SQ_MS;
	if (!o->active || o->paused || o->t.given_up) {
		p->talks_to = !p->talks_to;
		return;
	}
	if (!p->registered) {
		p->registered = test_register(&o->t, w->now, p->uid, p->name) >= 0;
		return;
	}
	if (p->slow)
		return;
	r = report_of(w, p);
	place = test_report(&o->t, w->now, &r);
	if (place < 0) {
		p->registered = false;
		return;
	}
	if (o->t.workers[place].seq == r.seq) { /* it counts */
		free(o->known[place]);
		o->known[place] = copy_classes(&p->ticks);
	}
	store_snapshot(w, o, (uint32_t)place);
	if (!p->deaf && test_order(&o->t, w->now, (uint32_t)place, &order) == 0)
		obey(w, p, (uint32_t)place, o, &order);
}

static void send_tick(struct world *w, struct worker_process *p, uint64_t k)
{
	p->ticks.sent[k] = 1;
	p->ticks.pending[k] = 0;
	p->sent = true;
	if (++w->sent[k] > 1)
		broken(w, "a tick was sent twice");
	if (w->ledger.written)
		check_counted(w);
}

/* Looks at what is due. */
static void load(struct world *w, struct worker_process *p)
{
	uint64_t due = due_by(w, p);

	for (; p->share.tick < due; share_next(&p->share))
		if (p->holds)
			p->ticks.pending[p->share.tick] = 1;
		else
			send_tick(w, p, p->share.tick);
	for (uint64_t k = 0; !p->holds && k < due; k++)
		if (p->ticks.pending[k])
			send_tick(w, p, k);
}

/* Sends nothing more: what it was given and did not send. */
static void unload(struct world *w, struct worker_process *p)
{
	for (uint64_t k = 0; p->given && k < w->schedule.total && k < p->share.until_tick; k++) {
		bool left = p->stopped && p->share.tick <= k && slots_own(&p->share.slots, k);

		p->ticks.dropped[k] |= left || p->ticks.pending[k];
		p->ticks.pending[k] = 0;
	}
	p->given = false;
	share_free(&p->share);
}

static void live(struct world *w, struct worker_process *p)
{
	if (!p->alive || p->asleep)
		return;
	p->sending = p->run && !p->stopped && w->now >= p->t0 && w->now < p->t0 + w->setup.duration;
	if (p->sending && p->given)
		load(w, p);
	if (p->sending)
		p->state = WORKER_RUNNING;
	if (p->run && !p->ended_at && w->now >= p->t0 + w->setup.duration)
		p->ended_at = w->now;
	if (p->ended_at)
		unload(w, p);
	if (p->sending && (!w->record.s.committed || w->record.s.t0 != p->t0))
		broken(w, "a worker sends by a T0 that is not the record's");
	if (p->sending && lifecycle_terminal(w->record.s.state))
		broken(w, "a worker sends after the end was written");
	if (!p->mute && w->now >= p->poll_at && w->now >= p->born + 300 * SQ_MS)
		talk(w, p);
}

struct worker_process *world_worker(struct world *w, const char *name)
{
	for (uint32_t i = 0; i < w->setup.workers; i++)
		if (w->w[i].name[0] && strcmp(w->w[i].name, name) == 0)
			return &w->w[i];
	return NULL;
}

/* Its process ends, and the scheduler tells whoever listens. */
void world_kill(struct world *w, struct worker_process *p)
{
	uint32_t alive = 0;

	p->alive = p->sending = false;
	for (uint32_t i = 0; i < w->setup.workers; i++)
		alive += w->w[i].alive;
	for (int i = 0; i < 2; i++)
		if (w->o[i].active && !w->o[i].paused && !w->o[i].t.given_up) {
			test_worker_gone(&w->o[i].t, w->now, p->name, NULL);
			test_job_seen(&w->o[i].t, w->now, w->setup.workers - alive, alive, "killed");
		}
}

/* --- orchestrators --------------------------------------------------------------------------- */

static void renew(struct world *w, int who)
{
	struct orchestrator *o = &w->o[who];
	uint64_t fence = o->t.fence, version = w->record.version;
	int r;

	if (w->now < o->renew_at || o->cut)
		return;
	o->renew_at = w->now + w->ttl / 10;
	r = lease(w, who, &fence);
	if (r == 0) {
		test_leased(&o->t, w->now + w->ttl);
		if (version != o->store.version && !o->store.pending)
			test_changed(&o->t);
	} else if (r == -SQ_EFENCED) {
		test_fenced(&o->t);
	} else if (!o->store.pending) {
		test_changed(&o->t);
	}
}

static void work(struct world *w, int who)
{
	struct orchestrator *o = &w->o[who];
	struct standing draft;
	struct step step;

	if (!o->active || o->paused)
		return;
	if (o->t.given_up && w->record.holder == who && w->record.fence == o->t.fence)
		w->record.holder = -1; /* gives the lease back */
	if (!test_over(&o->t))
		renew(w, who);
	serve_store(w, o);
	serve_job(w, o);
	test_tick(&o->t, w->now);
	for (uint32_t i = 0; i < w->setup.workers; i++)
		store_snapshot(w, o, i);
	while (test_take_step(&o->t, &step)) {
	}
	if (!o->store.pending) {
		o->store.what = test_want_store(&o->t, w->now, &draft);
		o->store.pending = o->store.what != STORE_NOTHING;
		o->store.draft = draft;
	}
	if (!o->job.pending) {
		o->job.what = test_want_job(&o->t, w->now);
		o->job.pending = o->job.what != JOB_NOTHING;
	}
	if (test_next(&o->t, w->now) <= w->now)
		broken(w, "the next look would be at once, for ever");
}

/* A new process; what the script said about its surroundings stays. */
static void wake_up(struct orchestrator *o)
{
	struct orchestrator was = *o;

	forget_known(o);
	*o = (struct orchestrator){.active = true, .cut = was.cut};
	o->store.fate = was.store.fate;
	o->job.fate = was.job.fate;
}

/* The lease of a test that is queued, and a new process for it. */
static int take(struct world *w, int who, uint64_t *fence)
{
	struct orchestrator *o = &w->o[who];
	int r = lease(w, who, fence);

	if (r == 0 && w->record.s.state != T_QUEUED)
		r = -EALREADY;
	if (r < 0)
		return r;
	if (o->active)
		test_end(&o->t);
	wake_up(o);
	o->store.version = w->record.version;
	return 0;
}

int world_deliver(struct world *w, int who)
{
	uint64_t fence = 0;
	int r = take(w, who, &fence);

	if (r < 0)
		return r;
	w->setup.presence = w->record.s.presence;
	return test_begin(&w->o[who].t, &w->setup, fence, w->now + w->ttl, w->now, w->record.deadline);
}

int world_refuse(struct world *w, int who)
{
	static const struct outcome refused = {T_FAILED, "refused"};
	uint64_t fence = 0;
	int r = take(w, who, &fence);

	if (r < 0)
		return r;
	return test_refuse(&w->o[who].t, &w->setup, fence, w->now + w->ttl, w->now, &refused,
	                   "its target is not allowed");
}

static struct outcome decided(const struct world *w)
{
	struct outcome o = {T_STATES, NULL};

	if (w->record.s.state == T_DRAINING && *w->record.reason) {
		bool vanished = strcmp(w->record.reason, test_vanished.reason) == 0;

		o.state = strcmp(w->record.reason, "cancelled") == 0 || vanished ? T_CANCELLED : T_FAILED;
		o.reason = vanished                 ? test_vanished.reason
		           : o.state == T_CANCELLED ? "cancelled"
		                                    : "as it was";
	}
	return o;
}

int world_adopt(struct world *w, int who)
{
	struct orchestrator *o = &w->o[who];
	struct outcome how = decided(w);
	struct report last = {0};
	uint64_t fence = 0;
	int r = lease(w, who, &fence);

	if (r < 0)
		return r;
	if (o->active)
		test_end(&o->t);
	wake_up(o);
	o->store.version = w->record.version;
	r = test_adopt(&o->t, &w->setup, fence, w->now + w->ttl, w->now, &w->record.s, &how,
	               w->record.deadline);
	for (uint32_t i = 0; r == 0 && w->record.s.committed && i < w->setup.workers; i++) {
		char name[16];

		snprintf(name, sizeof name, "w%u", (unsigned)i + 1);
		last.seq = w->record.snapshot[i];
		last.final = w->record.final[i];
		snprintf(last.reason, sizeof last.reason, "%s", w->record.problem[i] ? "late_start" : "");
		test_restore(&o->t, i, w->record.uid[i], name, last.seq ? &last : NULL);
		if (w->record.known[i])
			o->known[i] = copy_classes(w->record.known[i]);
	}
	for (uint32_t i = 0; r == 0 && i < w->record.s.moves; i++)
		r = test_restore_move(&o->t, &w->record.moves[i]);
	return r;
}

/* Under a mortal scheduler the workers end with it. */
void world_crash(struct world *w, int who)
{
	test_end(&w->o[who].t);
	forget_known(&w->o[who]);
	w->o[who] = (struct orchestrator){.active = false};
	if (w->setup.mortal) {
		kill_all(w);
		w->job.state = OBJECT_NONE;
	}
}

void world_cancel(struct world *w)
{
	if (lifecycle_terminal(w->record.s.state))
		return;
	w->record.s.cancel = true;
	w->record.version++;
}

void world_presence(struct world *w, int64_t ttl)
{
	if (lifecycle_terminal(w->record.s.state))
		return;
	w->record.s.presence = w->now + ttl;
	w->record.version++;
}

void world_run(struct world *w, int64_t until)
{
	while (w->now < until && !*w->broken) {
		w->now += WORLD_STEP;
		work(w, 0);
		work(w, 1);
		for (uint32_t i = 0; i < w->setup.workers; i++)
			live(w, &w->w[i]);
		check_counted(w);
	}
}
