/*
 * control.h - what an orchestrator and its workers say to each other (design 7), as JSON text.
 *
 *     POST /control/tests/{id}/workers         registration -> answer with plan and directive
 *     POST /control/tests/{id}/workers/{uid}   report (report.h) -> answer with directive
 *
 * Both with "Authorization: Bearer TOKEN". Statuses instead of an answer: 307 another orchestrator
 * owns the test, its URL in Location; 401 wrong token; 404 unknown test (try the next URL, until the
 * deadline); 409 the plan is another one; 410 the test is over, or has no place for this worker: exit.
 * 503 try again.
 *
 * The rules that need both sides:
 *   - epoch names the arming attempt, fence the owner. A worker obeys no fence below the highest it has
 *     seen, and no answer to a request older than the last one answered.
 *   - arm carries T0; the worker acknowledges by reporting state "armed" with that epoch. run counts only
 *     with the epoch that was acknowledged, and only when it comes before T0: a late worker stays
 *     silent, reports "ended" and never catches up.
 *   - stop is final: after it the worker never sends again, reports stop_ack and, when its requests have
 *     ended or its drain time is over, final.
 *   - a worker whose final report has seq S is free to exit once stored >= S.
 *
 * Pure. Reading is strict and bounded, and a refusal names the member.
 */
#ifndef COMMON_CONTROL_H
#define COMMON_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/record.h>
#include <squall/util.h>

#include "digest.h"
#include "slots.h"

struct buf;
struct json_object;

#define CONTROL_FORMAT 1
#define CONTROL_TEXT_MAX (4 << 20) /* bytes of an answer: a plan with its body, and slots */
#define CONTROL_SLOTS_MAX (SLOTS_PER_WORKER * 10000)
#define CONTROL_UID_MAX (SQ_ID_MAX - 5) /* "snap." before it is the name of its part in the store */
#define CONTROL_POLL_ARMING (100 * SQ_MS) /* between two requests until T0 */
#define CONTROL_POLL (1 * SQ_S) /* from then on */

struct registration {
	char uid[CONTROL_UID_MAX + 1]; /* made up by the worker, new at every process start */
	char name[SQ_ID_MAX + 1]; /* what the scheduler calls it (SQUALL_WORKER), "" = unknown */
	char plan_sha256[SHA256_TEXT]; /* of the plan it has, "" = none yet */
	char version[32]; /* squall's */
	int64_t wall; /* its clock, Unix ns */
	int64_t files; /* descriptors it may have open, 0 = unknown */
	int64_t cpus; /* thousandths of a CPU it may use, 0 = unknown */
};

enum directive_state { DIRECTIVE_WAIT, DIRECTIVE_ARM, DIRECTIVE_RUN, DIRECTIVE_STOP, DIRECTIVE_STATES };

struct directive {
	uint64_t epoch, fence;
	enum directive_state state;
	int64_t t0; /* Unix ns by the orchestrator's clock, 0 = none */
	int64_t now; /* the same clock when this was written */
	struct slots slots; /* the whole assignment; count 0: none is given, what was given stays */
	uint64_t until_tick; /* never send a tick from here on */
	int64_t poll; /* ns until the next report */
	uint64_t stored; /* the highest seq of this worker's reports that the store has, 0 = none */
};

struct answer {
	struct json_object *plan; /* effective, with secrets; owned. NULL but for registrations */
	char plan_sha256[SHA256_TEXT]; /* "" without a plan */
	struct directive directive;
};

extern const char *const directive_word[DIRECTIVE_STATES]; /* "wait" "arm" "run" "stop" */

/* Each writer appends the text, or gives -ENOMEM. */
int control_write_registration(const struct registration *r, struct buf *out);
int control_write_answer(const struct answer *a, struct buf *out);

/* 0, -EINVAL or -EBADMSG with the reason in err, or -ENOMEM; *out is written only on success. */
int control_read_registration(struct sq_slice text, struct registration *out, struct sq_err *err);
/* The answer is freed with answer_free. */
int control_read_answer(struct sq_slice text, struct answer *out, struct sq_err *err);
void answer_free(struct answer *a); /* what it owns; harmless on a zeroed one */

#endif
