/*
 * ledger.h - where every scheduled request went. Pure.
 *
 *   scheduled = sent{on_time late} + unsent{dns connect tls}
 *             + dropped{max_in_flight patience aborted fenced worker_lost} + unconfirmed
 *   sent      = ok + http_error{by status} + check_failed + error{reset timeout protocol}
 *             + in_flight_at_end
 *
 * "sent" means that bytes of the request reached the socket. Each request ends in exactly one
 * class of each line; the first failing class wins.
 */
#ifndef COMMON_LEDGER_H
#define COMMON_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/util.h>

struct json_object;

enum ledger_unsent { UNSENT_DNS, UNSENT_CONNECT, UNSENT_TLS, UNSENT_KINDS };
enum ledger_dropped {
	DROPPED_MAX_IN_FLIGHT,
	DROPPED_PATIENCE,
	DROPPED_ABORTED,
	DROPPED_FENCED,
	DROPPED_WORKER_LOST,
	DROPPED_KINDS
};
enum ledger_error { ERROR_RESET, ERROR_TIMEOUT, ERROR_PROTOCOL, ERROR_KINDS };

#define LEDGER_STATUS_MIN 100
#define LEDGER_STATUS_MAX 999
#define LEDGER_STATUSES (LEDGER_STATUS_MAX - LEDGER_STATUS_MIN + 1)

struct ledger {
	uint64_t scheduled;
	uint64_t on_time, late;
	uint64_t unsent[UNSENT_KINDS];
	uint64_t dropped[DROPPED_KINDS];
	uint64_t unconfirmed;
	uint64_t ok;
	uint64_t http_error[LEDGER_STATUSES];
	uint64_t check_failed;
	uint64_t error[ERROR_KINDS];
	uint64_t in_flight_at_end;
};

/* The names of the kinds in documents, in the order of the enums. */
extern const char *const ledger_unsent_name[UNSENT_KINDS];
extern const char *const ledger_dropped_name[DROPPED_KINDS];
extern const char *const ledger_error_name[ERROR_KINDS];

uint64_t ledger_sent(const struct ledger *l);
uint64_t ledger_unsent(const struct ledger *l);
uint64_t ledger_dropped(const struct ledger *l);
uint64_t ledger_http_errors(const struct ledger *l);
uint64_t ledger_errors(const struct ledger *l);

/* Both lines hold. in_flight: sent and not answered at this moment (0 for a final ledger, where
 * they stand in in_flight_at_end). pending: scheduled and in no class yet (0 for a final one). */
bool ledger_balances(const struct ledger *l, uint64_t pending, uint64_t in_flight);

void ledger_add(struct ledger *into, const struct ledger *from);

/* The "ledger" member of the result document. "balanced" is that of a final ledger: nothing
 * pending, nothing in flight. NULL without memory. */
struct json_object *ledger_write(const struct ledger *l);
/* {"503": n, ...}: those that are not 0. NULL without memory. */
struct json_object *ledger_write_statuses(const uint64_t n[LEDGER_STATUSES]);
/* The reverse; statuses that are not named stay as they are in n. what: the object's name in err. */
int ledger_read_statuses(struct json_object *doc, const char *what, uint64_t n[LEDGER_STATUSES],
                         struct sq_err *err);
/* The reverse of ledger_write, for merging reports: -EINVAL with the member's name in err. Every
 * member must be there, since a count that is left out would be lost silently; an unknown one is
 * refused for the same reason. Counts go up to 2^53. "balanced" is not believed: ask
 * ledger_balances. */
int ledger_read(struct json_object *doc, struct ledger *out, struct sq_err *err);

#endif
