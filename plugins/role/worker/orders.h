/*
 * orders.h - what a worker makes of its orchestrator's directives (design 7). Pure: directives, answers
 * and time in, decisions out.
 *
 *     NEW -> PREPARING -> READY -> ARMED -> GO -> OVER        and from each straight to OVER
 *
 * NEW registers, the others report, one request at a time. The rules:
 *   - A directive of a fence below the highest one seen is not obeyed. run counts only for the epoch and T0
 *     that the worker was armed with, and before T0: else it is late, stays silent and says so.
 *   - In GO the plan is carried out up to until_tick, whether reports can be delivered or not; until_tick and
 *     slots that come with run of the same epoch and T0 add to the share.
 *   - OVER never sends again. The final report is repeated until the store has it.
 *   - Who does not answer, knows nothing of the test or is not its owner any more: the next URL.
 *   - There is a deadline of our own for each stage, after which the worker gives up.
 *
 * Time is monotonic ns. Each call that can decide something returns what is to be done, as bits.
 */
#ifndef WORKER_ORDERS_H
#define WORKER_ORDERS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/backoff.h"
#include "drive.h"
#include "plugins/common/control.h"
#include "plugins/common/report.h"
#include "trips.h"

#define ORDERS_URL_MAX 512

#define ORDERS_SILENCE (300 * SQ_S) /* before GO: longest time without a directive */
#define ORDERS_GRACE (300 * SQ_S) /* longest time for a final report to be delivered */
#define ORDERS_TERM (5 * SQ_S) /* the same once the process was told to end */

enum orders_stage { ORDERS_NEW, ORDERS_PREPARING, ORDERS_READY, ORDERS_ARMED, ORDERS_GO, ORDERS_OVER };

enum orders_decision {
	ORDERS_PREPARE = 1u << 0, /* the plan came with this answer; orders_prepared() or _fail() follows */
	ORDERS_BEGIN = 1u << 1, /* start the load: slots, until_tick, t0; orders_ended() follows */
	ORDERS_STOP = 1u << 2, /* send nothing more; orders_ended() follows */
	ORDERS_EXIT = 1u << 3, /* leave, with exit_code */
	ORDERS_EXTEND = 1u << 4, /* slots and until_tick may be more now */
};

struct orders {
	enum orders_stage stage; /* read only, as all of it */
	struct slots slots; /* the whole share as told last; owned. From GO on it only grows */
	uint64_t until_tick; /* the same */
	int64_t t0, t0_error; /* by our clock, and the most that this is off; since ARMED */
	int exit_code;

	uint64_t epoch, fence;
	int64_t t0_theirs; /* Unix ns */
	uint64_t armed_fence; /* whose clock T0 is by */
	bool stop_ack, closed, terminated;
	char reason[64], detail[480];

	uint64_t asked; /* number of the last request */
	bool asking; /* it has no answer yet */
	bool urgent; /* there is news: do not wait for the poll */
	uint64_t seq, final_seq; /* of the last report, of the first final one */
	int64_t next; /* when the next request is due */
	int64_t poll;
	int64_t deadline;
	int64_t span; /* from T0 to the end of the drain */

	const char *const *urls; /* closed by NULL */
	size_t url; /* of them */
	char owner[ORDERS_URL_MAX]; /* where a 307 led, "" = use urls */
	uint32_t hops; /* 307 in a row */
	struct backoff backoff;
	struct trips trips;
};

/* urls stays with the caller; it has one or more. */
void orders_init(struct orders *o, const char *const *urls, int64_t now, uint64_t seed);
void orders_fini(struct orders *o);

/* Requests: when the next is due (INT64_MAX: not now), and where to: "http://10.0.0.7:8001". */
int64_t orders_next(const struct orders *o);
const char *orders_url(const struct orders *o);
/* It goes out now: a registration in NEW, else the report that is filled in here (all but uid, elapsed,
 * start_lag, health and books). The request's number, which comes back with its answer. */
uint64_t orders_ask(struct orders *o, int64_t now, enum drive_stage load, struct report *r);

/* What became of it; each of these for a number that is not the last one's is ignored. Takes the slots
 * out of d. sent, answered: of the round trip. */
unsigned orders_heard(struct orders *o, uint64_t number, int64_t now, int64_t sent, int64_t answered,
                      struct directive *d);
unsigned orders_refused(struct orders *o, uint64_t number, int64_t now, int status, const char *location);
unsigned orders_unheard(struct orders *o, uint64_t number,
                        int64_t now); /* no answer, or not to be understood */

/* What happens in this process. span: from T0 to the end of the drain, ns. */
void orders_prepared(struct orders *o, int64_t now, int64_t span);
unsigned orders_fail(struct orders *o, int64_t now, const char *reason,
                     const char *detail); /* no load from us */
void orders_ended(struct orders *o, int64_t now); /* nothing is in flight any more: the books are closed */
unsigned orders_terminate(struct orders *o, int64_t now); /* the process is to end */

unsigned orders_check(struct orders *o, int64_t now); /* to be called at the deadline */

#endif
