/* take.h - a test that is being taken: what take.c, take_foreign.c and take_bury.c share. Loop thread. */
#ifndef ORCHESTRATOR_TAKE_H
#define ORCHESTRATOR_TAKE_H

#include "run.h"

struct take {
	struct orchestrator *o;
	struct link link;
	char id[SQ_ID_MAX + 1];
	struct sq_delivery *delivery; /* NULL: it was lost, or there was none */
	struct sq_store_get get;
	struct sq_store_lease lease;
	struct sq_store_parts parts;
	struct sq_store_put put; /* of a foreign message's record, or of the end of a test that cannot be run */
	struct sq_part part;
	struct test_record record; /* read under the lease */
	struct buf body, secret;
	struct sq_work resolve;
	struct addresses found;
	struct sq_timer hold;
	uint64_t fence;
	int64_t asked;
	struct run *run; /* not begun */
	struct place place;
	char reason[RECORD_WORD], detail[RECORD_DETAIL]; /* why it is buried */
};

/* --- take.c --- */

void take_look(struct take *t); /* reads the record, and goes on as it says */
/* The ways out; t is gone behind the first two, and soon behind the last. */
void take_end(struct take *t);
void take_settle(struct take *t, enum sq_settle how, const char *reason, const char *detail);
/* Our own trouble is never the message's fault: it goes back uncounted, but not at once. */
void take_give_up(struct take *t, int status, const char *what);

/* --- take_foreign.c --- */

void take_foreign(struct take *t); /* there is no record */
/* The id of a message that has none: the same for the same message, however often it comes. 0 or negative
 * errno. */
int take_name(const struct sq_delivery *d, char out[SQ_ID_MAX + 1]);

/* --- take_bury.c --- */

/* Leased, and nobody can run it: its record ends as failed, and then its message is dead. */
void take_bury(struct take *t, const char *reason, const char *detail);

/* The last attempt to deliver it has run out, too: this delivery is there to say so (squall/transport.h). */
bool take_worn_out(const struct take *t);
#define TAKE_WORN_OUT "delivery_limit"
#define TAKE_WORN_OUT_TEXT \
	"each orchestrator that took its message ended or stood still before it could begin; look into their logs"

#endif
