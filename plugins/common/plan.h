/*
 * plan.h - what one test is to do, from JSON, with every default written out.
 *
 * One table (plan.c, plan_field.h) names each field: its JSON name, type, range, default and
 * help. Reading, refusing and the effective plan in the result all come from it.
 * Pure: no I/O, no clock, no environment.
 */
#ifndef COMMON_PLAN_H
#define COMMON_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <squall/util.h>

#include "core/base/buf.h"
#include "core/base/schedule.h"
#include "core/base/text.h"
#include "core/base/url.h"
#include "plan_wire.h"

struct json_object;
struct threshold;

/* Rates are millionths of a request per second, so that 0.1/s and 10007/s are both exact. */
#define PLAN_RATE_ONE 1000000LL

#define PLAN_TEXT_MAX (2 << 20) /* bytes of a plan's JSON text */
#define PLAN_DEPTH_MAX 16 /* of nested JSON */

enum plan_mode {
	PLAN_OPEN, /* requests are due by the schedule, whatever the target does */
	PLAN_CLOSED /* each connection sends its next request when the last one has ended */
};
enum plan_arrival { PLAN_UNIFORM, PLAN_POISSON };
extern const char *const plan_mode_name[], *const plan_arrival_name[]; /* as plan_timer_name */

enum plan_timer { PLAN_TIMER_AUTO, PLAN_TIMER_PRECISE, PLAN_TIMER_BALANCED, PLAN_TIMER_ECONOMY };
extern const char *const plan_timer_name[]; /* in the order of the enum, closed by NULL */

enum plan_loss { PLAN_LOSS_ABORT, PLAN_LOSS_DEGRADE, PLAN_LOSS_REDISTRIBUTE };
extern const char *const plan_loss_name[];

struct plan_header {
	char *name, *value;
};

/* The test is stopped when so many of the requests that ended in a span ended otherwise than ok. */
struct plan_auto_stop {
	bool off;
	int64_t share; /* millionths */
	int64_t span; /* ns */
};

/* What an answer has to be like; several conditions of one check all have to hold. */
enum check_kind {
	CHECK_STATUS, /* low .. high */
	CHECK_HEADER, /* name is there; with text its value holds it */
	CHECK_BODY, /* text is in it */
	CHECK_SIZE, /* low .. high bytes of the body */
	CHECK_TIME, /* service time of high ns at most */
};
struct plan_check {
	enum check_kind kind;
	int64_t low, high;
	char *name, *text; /* owned, or NULL */
	size_t text_len;
};

#define PLAN_REQUESTS_MAX 32
#define PLAN_CHECKS_MAX 16 /* conditions that one request has, those of the plan included */

/* One of several requests. What it leaves out is that of the plan; its headers and checks come on top of
 * the plan's. */
struct plan_request {
	char *name;
	int64_t weight; /* of every so many requests */
	char *method, *path; /* path: with query */
	struct plan_header *headers;
	uint32_t header_count;
	char *body; /* NULL for none */
	size_t body_len;
	int64_t expect_status;
	struct plan_check *checks;
	uint32_t check_count;
};

