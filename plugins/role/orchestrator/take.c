/*
 * take.c - from a message, or a test that nobody owns, to a run.
 *
 *     read the record -> lease -> read it again -> read its parts -> judge the plan -> run
 *
 * What the message says about the test does not count once there is a record. A message without one comes
 * from somebody who writes no records (take_foreign.c).
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/common/route.h"
#include "take.h"

#define HOLD (1 * SQ_S) /* a message is held when the store fails, so that it does not come back at once */

/* --- the ends of a take ------------------------------------------------------------------------ */

void take_end(struct take *t)
{
	struct orchestrator *o = t->o;

	fit_end(o, &t->place);
	list_remove(&t->link);
	run_free(t->run);
	record_free(&t->record);
	buf_free(&t->body);
	buf_free(&t->secret);
	free(t);
	orchestrator_ended(o);
}

void take_settle(struct take *t, enum sq_settle how, const char *reason, const char *detail)
{
	if (t->delivery)
		delivery_settle(t->o, t->delivery, how, reason, detail);
	t->delivery = NULL;
	take_end(t);
}

static void held(struct sq_timer *timer)
{
	take_settle(sq_container(timer, struct take, hold), SQ_RELEASE, NULL, NULL);
}

void take_give_up(struct take *t, int status, const char *what)
{
	const struct sq_host *h = t->o->host;

	SQ_WARN(h, SQ_KV({"test", t->id}), "cannot be taken now (%s: error %d)", what, -status);
	if (t->fence)
		lease_release(t->o, t->id, t->fence);
	orchestrator_trouble(t->o, status);
	t->hold.fire = held;
	h->timer_start(h->ctx, &t->hold, t->o->drain ? 0 : HOLD);
}

/* --- beginning the run -------------------------------------------------------------------------- */

static void take_begin(struct take *t, const struct sq_err *refusal)
{
	struct run *r = t->run;
	int64_t until = t->asked + t->lease.ttl;
	int status;

	if (t->o->drain) {
		take_give_up(t, -ECANCELED, "this process is stopping");
		return;
	}
	status = run_begin(r, t->fence, until, t->get.now, refusal);
	if (status < 0) {
		take_give_up(t, status, "no memory");
		return;
	}
	r->refused = refusal != NULL;
	r->delivery = t->delivery;
	t->delivery = NULL;
	t->run = NULL;
	take_end(t);
	run_pump(r);
}

static int resolve(struct sq_work *w)
{
	struct take *t = sq_container(w, struct take, resolve);

	return route_resolve(t->run->plan, &t->found, NULL);
}

static void resolved(struct sq_op *op, int status)
{
	struct take *t = sq_container(op, struct take, resolve.op);
	struct sq_err why;

	(void)status; /* a name that is unknown has no addresses, and the policy says what that means */
	if (route_filter(t->run->plan, t->o->policy, &t->found, "orchestrator", &why) < 0)
		take_begin(t, &why);
	else
		take_begin(t, NULL);
}

static void take_judge(struct take *t)
{
	struct plan_problems problems = {0};
	struct sq_err why;
	int status;

	limits_check(&t->o->limits, t->run->plan, &problems);
	if (problems.count > 0) {
		sq_fail(&why, -EPERM, "%.*s", (int)strcspn(problems.text.data, "\n"), problems.text.data);
		plan_problems_free(&problems);
		take_begin(t, &why);
		return;
	}
	plan_problems_free(&problems);
	t->resolve = (struct sq_work){
	    .op.done = resolved, .run = resolve, .what = "name of the target", .lane = SQ_LANE_NET};
	status = t->o->host->work(t->o->host->ctx, &t->resolve);
	if (status < 0)
		take_give_up(t, status, "no thread");
}

/* --- the parts ---------------------------------------------------------------------------------- */

static const struct sq_part *find_part(const struct sq_store_parts *p, const char *name)
{
	for (uint32_t i = 0; i < p->count; i++)
		if (strcmp(p->parts[i].name, name) == 0)
			return &p->parts[i];
	return NULL;
}

static int take_token(struct take *t)
{
	struct run *r = t->run;
	const struct sq_part *part = find_part(&t->parts, RECORD_SECRET_TOKEN);
	char a[UUID_TEXT], b[UUID_TEXT];

	if (part && part->data.len < sizeof r->token) {
		memcpy(r->token, part->data.data, part->data.len);
	} else if (uuid_random(a) < 0 || uuid_random(b) < 0) {
		return -EIO;
	} else {
		snprintf(r->token, sizeof r->token, "%.32s%.31s", a, b);
	}
	return sha256_text(r->token, strlen(r->token), r->record.token_sha256);
}

