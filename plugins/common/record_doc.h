/*
 * record_doc.h - the record of a test: what gateway and orchestrator keep in the store about it.
 *
 * One table (record_doc.c) names every member of the JSON text; reading, refusing and writing come
 * from it. Reading is strict: a member that is missing, unknown or out of its range is refused by
 * name, so that two versions never lose each other's data silently. Pure.
 *
 * The texts are arrays, the documents are owned by the record. Points in time are Unix ms by the
 * store's clock, 0 for "not yet" (null in JSON).
 */
#ifndef COMMON_RECORD_DOC_H
#define COMMON_RECORD_DOC_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/record.h>

#include "core/base/buf.h"
#include "digest.h"
#include "lifecycle.h"

struct json_object;
struct plan;

#define RECORD_FORMAT 1
#define RECORD_WORD 64 /* bytes of a reason or a name of ours, with the NUL */
#define RECORD_DETAIL 480 /* of a text for people: what a struct sq_err holds */

/* Names in the store. */
#define RECORD_SECRET_PLAN "secret.plan" /* part: the whole effective plan, with its secrets */
#define RECORD_SECRET_TOKEN "secret.token" /* part: the bearer token of the workers */
#define RECORD_SNAPSHOT "snap." /* part, with the worker's uid behind it: its last report */
#define RECORD_SLOTS "slots" /* part */
#define RECORD_TIMELINE "timeline" /* log: one point a second, numbered second + 1 */

struct test_record {
	char test_id[SQ_ID_MAX + 1];
	char name[129]; /* "" for none */
	enum test_state state;
	char reason[RECORD_WORD], detail[RECORD_DETAIL]; /* of the last step; "" for none */
	char verdict[RECORD_WORD]; /* "none" until the end */
	struct json_object *validity; /* NULL until the end */
	struct json_object *plan, *effective_plan; /* without secrets */
	char plan_sha256[SHA256_TEXT];
	int64_t submitted_at, started_at, ended_at; /* started: T0 */
	int64_t deadline_at; /* when the present state has lasted too long */
	struct json_object *history; /* one entry for each step, the first one included */
	struct {
		bool set;
		int64_t at;
		char by[RECORD_DETAIL];
	} cancel;
	/* Who started it stays with it, and says so again and again: when that ends, so does the test. */
	struct {
		bool set;
		int64_t ttl; /* ms */
		int64_t until; /* when it counts as gone */
	} presence;
	struct {
		bool set;
		uint32_t epoch; /* of the arming attempt that it belongs to */
		int64_t unix_ns;
		int64_t until_tick; /* highest that workers may have been given */
		uint32_t moves; /* entries of the slot map in part RECORD_SLOTS */
	} t0;
	uint32_t epoch; /* arming attempts used */
	uint32_t adoptions, edition;
	struct {
		uint32_t planned, ready, armed, reported;
		struct json_object *lost; /* their uids */
	} workers;
	struct {
		bool set;
		uint32_t ready, wanted;
		char reason[RECORD_DETAIL];
	} provisioning;
	char token_sha256[SHA256_TEXT]; /* "" for none */
	struct json_object *live; /* the last point of the timeline, NULL for none */
	struct json_object *result; /* the result document, NULL before the end */
};

/*
 * A new one in state queued, deadline included. plan: what posted was read as; posted stays the
 * caller's. 0 or -ENOMEM; *out is written only on success and then emptied with record_free.
 */
int record_begin(struct test_record *out, const char *test_id, const struct plan *plan,
                 struct json_object *posted, int64_t now, const char *by);

/* -ENOMEM, -EPROTONOSUPPORT (a newer format), or -EBADMSG with the member in err; *out as above. */
int record_read(struct sq_slice body, struct test_record *out, struct sq_err *err);
/* Appends the JSON text; ask buf_failed(). */
void record_write(const struct test_record *r, struct buf *out);
struct json_object *
record_json(const struct test_record *r); /* the same as a document; NULL without memory */
void record_free(struct test_record *r); /* what it owns; harmless on a zeroed one */

/*
 * Moves it to a state and appends that to the history (reason and detail may be NULL, by: who did
 * it, host->instance). An end sets ended_at and clears deadline_at. 0, or -ENOMEM and nothing happened.
 */
int record_step(struct test_record *r, int64_t now, enum test_state state, const char *reason,
                const char *detail, const char *by);
int64_t record_stepped(const struct test_record *r); /* when the last step was, Unix ms */
int record_lose_worker(struct test_record *r, const char *uid); /* 0 or -ENOMEM */

/* Copies as much as fits, whole characters of UTF-8 only. NULL counts as "". */
void record_set(char *text, size_t size, const char *value);

/*
 * What GET /tests/{id} answers: the record without what is ours alone, and, once there is a result,
 * the members of the result document, which win but for the history. submitted_at, started_at and
 * ended_at are texts as in that document. NULL without memory.
 */
struct json_object *record_answer(const struct test_record *r);
/* The same in the few members that GET /tests lists. */
struct json_object *record_summary(const struct test_record *r);

/*
 * The body of the message that waits in the queue: test_id, plan_sha256, the three numbers of every
 * plan, and the plan as posted, which is left out when the body would be longer than
 * RECORD_MESSAGE_MAX; the record has it. Appended; ask buf_failed().
 */
#define RECORD_MESSAGE_MAX (64 << 10)
void record_message(const struct test_record *r, struct buf *out);
/* The same with the plan in any case: 0, -E2BIG or -ENOMEM, and nothing is appended. */
int record_whole_message(const struct test_record *r, struct buf *out);

/* What its plan asks for, as in struct plan; 0 for what is not there. */
void record_demand(const struct test_record *r, int64_t *ret_rate, int64_t *ret_workers);

/* The fingerprint of what a plan asks for: SHA-256 of the effective plan's text. 0 or -ENOMEM. */
int record_plan_hash(const struct plan *plan, char out[SHA256_TEXT]);
/* The same for a message that gets its record at the other end, where the target of a plan that names none
 * may be another than here: then it says nothing about the target. posted: what plan was read from. */
int record_posted_hash(const struct plan *plan, struct json_object *posted, char out[SHA256_TEXT]);

#endif