/* Durations in ns. Strings are owned by the plan. */
struct plan {
	char *name; /* "" for none */
	struct url url;
	char *method; /* default: POST for a bare target or with a body, else GET */
	struct plan_header *headers; /* those of the plan only; Host, User-Agent, Content-Length are the
	                                engine's unless set */
	uint32_t header_count;
	char *body; /* NULL for none; may hold NULs */
	size_t body_len;
	int mode; /* enum plan_mode */
	/* hits_per_sec, over all workers, in PLAN_RATE_ONE; with stages the rate that they begin with. 0 in
	 * the closed model, and where stages begin with nothing. */
	int64_t rate;
	int64_t duration; /* duration_sec; with stages their sum */
	struct stage *stages;
	uint32_t stage_count; /* 0: a constant rate */
	int arrival; /* enum plan_arrival */
	int64_t seed; /* of everything that is drawn: arrivals, values in templates */
	int64_t max_requests; /* of the load, over all workers; 0 = no limit */
	int64_t warmup; /* warmup_sec: before the load, at the rate that it begins with */
	int64_t connections; /* closed model: over all workers; 0 in the open one */
	int64_t think; /* closed model: think_ms, from the end of a request to the next one */
	int64_t workers;
	int64_t max_connections; /* per worker */
	/* Requests of one worker that are due and not ended, waiting for a connection or sent; the next
	 * one is dropped. Default: 100,000, at least max_connections: waiting is bounded by patience, and
	 * by this only where memory would be. */
	int64_t max_in_flight;
	int64_t timeout; /* from the first byte sent to the last received */
	bool timeout_given; /* by timeout_ms */
	int64_t patience; /* longest wait of a due request for a connection; default: timeout */
	int64_t drain; /* wait for answers after the last tick; default: timeout */
	int64_t expect_status; /* 0: 200-399 is ok */
	struct plan_check *checks;
	uint32_t check_count;
	struct plan_request *requests;
	uint32_t request_count; /* 0: one, without a name, of the plan's own fields */
	struct template_data *data; /* NULL for none */
	int timer; /* enum plan_timer */
	struct plan_header *labels; /* names and values for people and their tools */
	uint32_t label_count;
	struct threshold *thresholds; /* those of one metric stand together */
	uint32_t threshold_count;
	struct plan_auto_stop auto_stop;
	int on_worker_loss; /* enum plan_loss */
	char **secret_headers; /* names of headers whose values nobody is shown */
	uint32_t secret_header_count;
	struct plan_wire wire;
};

/* The schedule that the plan means, the same on every worker and for those who judge them. */
void plan_schedule(const struct plan *p, struct schedule *out);
int64_t plan_peak_rate(const struct plan *p); /* the highest of hits_per_sec and stages; 0: closed */
int64_t plan_span(const struct plan *p); /* ns from T0 to the end of the schedule: warm-up and duration */
/* "500/s", "0/s to 1,000/s", "16 connections": the load in a headline. Returns out. */
char *plan_load_text(const struct plan *p, char out[TEXT_MAX * 2]);

/* Every problem of a plan at once, as JSON: [{"field": "hits_per_sec", "problem": "..."}, ...] and
 * as text, one line each. Zeroed by the caller before, freed by the caller after. */
struct plan_problems {
	uint32_t count; /* the first hundred are listed */
	struct buf text; /* "hits_per_sec: 0 is outside 0.000001 .. 10000000\n" */
	struct json_object *list;
};
void plan_problems_free(struct plan_problems *p);

/*
 * Reads a plan (a JSON object as posted). default_url is used when the plan names none; NULL: the
 * plan must. A null member counts as not given. 0, or -EINVAL with at least one problem, or
 * -ENOMEM; *out is written only on success and then freed with plan_free. Unknown fields are
 * problems ("did you mean ...?"). Strings must be UTF-8, as plan_read_text makes sure.
 */
int plan_read(struct json_object *doc, const char *default_url, struct plan **out,
              struct plan_problems *problems);

/* The fields of a document, an object, that no plan has, one name behind the other, separated by ", ". They
 * are taken out of it. */
void plan_drop_unknown(struct json_object *doc, struct buf *ret_names);

/* plan_read from text: at most PLAN_TEXT_MAX bytes, strict JSON, bounded depth. *ret_doc (unless
 * NULL) is the document as given, the caller's to put; written only on success. */
int plan_read_text(const char *text, size_t len, const char *default_url, struct plan **out,
                   struct json_object **ret_doc, struct plan_problems *problems);
void plan_free(struct plan *p);

/* Every field with its value; reading it again gives an equal plan. NULL without memory. */
struct json_object *plan_write(const struct plan *p);

/* Replaces the values of Authorization, Cookie and those that secret_headers names in a plan's document,
 * which others may read then. False without memory: the document must not be shown. */
bool plan_hide_secrets(struct json_object *doc);
bool plan_is_secret(const struct plan *p, const char *header); /* by the header's name, in any case */

#endif
