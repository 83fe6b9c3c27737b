/* proxy.c - one forwarding function for each verb, made from the lists below. */
#include "proxy.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/failpoint.h"
#include "log.h"

#define PROXY_MAGIC 0x79787270u

#define STORE_VERBS(X)                        \
	X(store, info, sq_store_info)         \
	X(store, add, sq_store_count)         \
	X(store, read, sq_store_count)        \
	X(store, reset, sq_store_count)       \
	X(store, get, sq_store_get)           \
	X(store, put, sq_store_put)           \
	X(store, list, sq_store_list)         \
	X(store, del, sq_store_delete)        \
	X(store, lease, sq_store_lease)       \
	X(store, release, sq_store_release)   \
	X(store, append, sq_store_append)     \
	X(store, merge, sq_store_merge)       \
	X(store, range, sq_store_range)       \
	X(store, part_put, sq_store_part_put) \
	X(store, parts, sq_store_parts)

#define TRANSPORT_VERBS(X)                \
	X(transport, publish, sq_publish) \
	X(transport, settle, sq_settling) \
	X(transport, renew, sq_settling)

#define SCHEDULER_VERBS(X)               \
	X(scheduler, prepare, sq_job_rq) \
	X(scheduler, resume, sq_job_rq)  \
	X(scheduler, claim, sq_job_rq)   \
	X(scheduler, stop, sq_job_rq)    \
	X(scheduler, list, sq_job_list)

static struct proxy *proxy_of(void *self)
{
	struct proxy *p = self;

	assert(p && p->magic == PROXY_MAGIC);
	return p;
}

#define FORWARD(kind, verb, request)                                               \
	static int kind##_##verb(void *self, struct request *rq)                   \
	{                                                                          \
		struct proxy *p = proxy_of(self);                                  \
		const struct sq_##kind *plugin = &p->plugin.kind;                  \
                                                                                   \
		if (!plugin->verb)                                                 \
			return -ENOSYS;                                            \
		if (failpoint("before", #kind "." #verb) < 0)                      \
			return -EIO;                                               \
		op_begin(p->ops, &rq->op, &p->carrier, #kind "." #verb);           \
		return op_end(p->ops, &rq->op, plugin->verb(p->carrier.self, rq)); \
	}
#define FACE(kind, verb, request) .verb = kind##_##verb,

STORE_VERBS(FORWARD)
TRANSPORT_VERBS(FORWARD)
SCHEDULER_VERBS(FORWARD)

static _Noreturn void misused(const struct proxy *p, const char *what)
{
	log_event("host", SQ_L_ERROR, SQ_KV({"who", p->carrier.who}),
	          "called %s: this is a bug in that plugin", what);
	abort();
}

static int no_cancel(void *self, struct sq_op *op)
{
	(void)op;
	misused(proxy_of(self), "cancel() of another plugin, host->cancel() is for that");
}

static void transport_credit(void *self, uint32_t most)
{
	struct proxy *p = proxy_of(self);

	if (!p->takes_deliveries)
		misused(p, "transport.credit() and has no deliver()");
	p->plugin.transport.credit(p->carrier.self, most);
}

static const struct sq_store store_face = {.size = sizeof(struct sq_store),
                                           STORE_VERBS(FACE).cancel = no_cancel};
static const struct sq_transport transport_face = {.size = sizeof(struct sq_transport),
                                                   TRANSPORT_VERBS(FACE).credit = transport_credit,
                                                   .cancel = no_cancel};
static const struct sq_scheduler scheduler_face = {.size = sizeof(struct sq_scheduler),
                                                   SCHEDULER_VERBS(FACE).cancel = no_cancel};

/* A table that may be shorter than ours (an older plugin) or longer is taken as far as both go. */
static void copy_table(void *to, size_t room, const void *from, uint32_t size)
{
	memcpy(to, from, size < room ? size : room);
}

#define MAKE_FACE(p, desc, kind)                                                       \
	do {                                                                           \
		copy_table(&(p)->plugin.kind, sizeof(p)->plugin.kind, (desc)->vt.kind, \
		           (desc)->vt.kind->size);                                     \
		(p)->face.kind = kind##_face;                                          \
		(p)->face.kind.caps = (p)->plugin.kind.caps;                           \
		(p)->carrier.cancel = (p)->plugin.kind.cancel;                         \
	} while (0)

void proxy_init(struct proxy *p, struct ops *o, const struct sq_plugin *desc, void *self, const char *who)
{
	*p = (struct proxy){.magic = PROXY_MAGIC, .ops = o, .carrier = {.who = who, .self = self}};
	switch ((enum sq_kind)desc->kind) {
	case SQ_STORE:
		MAKE_FACE(p, desc, store);
		break;
	case SQ_TRANSPORT:
		MAKE_FACE(p, desc, transport);
		break;
	case SQ_SCHEDULER:
		MAKE_FACE(p, desc, scheduler);
		break;
	case SQ_ROLE:
		assert(!"roles have no proxy");
	}
}
