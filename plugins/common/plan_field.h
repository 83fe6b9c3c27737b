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
	PLAN_T_LATER, /* known, and refused by this version */
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
int plan_read_headers(struct json_object *v, const struct plan_field *f, struct plan *p,
                      struct plan_problems *problems);
/* A body that begins with @ is written @@, as squall's own plan files put a file in the place of @FILE. */
int plan_read_body(struct json_object *v, const struct plan_field *f, struct plan *p,
                   struct plan_problems *problems);
struct json_object *plan_write_body(const struct plan *p); /* p->body is there */
bool plan_is_header_name(const char *s, size_t len);

/* plan_local.c: what only squall run can put in its place. */
void plan_refuse_local(struct json_object *doc, struct plan_problems *problems);

/* plan_label.c */
int plan_read_labels(struct json_object *v, const struct plan_field *f, struct plan *p,
                     struct plan_problems *problems);
/* plan_secret.c; after the headers, as what it names must be there. */
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
