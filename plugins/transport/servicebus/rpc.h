/*
 * rpc.h - questions and answers over a pair of links: $cbs and $management.
 *
 * The links attach with the first question; they may be taken away again at any time, and come back with the
 * next. A question is a proton message, answered by one whose correlation-id is its message-id. Loop thread
 * only.
 */
#ifndef SERVICEBUS_RPC_H
#define SERVICEBUS_RPC_H

#include <proton/message.h>

#include "core/base/buf.h"
#include "endpoint.h"
#include "plugins/common/list.h"

struct rpc {
	struct bus *bus;
	struct endpoint asks, hears;
	struct link calls; /* of struct rpc_call */
	uint64_t serial;
	char reply_to[64];
};

struct rpc_answer {
	int code; /* as of HTTP */
	const char *condition; /* "com.microsoft:message-lock-lost"; never NULL when code is no success */
	const char *text; /* for people, or "" */
	pn_data_t *body;
};

/* One question. The caller's memory until done() is entered. */
struct rpc_call {
	/* status: 0 with an answer, else -ENOTCONN (it was not asked), -SQ_EUNCERTAIN, -ENOMEM without one.
	 */
	void (*done)(struct rpc_call *c, int status, const struct rpc_answer *answer);
	struct { /* the rpc's */
		struct rpc *owner;
		struct link link;
		uint64_t id;
		bool sent;
		struct sq_timer timer;
		char *bytes;
		size_t len;
	} own;
};

void rpc_init(struct rpc *r, struct bus *bus, const char *address);
void rpc_session(struct rpc *r); /* there is a session that may be used */
void rpc_lost(struct rpc *r); /* there is none: every question ends */
/* message gets its id and reply-to, and stays the caller's. 0 or -ENOMEM; done() follows, in a later turn. */
int rpc_ask(struct rpc *r, struct rpc_call *c, pn_message_t *message);
void rpc_forget(struct rpc_call *c); /* done() will not run; harmless when it has */
void rpc_free(struct rpc *r);

#endif
