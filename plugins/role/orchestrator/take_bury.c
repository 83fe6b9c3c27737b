/* take_bury.c - a test that nobody can run: its record says why before its message is dead (design 4). */
#include <errno.h>

#include "take.h"

static void buried(struct sq_op *op, int status)
{
	struct take *t = sq_container(op, struct take, put.op);

	if (status < 0) {
		take_give_up(t, status, "its end");
		return;
	}
	++*t->o->ended;
	take_settle(t, SQ_DEAD, t->reason, t->detail);
}

static int end_record(struct take *t)
{
	struct orchestrator *o = t->o;
	int status = record_step(&t->record, orchestrator_wall(o), T_FAILED, t->reason, t->detail,
	                         o->host->instance);

	t->record.provisioning.set = false;
	buf_reset(&t->body);
	record_write(&t->record, &t->body);
	return status < 0 || buf_failed(&t->body) ? -ENOMEM : 0;
}

void take_bury(struct take *t, const char *reason, const char *detail)
{
	const struct sq_host *h = t->o->host;
	int status;

	record_set(t->reason, sizeof t->reason, reason);
	record_set(t->detail, sizeof t->detail, detail);
	status = end_record(t);
	if (status < 0) {
		take_give_up(t, status, "its end");
		return;
	}
	SQ_ERROR(h, SQ_KV({"test", t->id}), "state=failed reason=%s: %s", t->reason, t->detail);
	t->put = (struct sq_store_put){.op = {.done = buried, .timeout = STORE_TIMEOUT},
	                               .id = t->id,
	                               .state = lifecycle_word(T_FAILED),
	                               .version = t->get.record.version,
	                               .fence = t->fence,
	                               .life = SQ_TERMINAL,
	                               .body = {t->body.data, t->body.len}};
	submitted(&t->put.op, h->store->put(h->store_self, &t->put));
}

bool take_worn_out(const struct take *t)
{
	const struct sq_delivery *d = t->delivery;

	return d && d->attempt_max > 0 && d->attempt > d->attempt_max;
}
