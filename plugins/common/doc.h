/*
 * doc.h - building JSON documents without a check behind every line, and reading strict ones.
 *
 * Each doc_put takes its value over, also when it fails; a value or object that is NULL counts
 * as failed, so calls nest. They return false without memory:
 *
 *     good = doc_put_count(o, "opened", n) && doc_put(o, "name", json_object_new_string(name));
 */
#ifndef COMMON_DOC_H
#define COMMON_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <squall/util.h>

struct buf;
struct json_object;

bool doc_put(struct json_object *o, const char *name, struct json_object *value);
bool doc_put_null(struct json_object *o, const char *name);
bool doc_put_text(struct json_object *o, const char *name, const char *text); /* null for NULL */
/* Bytes of a stranger: what is not UTF-8 becomes '?', as JSON is text. */
bool doc_put_foreign(struct json_object *o, const char *name, const char *bytes, size_t len);
bool doc_put_count(struct json_object *o, const char *name, uint64_t n);
/* scaled / 10^digits, written exactly: a whole number without a point. */
bool doc_put_decimal(struct json_object *o, const char *name, int64_t scaled, unsigned digits);
/* ns as ms, null when negative. */
bool doc_put_ms(struct json_object *o, const char *name, int64_t ns);
bool doc_append(struct json_object *array, struct json_object *value);

struct json_object *doc_copy(struct json_object *o); /* a deep one; NULL for NULL and without memory */
/* The text without blanks, o's own and valid until it changes. NULL without memory. */
const char *doc_text(struct json_object *o, size_t *ret_len);

/* Appends that text and takes o over; NULL, as without memory, makes out fail. */
void doc_write(struct json_object *o, struct buf *out);

/*
 * The one JSON value that the text is: strict, UTF-8, nested at most depth deep. 0, -ENOMEM, or
 * -EBADMSG with the reason and its place in err; *ret is the caller's to put, NULL for a null.
 */
int doc_parse(struct sq_slice text, int depth, struct json_object **ret, struct sq_err *err);

/* good ? o : NULL, with o freed. Closes a function that builds one object. */
struct json_object *doc_close(struct json_object *o, bool good);

#endif