/* What the workers had reported when their orchestrator was lost. */
static void take_snapshots(struct take *t)
{
	size_t prefix = strlen(RECORD_SNAPSHOT);

	for (uint32_t i = 0; i < t->parts.count; i++) {
		const struct sq_part *p = &t->parts.parts[i];
		struct report report;
		struct sq_err err;

		if (strncmp(p->name, RECORD_SNAPSHOT, prefix) != 0)
			continue;
		if (report_read(p->data, &report, &err) < 0) {
			SQ_ERROR(t->o->host, SQ_KV({"test", t->id}), "part %s cannot be read: %s", p->name,
			         err.text);
			continue;
		}
		if (merger_take(t->run->merger, &report) < 0)
			SQ_ERROR(t->o->host, SQ_KV({"test", t->id}), "no memory for part %s", p->name);
		report_free(&report);
	}
}

/* Past queued: it was somebody's, who is lost. */
static void take_adopt(struct take *t)
{
	struct run *r = t->run;
	const struct sq_part *slots = find_part(&t->parts, RECORD_SLOTS);
	int status;

	take_snapshots(t);
	status = run_adopt(r, t->fence, t->asked + t->lease.ttl, t->get.now);
	if (status < 0) {
		take_give_up(t, status, "no memory");
		return;
	}
	if (slots && r->test.committed)
		run_read_places(r, slots->data);
	r->delivery = t->delivery;
	t->delivery = NULL;
	t->run = NULL;
	take_end(t);
	run_pump(r);
}

/* The plan in the store; *problems says what is wrong with one that cannot be read. 0, -EINVAL or -EBADMSG,
 * -ENOMEM. */
static int take_plan(const struct take *t, struct plan **ret, struct plan_problems *problems)
{
	const struct sq_part *part = find_part(&t->parts, RECORD_SECRET_PLAN);

	return part ? plan_read_text(part->data.data, part->data.len, NULL, ret, NULL, problems) : -EBADMSG;
}

static int take_run(struct take *t, struct plan *plan)
{
	t->run = run_new(t->o, t->id, &t->record, plan);
	if (!t->run)
		return -ENOMEM;
	t->run->version = t->get.record.version;
	return take_token(t);
}

/* A newer orchestrator may know what we do not, and adopts a test that runs; until that has taken too long.
 */
static void take_unreadable(struct take *t, const struct plan_problems *problems)
{
	const char *why = problems->text.len ? problems->text.data : "it is not in the store, or not JSON";

	if (t->record.state == T_QUEUED || t->get.now >= t->record.deadline_at)
		take_bury(t, "plan_unreadable", why);
	else
		take_give_up(t, -EBADMSG, why);
}

static void got_parts(struct sq_op *op, int status)
{
	struct take *t = sq_container(op, struct take, parts.op);
	struct plan_problems problems = {0};
	struct plan *plan = NULL;
	int read = status < 0 ? status : take_plan(t, &plan, &problems);

	if (status >= 0 && (read == -EINVAL || read == -EBADMSG)) {
		take_unreadable(t, &problems);
		plan_problems_free(&problems);
		return;
	}
	plan_problems_free(&problems);
	if (read >= 0)
		read = take_run(t, plan);
	if (read < 0)
		take_give_up(t, read, "its plan");
	else if (t->run->record.state == T_QUEUED)
		take_judge(t);
	else
		take_adopt(t);
}

/* --- the record and the lease -------------------------------------------------------------------- */

/* A newer squall wrote it, and publishes it again. We would only take it for ever. */
static void take_not_ours(struct take *t, const struct sq_err *why)
{
	SQ_ERROR(t->o->host, SQ_KV({"test", t->id}), "its record cannot be read: %s", why->text);
	lease_release(t->o, t->id, t->fence);
	take_settle(t, SQ_DEAD, "record_unreadable", why->text);
}

/* What it says counts now, since nobody else can change it but to cancel. */
static void got_owned(struct sq_op *op, int status)
{
	struct take *t = sq_container(op, struct take, get.op);
	const struct sq_host *h = t->o->host;
	struct sq_err why = {.text = "the store cannot read it"};

	if (status >= 0)
		status = record_read(t->get.record.body, &t->record, &why);
	if (status == -EBADMSG || status == -EPROTONOSUPPORT) {
		take_not_ours(t, &why);
	} else if (status < 0) {
		take_give_up(t, status, "record");
	} else if (take_worn_out(t) && t->record.state == T_QUEUED) {
		take_bury(t, TAKE_WORN_OUT, TAKE_WORN_OUT_TEXT);
	} else {
		t->parts = (struct sq_store_parts){
		    .op = {.done = got_parts, .timeout = STORE_TIMEOUT}, .id = t->id, .prefix = ""};
		submitted(&t->parts.op, h->store->parts(h->store_self, &t->parts));
	}
}

