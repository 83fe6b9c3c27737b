/*
 * plan_put.h - writes what an option says into a plan. The fit of the values (ranges, names of
 * headers, what goes with what) is the gateway's to judge; here only the form counts.
 */
#ifndef CLI_PLAN_PUT_H
#define CLI_PLAN_PUT_H

#include <stddef.h>
#include <stdint.h>

#include <squall/util.h>

#include "core/base/buf.h"

struct json_object;
struct option_row;

/* All as struct option_row.put asks. */
int plan_put_text(struct json_object *plan, const struct option_row *row, const char *value,
                  struct sq_err *err);
int plan_put_whole(struct json_object *plan, const struct option_row *row, const char *value,
                   struct sq_err *err);
int plan_put_count(struct json_object *plan, const struct option_row *row, const char *value,
                   struct sq_err *err);
int plan_put_duration(struct json_object *plan, const struct option_row *row, const char *value,
                      struct sq_err *err);
int plan_put_rate(struct json_object *plan, const struct option_row *row, const char *value,
                  struct sq_err *err);
int plan_put_seconds(struct json_object *plan, const struct option_row *row, const char *value,
                     struct sq_err *err);
int plan_put_millis(struct json_object *plan, const struct option_row *row, const char *value,
                    struct sq_err *err);
int plan_put_header(struct json_object *plan, const struct option_row *row, const char *value,
                    struct sq_err *err);
int plan_put_agent(struct json_object *plan, const struct option_row *row, const char *value,
                   struct sq_err *err);
int plan_put_user(struct json_object *plan, const struct option_row *row, const char *value,
                  struct sq_err *err);
int plan_put_body(struct json_object *plan, const struct option_row *row, const char *value,
                  struct sq_err *err);
int plan_put_threshold(struct json_object *plan, const struct option_row *row, const char *value,
                       struct sq_err *err);

/* The whole of a file as the text of a field, as plans write bodies. */
int plan_put_file(struct json_object *plan, const char *field, const char *path, struct sq_err *err);

int plan_put_tls_flag(struct json_object *plan, const struct option_row *row, const char *value,
                      struct sq_err *err);
int plan_put_pem(struct json_object *plan, const struct option_row *row, const char *value,
                 struct sq_err *err);
int plan_put_entry(struct json_object *plan, const struct option_row *row, const char *value,
                   struct sq_err *err);
int plan_put_socket(struct json_object *plan, const struct option_row *row, const char *value,
                    struct sq_err *err);
int plan_put_step(struct json_object *plan, const struct option_row *row, const char *value,
                  struct sq_err *err);

/* What else than its URL the plan leads to (resolve, connect_to, unix_socket), as entries of
 * allowed_targets. The caller's to put; NULL without memory. */
struct json_object *plan_targets(struct json_object *plan);
/* plan_put_load.c */
int plan_put_stage(struct json_object *plan, const struct option_row *row, const char *value,
                   struct sq_err *err);
int plan_put_check(struct json_object *plan, const struct option_row *row, const char *value,
                   struct sq_err *err);
int plan_put_data(struct json_object *plan, const struct option_row *row, const char *value,
                  struct sq_err *err);

/* The whole of a file, "-" for standard input, at most limit bytes; appended to out. */
int file_read(const char *path, size_t limit, struct buf *out, struct sq_err *err);

/* A decimal number, exactly as in text. 0 or -ENOMEM. */
int plan_put_number(struct json_object *plan, const char *field, const char *text);

#endif
