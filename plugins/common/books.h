/*
 * books.h - all that one worker writes down: ledger, histograms, statuses, connections, bytes.
 *
 * The engine calls one function per event of a request, in the order of its life:
 *
 *     books_due        the loop looked at it (pickup = look - due: the generator's own lateness)
 *     books_dropped    | books_unsent   and its life is over, or
 *     books_sent       first byte written (lag = sent - due; wait = lag - pickup)
 *     books_first_byte of the answer
 *     books_answered   | books_broken | books_unanswered
 *
 * pickup, wait and lag are recorded when a request is sent, so each holds exactly the sent ones. A
 * request that was looked at late and then never sent is counted in late_unsent: otherwise a
 * generator that slept through its requests until their patience was gone would look punctual.
 *
 * The books own no clock: all times are monotonic ns that the caller took, and none is before the
 * one taken earlier in the life of the same request. A struct request_times lives in the engine's
 * request, zeroed for each new one. Order and times are asserted. Pure, one thread.
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

enum {
	SAMPLE_HTTP = ERROR_KINDS,
	SAMPLE_CHECK,
	SAMPLE_UNSENT,
	SAMPLE_KINDS
}; /* after those of enum ledger_error */
extern const char *const books_sample_name[SAMPLE_KINDS]; /* "reset", ..., "http", "check", "unsent" */

enum request_stage { R_NONE, R_DUE, R_SENT, R_ENDED };

struct request_times {
	uint64_t tick;
	int64_t due, picked, sent, first_byte; /* monotonic ns; 0 = not yet */
	uint8_t stage; /* enum request_stage */
	uint8_t request; /* which of the plan's, for the samples */
};

/*
 * One of the slowest, or an error. The engine keeps one for each connection and fills status, body and what
 * as the answer comes; the books fill the rest, and copy it only when they keep it.
 */
struct sample {
	/* Every answer writes these, the rest is for those that are kept. */
	int status; /* 0 = none */
	uint16_t body_len;
	char what[96]; /* error text, or "" */
	char body[512]; /* first bytes of the answer's body */

	uint32_t request; /* which of the plan's */
	uint64_t tick;
	int64_t offset; /* due - T0, ns */
	int64_t response, service; /* ns, as far as they went */
	int64_t pickup, wait; /* ns */
	int64_t first_byte; /* ns from sent; -1 = none came */
	int64_t dns, connect, tls; /* ns, of a connection that was opened for it; -1 = none was */
	char address[64]; /* numeric address of the target, with port */
	char worker[64]; /* that sent it, set by who merges */
};

struct books {
	int64_t t0; /* monotonic ns: what sample offsets count from */
	struct ledger ledger;
	struct hist *hist[H_COUNT];
	uint64_t status[LEDGER_STATUSES]; /* every whole answer, ok or not */
	uint64_t opened, reused; /* connections opened, and requests sent on a used one */
	uint64_t tls_full, tls_resumed; /* TLS handshakes of the opened ones */
	uint64_t bytes_sent, bytes_received;
	uint64_t pending, in_flight; /* due and in no class; sent and not ended */
	uint64_t picked; /* requests that the loop looked at: scheduled but for books_dropped_many */
	uint64_t late_unsent; /* of those, looked at late and never sent */
	int64_t last_sent; /* ns after t0: when the last one was sent; 0 = none was */
	uint32_t slowest_count, error_count[SAMPLE_KINDS]; /* samples kept */
	struct sample slowest[BOOKS_SAMPLES]; /* by response time, longest first, then by tick */
	struct sample errors[SAMPLE_KINDS][BOOKS_SAMPLES]; /* the first due of each kind, by tick */
};

struct books *books_new(int64_t t0); /* NULL without memory */
void books_free(struct books *b);

void books_due(struct books *b, struct request_times *r, uint64_t tick, int64_t due, int64_t now);
void books_dropped(struct books *b, struct request_times *r, enum ledger_dropped why);
/* Ticks that never became requests (stopped before they were due, or before anybody looked). */
void books_dropped_many(struct books *b, uint64_t ticks, enum ledger_dropped why);
/* s: what became of the connection that was opened for it: for the samples, may be NULL. */
void books_unsent(struct books *b, struct request_times *r, int64_t now, enum ledger_unsent why,
                  const struct sample *s);
void books_sent(struct books *b, struct request_times *r, int64_t now, bool reused);
/* The first call counts; may be left out when the whole answer came in one read. */
void books_first_byte(struct books *b, struct request_times *r, int64_t now);

/* A whole answer came with a status of 100 .. 999; ok when as expected and no check failed.
 * s: for the samples, may be NULL. */
void books_answered(struct books *b, struct request_times *r, int64_t now, int status, bool status_ok,
                    bool checks_ok, const struct sample *s);
/* Ended without a whole answer after bytes were sent: recorded as a lower bound. */
void books_broken(struct books *b, struct request_times *r, int64_t now, enum ledger_error why,
                  const struct sample *s);
/* Still unanswered when the test ended: a lower bound, in_flight_at_end. */
void books_unanswered(struct books *b, struct request_times *r, int64_t now);

/* A connection was opened. Its phases in ns; negative = did not happen. */
void books_connected(struct books *b, int64_t dns, int64_t connect, int64_t tls);
void books_handshake(struct books *b, bool resumed); /* and it is one of TLS */
void books_looked_up(struct books *b, int64_t dns); /* the target's name, for all connections; ns */

/*
 * The check of honesty: nothing pending, nothing in flight, both lines of the ledger hold, each
 * latency has exactly one value for every sent request, exactly those without a whole answer are
 * censored, and statuses and phases count as many answers as the ledger: first_byte has a value for every
 * sent request too, a lower bound where none came, and receive one for each that got its first byte.
 */
bool books_closed(const struct books *b);

/*
 * Closes the books of workers that were lost: what is pending nobody can know, what is in flight
 * stays so for ever, with no lower bound but 0; unconfirmed more ticks nobody can know, never more were
 * surely not sent.
 */
void books_lose(struct books *b, uint64_t unconfirmed, uint64_t never);

void books_reset(struct books *b); /* as books_new() made them, t0 included */

/* Adds the books of another worker of the same test. The result does not depend on the order;
 * sample offsets count from each worker's own t0, which is the same T0. A histogram of from that is
 * NULL counts as empty. */
void books_merge(struct books *into, const struct books *from);

#endif
