/*
 * members.h - taking a JSON object of a stranger apart, member by member.
 *
 * The first refusal stays and names the member; what is asked for after it gives zeroes, so that
 * readers need one check, at the end:
 *
 *     struct members m = members_of(doc, "report", err);
 *
 *     seq = members_count(&m, "seq", MEMBERS_COUNT_MAX);
 *     final = members_bool(&m, "final");
 *     return members_end(&m);
 *
 * Strict: a member that is missing, unknown or out of its range is refused. Borrows everything. Pure.
 */
#ifndef COMMON_MEMBERS_H
#define COMMON_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <squall/util.h>

struct json_object;

#define MEMBERS_COUNT_MAX (1ULL << 53) /* beyond it other readers of JSON lose digits */

struct members {
	struct json_object *o;
	const char *what; /* what the object is called in refusals: "report.live" */
	int taken;
	int status; /* 0, or the first refusal */
	struct sq_err *err;
};

struct members members_of(struct json_object *o, const char *what, struct sq_err *err);

uint64_t members_count(struct members *m, const char *name, uint64_t max);
int64_t members_int(struct members *m, const char *name, int64_t min, int64_t max);
bool members_bool(struct members *m, const char *name);
/* At most size - 1 bytes without a NUL among them; out is always closed. */
void members_text(struct members *m, const char *name, char *out, size_t size);
/* The same, but any bytes and not closed; returns their number. */
size_t members_bytes(struct members *m, const char *name, char *out, size_t size);
/* A name that the store takes as it is: letters, digits and . _ - */
void members_name(struct members *m, const char *name, char *out, size_t size, bool optional);
/* The text itself, borrowed from the document; empty after a refusal. */
struct sq_slice members_slice(struct members *m, const char *name);
/* The index of the text in words. */
int members_word(struct members *m, const char *name, const char *const *words, int count);
/* The value as it is. NULL after a refusal, and, where it may be null, for a null. */
struct json_object *members_object(struct members *m, const char *name, bool nullable);
/* The reader of a member that is an object; after a refusal it carries that on. */
struct members members_within(struct members *m, const char *name, const char *what);
struct json_object *members_array(struct members *m, const char *name, size_t max, bool nullable);

/* A refusal from a reader of one member, with its own words: "report.seq 0 is below 1". */
void members_refuse(struct members *m, const char *name, const char *why);
int members_end(struct members *m); /* 0, or the status: -EINVAL, or what was noted */

#endif
