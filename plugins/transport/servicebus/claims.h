/*
 * claims.h - the right to use the queue, by claims-based security (OASIS AMQP CBS 1.0).
 *
 * With a session it asks for a token and puts it; bus_claimed() follows. The token is put anew when three
 * quarters of its life are over (a JWT two minutes before its end), and when somebody is told that access is
 * denied. A refusal is told once and tried again, slowly, for keys are rotated. Loop thread only.
 */
#ifndef SERVICEBUS_CLAIMS_H
#define SERVICEBUS_CLAIMS_H

#include "rpc.h"
#include "token.h"

struct claims {
	struct bus *bus;
	struct token *token;
	const char *audience;
	struct rpc rpc;
	struct rpc_call call;
	bool asking; /* for a token, or for the answer to one */
	bool session, held;
	int64_t since; /* monotonic ns: when the last token was accepted */
	struct sq_timer renew;
	struct backoff backoff;
};

void claims_init(struct claims *c, struct bus *bus, struct token *token, const char *audience);
void claims_session(struct claims *c);
void claims_lost(struct claims *c);
void claims_doubt(struct claims *c); /* access was denied: a new token, now */
void claims_free(struct claims *c);

#endif
