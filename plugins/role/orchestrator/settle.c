/* settle.c - letting go: of messages and of leases. Nobody waits for the answer. */
#include <stdlib.h>

#include "run.h"

struct settling {
	struct sq_settling rq;
	struct orchestrator *o;
	char reason[64], detail[RECORD_DETAIL];
};

static void settled(struct sq_op *op, int status)
{
	struct settling *s = sq_container(op, struct settling, rq.op);

	(void)status; /* a message that comes again is settled again */
	orchestrator_ended(s->o);
	free(s);
}

void delivery_settle(struct orchestrator *o, struct sq_delivery *d, enum sq_settle how, const char *reason,
                     const char *detail)
{
	struct settling *s = calloc(1, sizeof *s);

	if (!s)
		return; /* its lock expires, and it comes again */
	s->o = o;
	record_set(s->reason, sizeof s->reason, reason);
	record_set(s->detail, sizeof s->detail, detail);
	s->rq = (struct sq_settling){.op = {.done = settled, .timeout = STORE_TIMEOUT},
	                             .delivery = d,
	                             .how = how,
	                             .reason = s->reason,
	                             .description = s->detail};
	if (how == SQ_DEAD) {
		++*o->dead;
		SQ_WARN(o->host, SQ_KV({"test", d->msg.id}), "its message is dead (%s): %s", s->reason,
		        s->detail);
	}
	orchestrator_began(o);
	submitted(&s->rq.op, o->host->transport->settle(o->host->transport_self, &s->rq));
}

struct releasing {
	struct sq_store_release rq;
	struct orchestrator *o;
	char id[SQ_ID_MAX + 1];
};

static void released(struct sq_op *op, int status)
{
	struct releasing *l = sq_container(op, struct releasing, rq.op);

	(void)status; /* it ends by itself */
	orchestrator_ended(l->o);
	free(l);
}

void lease_release(struct orchestrator *o, const char *id, uint64_t fence)
{
	struct releasing *l = calloc(1, sizeof *l);

	if (!l)
		return;
	l->o = o;
	record_set(l->id, sizeof l->id, id);
	l->rq = (struct sq_store_release){
	    .op = {.done = released, .timeout = STORE_TIMEOUT}, .id = l->id, .fence = fence};
	orchestrator_began(o);
	submitted(&l->rq.op, o->host->store->release(o->host->store_self, &l->rq));
}
