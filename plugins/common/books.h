/*
 * books.h - all that one worker writes down: ledger, histograms, statuses, connections, bytes.
 *
 * The engine calls one function per event of a request, in the order of its life:
 *
 *     books_due        the loop looked at it (pickup = look - due: the generator's own lateness)
 *     books_dropped    | books_unsent   and its life is over, or
 *     books_sent       first byte written (lag = sent - due; wait = lag - pickup)
 *     books_answered   | books_broken | books_unanswered
 *
 * The books own no clock: all times are monotonic ns that the caller took. A struct request_times
 * lives in the engine's request. Debug builds assert the order. Pure, one thread.
 */
#ifndef COMMON_BOOKS_H
#define COMMON_BOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/hist.h"
#include "ledger.h"

#define BOOKS_LATE SQ_MS /* pickup beyond this makes a request late (design 5) */
#define BOOKS_SAMPLES 10

enum books_hist { /* latencies, in the order of the result document */
	          H_PICKUP,
	          H_WAIT,
	          H_LAG,
	          H_SERVICE,
	          H_RESPONSE,
	          H_DNS,
	          H_CONNECT,
	          H_TLS,
	          H_FIRST_BYTE,
	          H_RECEIVE, /* phases */
	          H_COUNT
};
extern const char *const books_hist_name[H_COUNT]; /* "pickup", ..., "dns", ... */
#define H_PHASES H_DNS /* the first of the phases */

enum request_stage { R_NONE, R_DUE, R_SENT, R_ENDED };

struct request_times {
	uint64_t tick;
	int64_t due, picked, sent, first_byte; /* monotonic ns; 0 = not yet */
	uint8_t stage; /* enum request_stage */
};

/* One of the slowest, or an error. */
struct sample {
	uint64_t tick;
	int64_t offset; /* due - T0, ns */
	int64_t response, service; /* ns, as far as they went */
	int status; /* 0 = none */
	char address[64]; /* numeric address of the target, with port */
	char what[96]; /* error text, or "" */
	char body[512]; /* first bytes of the answer's body */
	uint16_t body_len;
};

struct books {
	int64_t t0; /* monotonic ns: what sample offsets count from */
	struct ledger ledger;
	struct hist *hist[H_COUNT];
	uint64_t status[LEDGER_STATUS_MAX - LEDGER_STATUS_MIN + 1]; /* every answer, ok or not */
	uint64_t opened, reused; /* connections: fresh, and requests sent on a used one */
	uint64_t bytes_sent, bytes_received;
	uint64_t pending, in_flight; /* due and in no class; sent and not ended */
	uint32_t slowest_count, error_count[ERROR_KINDS + 2];
	struct sample slowest[BOOKS_SAMPLES]; /* by response time, longest first */
	struct sample errors[ERROR_KINDS + 2]
	                    [BOOKS_SAMPLES]; /* the first of each: reset timeout protocol http check */
};
#define SAMPLE_HTTP ERROR_KINDS
#define SAMPLE_CHECK (ERROR_KINDS + 1)

struct books *books_new(int64_t t0); /* NULL without memory */
void books_free(struct books *b);

void books_due(struct books *b, struct request_times *r, uint64_t tick, int64_t due, int64_t now);
void books_dropped(struct books *b, struct request_times *r, enum ledger_dropped why);
/* Ticks that never became requests (stopped before they were due). */
void books_dropped_many(struct books *b, uint64_t ticks, enum ledger_dropped why);
void books_unsent(struct books *b, struct request_times *r, enum ledger_unsent why);
void books_sent(struct books *b, struct request_times *r, int64_t now, bool reused);
void books_first_byte(struct books *b, struct request_times *r, int64_t now);

/* A whole answer came. ok: status as expected and no check failed. s: for the samples (address,
 * status, body), may be NULL. */
void books_answered(struct books *b, struct request_times *r, int64_t now, int status, bool status_ok,
                    bool checks_ok, const struct sample *s);
/* Ended without a whole answer after bytes were sent: recorded as a lower bound. */
void books_broken(struct books *b, struct request_times *r, int64_t now, enum ledger_error why,
                  const struct sample *s);
/* Still unanswered when the test ended: a lower bound, in_flight_at_end. */
void books_unanswered(struct books *b, struct request_times *r, int64_t now);

/* Connection phases, ns; negative = did not happen. */
void books_connected(struct books *b, int64_t dns, int64_t connect, int64_t tls);

/* Nothing pending, nothing in flight, both lines of the ledger hold, and every histogram of sent
 * requests has exactly one value for each. */
bool books_closed(const struct books *b);

void books_merge(struct books *into, const struct books *from);

#endif
