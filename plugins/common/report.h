/*
 * report.h - what one worker has measured so far, as JSON text and back, exactly.
 *
 * Reports are cumulative: the one with the highest seq of a worker replaces all before it, so that
 * loss, repetition and reordering need no handling. The same text is the snapshot that the store
 * keeps. Pure; reading is strict and bounded, and a refusal names the member.
 */
#ifndef COMMON_REPORT_H
#define COMMON_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/util.h>

#include "books.h"
#include "control.h"
#include "validity.h"

struct buf;

#define REPORT_TEXT_MAX \
	(16 << 20) /* bytes; ten full histograms and all samples are a MB, and seldom are full */

enum worker_state {
	WORKER_READY, /* waits to be armed */
	WORKER_ARMED, /* acknowledges the arming attempt that epoch names */
	WORKER_RUNNING, /* from T0 until the last tick below its until_tick was looked at */
	WORKER_DRAINING, /* waits for answers */
	WORKER_ENDED, /* sends nothing any more */
	WORKER_STATES
};
extern const char *const worker_state_word[WORKER_STATES];

struct report {
	char uid[CONTROL_UID_MAX + 1];
	uint64_t seq; /* 1, 2, ... */
	enum worker_state state;
	uint64_t epoch; /* of the arm or run that it obeys, 0 = none */
	uint64_t fence; /* the highest it has seen */
	int64_t elapsed; /* ns of the load to this report, or to its end; 0 before it, so also in the warm-up */
	bool final; /* the books are closed: no later report will say anything else */
	bool stop_ack; /* it was told to stop, and sends nothing any more */
	char reason[64], detail[480]; /* why it cannot do its part, "target_unreachable"; "" = all is well */
	/* Of its clock, ns, -1 = unknown: how far its idea of T0 may be off; the worst round trip to the
	 * orchestrator; its first byte sent - the due time of that request. */
	int64_t clock_error, round_trip, start_lag;
	struct health health;
	struct books *books; /* of the load; owned by who read it, as those below; t0 is 0 */
	struct books *warmup; /* without samples; NULL: there is none */
	/* Of a plan with several requests, each in the plan's order, without samples: those are in books. */
	struct books **requests;
	uint32_t request_count; /* 0: the plan has one request without a name */
};

/* Appends the text, or gives -ENOMEM. Bytes of samples that are not UTF-8 are written as '?'. */
int report_write(const struct report *r, struct buf *out);

/* 0, -EINVAL or -EBADMSG with the reason in err, or -ENOMEM; *out is written only on success and then
 * emptied with report_free. */
int report_read(struct sq_slice text, struct report *out, struct sq_err *err);
/* The same without an allocation for each: books are the caller's, any contents are replaced, also on
 * failure; out->books is them, to be taken out before out is emptied with report_free. */
int report_read_into(struct sq_slice text, struct books *books, struct report *out, struct sq_err *err);
void report_free(struct report *r); /* what it owns; harmless on a zeroed one */

#endif
