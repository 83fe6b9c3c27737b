/*
 * plan.h - what one test is to do, from JSON, with every default written out.
 *
 * One table (plan.c) names each field: its JSON name, type, range, default and help. Reading,
 * the effective plan in the result, and the API document all come from it.
 * Pure: no I/O, no clock, no environment.
 */
#ifndef COMMON_PLAN_H
#define COMMON_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/util.h>

#include "core/base/buf.h"
#include "core/base/url.h"

struct json_object;

/* Rates are millionths of a request per second, so that 0.1/s and 10007/s are both exact. */
#define PLAN_RATE_ONE 1000000LL

enum plan_timer { PLAN_TIMER_AUTO, PLAN_TIMER_PRECISE, PLAN_TIMER_BALANCED, PLAN_TIMER_ECONOMY };

struct plan_header {
	char *name, *value;
};

/* Durations in ns. Strings are owned by the plan. */
struct plan {
	char *name;
	struct url url;
	char *method; /* default: POST for a bare target or with a body, else GET */
	struct plan_header *headers; /* those of the plan only; Host, User-Agent, Content-Length are the
	                                engine's unless set */
	uint32_t header_count;
	char *body; /* NULL for none */
	size_t body_len;
	int64_t rate; /* over all workers, in PLAN_RATE_ONE; hits_per_sec */
	int64_t duration; /* duration_sec */
	int64_t workers;
	int64_t max_connections; /* per worker */
	int64_t max_in_flight; /* per worker */
	int64_t timeout; /* from the first byte sent to the last received */
	int64_t patience; /* longest wait of a due request for a connection; default: timeout */
	int64_t drain; /* wait for answers after the last tick; default: timeout */
	int64_t expect_status; /* 0: 200-399 is ok */
	int timer; /* enum plan_timer */
};

/* Every problem of a plan at once, as JSON: [{"field": "hits_per_sec", "problem": "..."}, ...] and
 * as text, one line each. */
struct plan_problems {
	uint32_t count;
	struct buf text; /* "hits_per_sec: 0 is outside 0.000001 .. 10000000\n" */
	struct json_object *list;
};
void plan_problems_free(struct plan_problems *p);

/*
 * Reads a plan (a JSON object as posted). default_url is used when the plan names none; NULL: the
 * plan must. 0, or -EINVAL with at least one problem, or -ENOMEM; *out is written only on success
 * and then freed with plan_free. Unknown fields are problems ("did you mean ...?").
 */
int plan_read(struct json_object *doc, const char *default_url, struct plan **out,
              struct plan_problems *problems);
void plan_free(struct plan *p);

/* Every field with its value; reading it again gives an equal plan. NULL without memory. */
struct json_object *plan_write(const struct plan *p);

#endif
