/*
 * transport_script.h - the contract of squall/transport.h as a script that any queue has to pass.
 *
 * How it runs beside the loop is said in script.h. What the role holds stands in the rig.
 */
#ifndef TESTS_TRANSPORT_SCRIPT_H
#define TESTS_TRANSPORT_SCRIPT_H

#include <squall/plugin.h>

#include "tests/contract/check.h"
#include "tests/contract/script.h"

struct call;

#define HELD_MOST 64

struct contract_conf;

struct rig {
	const struct sq_host *host;
	const char *key; /* prefix of all ids */
	struct contract_conf const *conf;
	struct script script;
	struct sq_delivery *held[HELD_MOST]; /* in the order in which they came */
	unsigned held_count, wanted, came, lost;
	struct {
		char id[SQ_ID_MAX + 1];
		bool in_renewal; /* its renewal had not ended */
	} lost_last;
	struct call *renewal; /* the one that is on its way */
	uint32_t credit;
	unsigned ended;
	struct call *target;
};

enum verb { PUBLISH, SETTLE, RENEW };

/* One request. Zero it, fill the inputs, call() or begin(). */
struct call {
	union {
		struct sq_op op;
		struct sq_publish publish;
		struct sq_settling settling;
	};
	struct rig *rig;
	enum verb verb;
	int status;
	unsigned ended; /* the how-many-th to end, from 1; 0: open, or refused */
};

/* --- for the script's thread --- */

int begin(struct rig *g, struct call *c, enum verb verb); /* 0, or the refusal; ends some time */
int finish(struct rig *g, struct call *c); /* waits for that */
int call(struct rig *g, struct call *c, enum verb verb);
int resume(struct rig *g, struct call *c); /* begin(), with an op that was filled by the caller */
void give_up(struct rig *g, struct call *c); /* host->cancel() */

void credit(struct rig *g, uint32_t most);
struct sq_delivery *await(struct rig *g, unsigned held); /* until so many are held; the last of them */
void await_lost(struct rig *g, unsigned lost); /* until so many were lost */
void forget(struct rig *g, const struct sq_delivery *d); /* it was settled */

const char *name(struct rig *g, const char *suffix); /* "KEY-SUFFIX"; the last four of them are valid */
struct sq_slice text(const char *s);
bool slice_is(struct sq_slice a, struct sq_slice b);
int64_t now_ns(struct rig *g);

void fill(struct call *c, const char *id, uint32_t edition, struct sq_slice body); /* a publish */
int publish(struct rig *g, const char *id, uint32_t edition, const char *body);
/* To its end. A delivery whose settlement is refused stays with the script. */
int settle(struct rig *g, struct sq_delivery *d, enum sq_settle how);
/* Waits for the only message and checks which one it is. */
struct sq_delivery *expect(struct rig *g, const char *id, uint32_t attempt, const char *what);
/* Nothing is left in the queue: what is would come before one more message that is published now. */
void expect_empty(struct rig *g, const char *what);

void promises(struct rig *g); /* all that do not take time */
void drop_dead(struct rig *g);
void failures(struct rig *g); /* of a queue that allows few deliveries */
void expiries(struct rig *g); /* of one with short locks, too */

/* Of a queue that is hindered meanwhile, at the words that they print. */
void torn(struct rig *g);
void mute(struct rig *g);
void unmanaged(struct rig *g);
void large(struct rig *g);

#endif
