/*
 * json.h - documents that are built, with memory that may run out, and read, with members that
 * may be missing or of another type. member_get() and its like of core/base are used as well.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <squall/util.h>

#include "core/base/result_page.h"

struct json_object;

/* Puts value, which it takes, under name; an earlier one is gone. 0 or -ENOMEM (value NULL too). */
int json_put(struct json_object *o, const char *name, struct json_object *value);
int json_put_text(struct json_object *o, const char *name, const char *text);

/* The whole text is one JSON value of at most 16 levels. NULL with the reason and its place. */
struct json_object *json_read(const char *text, size_t len, struct sq_err *err);

/* Borrowed; "" when there is none. Not made safe for a terminal. */
const char *json_text(struct json_object *o, const char *name);

#endif
