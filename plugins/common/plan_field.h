/* plan_field.h - the table of a plan's fields, shared by plan.c and the plan_*.c that read it. */
#ifndef COMMON_PLAN_FIELD_H
#define COMMON_PLAN_FIELD_H

#include "plan.h"

enum plan_type {
	PLAN_T_NUMBER, /* int64_t: the JSON number times 10^digits; without digits a whole number */
	PLAN_T_NAME,
	PLAN_T_URL,
	PLAN_T_METHOD,
	PLAN_T_HEADERS,
	PLAN_T_BODY,
	PLAN_T_WORD, /* int: the place of a word in a list */
	PLAN_T_LABELS,
	PLAN_T_THRESHOLDS,
	PLAN_T_AUTO_STOP,
	PLAN_T_SECRET_HEADERS,
	PLAN_T_WIRE, /* plan_wire.c reads and writes it */
	PLAN_T_STAGES,
	PLAN_T_CHECKS,
	PLAN_T_REQUESTS,
	PLAN_T_DATA,
};

struct plan_field {
	const char *name;
	enum plan_type type;
	const char *help; /* what it is, for refusals and documentation */
	size_t off; /* numbers and words: where in struct plan */
	unsigned digits;
	int64_t min, max; /* numbers: in the plan's unit; texts: bytes */
	int64_t value; /* numbers: the default */
	size_t at_least; /* numbers: offset of an earlier field that the default is not below; 0 = none */
	const char *const *words; /* closed by NULL */
};

#define PLAN_FIELDS_MAX 64
extern const struct plan_field plan_fields[]; /* in reading order, closed by a row without name */

const struct plan_field *plan_field(const char *name); /* NULL for an unknown one */

/* One problem more; field need not be in the table. The text is one line without the field. */
void plan_problem(struct plan_problems *p, const char *field, const char *fmt, ...) SQ_PRINTF(3, 4);
/* A problem could not be written down for want of memory. */
bool plan_problems_failed(const struct plan_problems *p);

/* Each reads one value into its member of the plan or adds problems. 0 or -ENOMEM. bare: the plan
 * names no target, so the default one is hit. */
int plan_read_string(struct json_object *v, const struct plan_field *f, char **ret, size_t *ret_len,
                     struct plan_problems *problems);
int plan_read_method(struct json_object *v, const struct plan_field *f, struct plan *p, bool bare,
                     struct plan_problems *problems);
struct json_object *plan_write_headers(const struct plan_header *headers, uint32_t count);

/* plan_check.c: the conditions of the plan, or of one request. *ret is owned, and written also when there
 * are problems. */
int plan_read_checks(struct json_object *v, const struct plan_field *f, struct plan_check **ret,
                     uint32_t *ret_count, struct plan_problems *problems);
struct json_object *plan_write_checks(const struct plan_check *checks, uint32_t count);
void plan_checks_free(struct plan_check *checks, uint32_t count);

/* plan_request.c */
int plan_read_requests(struct json_object *v, const struct plan_field *f, struct plan *p,
                       struct plan_problems *problems);
struct json_object *plan_write_requests(const struct plan *p);
void plan_request_free(struct plan_request *r); /* what it owns */
/* What requests inherit makes the effective plan longer than the one that was posted: it has to be read again
 * by others. 0 or -ENOMEM. */
int plan_check_size(const struct plan *p, struct plan_problems *problems);
/* Whether all {{...}} of the plan mean something. 0 or -ENOMEM. */
int plan_check_templates(const struct plan *p, struct plan_problems *problems);

/* plan_data.c */
int plan_read_data(struct json_object *v, const struct plan_field *f, struct plan *p,
                   struct plan_problems *problems);
struct json_object *plan_write_data(const struct plan *p);
void plan_data_free(struct template_data *d);

/* plan_load.c: how much, how long, when. */
int plan_read_stages(struct json_object *v, const struct plan_field *f, struct plan *p,
                     struct plan_problems *problems);
struct json_object *plan_write_stages(const struct plan *p);
/* The default of a number that follows from the rest of the load; false: it is that of its row. */
bool plan_load_default(const struct plan *p, const struct plan_field *f, int64_t *ret);
/* The lowest value of a number: 0 for hits_per_sec where it may be, else that of its row. */
int64_t plan_load_least(const struct plan *p, const struct plan_field *f);
void plan_check_load(const struct plan *p, struct plan_problems *problems); /* what no field sees alone */

int plan_read_headers(struct json_object *v, const struct plan_field *f, struct plan *p,
                      struct plan_problems *problems);
/* A body that begins with @ is written @@, as squall's own plan files put a file in the place of @FILE. */
int plan_read_body(struct json_object *v, const struct plan_field *f, struct plan *p,
                   struct plan_problems *problems);
struct json_object *plan_write_body(const char *body, size_t len);
bool plan_is_header_name(const char *s, size_t len);

/* plan_local.c: what only squall run can put in its place. */
void plan_refuse_local(struct json_object *doc, struct plan_problems *problems);

/* plan_label.c */
int plan_read_labels(struct json_object *v, const struct plan_field *f, struct plan *p,
                     struct plan_problems *problems);
/* plan_secret.c; after the headers and requests, as what it names must be there. */
int plan_read_secret_headers(struct json_object *v, const struct plan_field *f, struct plan *p,
                             struct plan_problems *problems);
struct json_object *plan_write_secret_headers(const struct plan *p);
/* plan_judge.c: what the test is judged by, and what ends it early. v may be NULL: the default. */
int plan_read_thresholds(struct json_object *v, const struct plan_field *f, struct plan *p,
                         struct plan_problems *problems);
struct json_object *plan_write_thresholds(const struct plan *p);
void plan_read_auto_stop(struct json_object *v, const struct plan_field *f, struct plan *p,
                         struct plan_problems *problems);
struct json_object *plan_write_auto_stop(const struct plan *p);

#endif