static void take_read(struct take *t, sq_done_fn *done)
{
	const struct sq_host *h = t->o->host;

	t->get = (struct sq_store_get){.op = {.done = done, .timeout = STORE_TIMEOUT}, .id = t->id};
	submitted(&t->get.op, h->store->get(h->store_self, &t->get));
}

static void leased(struct sq_op *op, int status)
{
	struct take *t = sq_container(op, struct take, lease.op);

	if (status == -SQ_ECONFLICT) {
		take_settle(t, SQ_RELEASE, NULL, NULL); /* somebody holds it, and may not have written yet */
	} else if (status == -SQ_EFINAL || status == -SQ_EGONE) {
		take_settle(t, SQ_ACK, NULL, NULL);
	} else if (status < 0) {
		take_give_up(t, status, "lease");
	} else {
		t->fence = t->lease.fence;
		take_read(t, got_owned);
	}
}

static void take_lease(struct take *t)
{
	const struct sq_host *h = t->o->host;
	const char *url = h->url(h->ctx);

	t->lease = (struct sq_store_lease){.op = {.done = leased, .timeout = STORE_TIMEOUT},
	                                   .id = t->id,
	                                   .owner = h->instance,
	                                   .address = url ? url : "",
	                                   .ttl = t->o->conf->lease_ttl};
	t->asked = orchestrator_now(t->o);
	submitted(&t->lease.op, h->store->lease(h->store_self, &t->lease));
}

/* --- the first look -------------------------------------------------------------------------------- */

/* It goes back to the queue, uncounted, but not at once. */
static void take_wait(struct take *t)
{
	SQ_DEBUG(t->o->host, SQ_KV({"test", t->id}), "waits: it does not fit beside the tests that run here");
	t->hold.fire = held;
	t->o->host->timer_start(t->o->host->ctx, &t->hold, t->o->drain ? 0 : HOLD);
}

static void got(struct sq_op *op, int status)
{
	struct take *t = sq_container(op, struct take, get.op);
	const struct sq_record *rec = &t->get.record;

	if (status == -ENOENT)
		take_foreign(t);
	else if (status < 0)
		take_give_up(t, status, "record");
	else if (rec->life != SQ_LIVE || (t->delivery && strcmp(rec->state, lifecycle_word(T_QUEUED)) != 0))
		take_settle(t, SQ_ACK, NULL, NULL);
	else if (!fit_begin(t->o, rec, t->get.now, &t->place))
		take_wait(t);
	else
		take_lease(t);
}

void take_look(struct take *t)
{
	take_read(t, got);
}

static struct take *take_new(struct orchestrator *o)
{
	struct take *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->o = o;
	list_add_last(&o->takes, &t->link);
	orchestrator_began(o);
	return t;
}

void take_delivery(struct orchestrator *o, struct sq_delivery *d)
{
	struct take *t = o->drain ? NULL : take_new(o);

	if (!t) {
		delivery_settle(o, d, SQ_RELEASE, NULL, NULL);
		return;
	}
	t->delivery = d;
	record_set(t->id, sizeof t->id, d->msg.id);
	if (!*t->id && take_name(d, t->id) < 0)
		take_give_up(t, -ENOMEM, "no memory");
	else
		take_look(t);
}

void take_orphan(struct orchestrator *o, const char *id)
{
	struct take *t = o->drain ? NULL : take_new(o);

	if (!t)
		return;
	record_set(t->id, sizeof t->id, id);
	take_look(t);
}

void take_lost(struct orchestrator *o, const struct sq_delivery *d)
{
	for (struct link *l = o->takes.next; l != &o->takes; l = l->next) {
		struct take *t = sq_container(l, struct take, link);

		if (t->delivery == d)
			t->delivery = NULL;
	}
	for (struct link *l = o->runs.next; l != &o->runs; l = l->next) {
		struct run *r = sq_container(l, struct run, link);

		if (r->delivery == d)
			r->delivery = NULL;
	}
}

bool take_has(const struct orchestrator *o, const char *id)
{
	for (const struct link *l = o->takes.next; l != &o->takes; l = l->next)
		if (strcmp(sq_container(l, const struct take, link)->id, id) == 0)
			return true;
	return false;
}
