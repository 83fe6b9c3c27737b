/* record_doc.c - the table of a record's members; reading and writing by it. */
#include "record_doc.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "core/base/text.h"
#include "doc.h"

#define DEPTH_MAX 32

enum kind {
	M_FORMAT,
	M_STATE,
	M_TEXT, /* a char array; max is its size */
	M_HASH, /* 64 hexadecimal digits */
	M_COUNT, /* uint32_t */
	M_TIME, /* int64_t, 0 is null */
	M_NS, /* int64_t */
	M_OBJECT,
	M_ARRAY,
	M_GROUP, /* an object of its own with the rows of group; off: bool, whether it is set */
	M_END
};

struct member {
	const char *name;
	enum kind kind;
	bool optional; /* may be null: an empty text, no document, a group that is not set */
	size_t off, size;
	const struct member *group;
};

#define AT(field) offsetof(struct test_record, field)
#define TEXT(name, field, optional)                                                             \
	{                                                                                       \
		name, M_TEXT, optional, AT(field), sizeof((struct test_record *)0)->field, NULL \
	}
#define ROW(name, kind, field, optional)                 \
	{                                                \
		name, kind, optional, AT(field), 0, NULL \
	}
#define GROUP(name, flag, rows)                        \
	{                                              \
		name, M_GROUP, true, AT(flag), 0, rows \
	}
#define END                                    \
	{                                      \
		NULL, M_END, false, 0, 0, NULL \
	}

static const struct member cancel_members[] = {ROW("at", M_TIME, cancel.at, false),
                                               TEXT("by", cancel.by, false), END};
static const struct member presence_members[] = {ROW("ttl", M_TIME, presence.ttl, false),
                                                 ROW("until", M_TIME, presence.until, false), END};
static const struct member t0_members[] = {
    ROW("epoch", M_COUNT, t0.epoch, false), ROW("unix_ns", M_NS, t0.unix_ns, false),
    ROW("until_tick", M_NS, t0.until_tick, false), ROW("moves", M_COUNT, t0.moves, false), END};
static const struct member worker_members[] = {
    ROW("planned", M_COUNT, workers.planned, false), ROW("ready", M_COUNT, workers.ready, false),
    ROW("armed", M_COUNT, workers.armed, false),     ROW("reported", M_COUNT, workers.reported, false),
    ROW("lost", M_ARRAY, workers.lost, false),       END};
static const struct member provisioning_members[] = {ROW("ready", M_COUNT, provisioning.ready, false),
                                                     ROW("wanted", M_COUNT, provisioning.wanted, false),
                                                     TEXT("reason", provisioning.reason, true), END};

static const struct member members[] = {
    {"format", M_FORMAT, false, 0, 0, NULL},
    TEXT("test_id", test_id, false),
    TEXT("name", name, false),
    ROW("state", M_STATE, state, false),
    TEXT("reason", reason, true),
    TEXT("detail", detail, true),
    TEXT("verdict", verdict, false),
    ROW("validity", M_OBJECT, validity, true),
    ROW("plan", M_OBJECT, plan, false),
    ROW("effective_plan", M_OBJECT, effective_plan, false),
    ROW("plan_sha256", M_HASH, plan_sha256, false),
    ROW("submitted_at", M_TIME, submitted_at, true),
    ROW("started_at", M_TIME, started_at, true),
    ROW("ended_at", M_TIME, ended_at, true),
    ROW("deadline_at", M_TIME, deadline_at, true),
    ROW("history", M_ARRAY, history, false),
    GROUP("cancel", cancel.set, cancel_members),
    GROUP("presence", presence.set, presence_members),
    GROUP("t0", t0.set, t0_members),
    ROW("epoch", M_COUNT, epoch, false),
    ROW("adoptions", M_COUNT, adoptions, false),
    ROW("edition", M_COUNT, edition, false),
    {"workers", M_GROUP, false, 0, 0, worker_members},
    GROUP("provisioning", provisioning.set, provisioning_members),
    ROW("token_sha256", M_HASH, token_sha256, true),
    ROW("live", M_OBJECT, live, true),
    ROW("result", M_OBJECT, result, true),
    END,
};

static void *field(struct test_record *r, const struct member *m)
{
	return (char *)r + m->off;
}

static const void *field_of(const struct test_record *r, const struct member *m)
{
	return (const char *)r + m->off;
}

/* --- reading --------------------------------------------------------------------------------- */

static int refuse(struct sq_err *err, const struct member *m, const char *what)
{
	return sq_fail(err, -EBADMSG, "member %s of the record %s", m->name, what);
}

static bool is_whole(struct json_object *v, int64_t min, int64_t max, int64_t *ret)
{
	if (!json_object_is_type(v, json_type_int))
		return false;
	*ret = json_object_get_int64(v); /* the nearest one when it does not fit */
	return *ret >= min && *ret <= max;
}

static int read_format(const struct member *m, struct json_object *v, struct sq_err *err)
{
	int64_t n;

	if (!is_whole(v, 1, INT64_MAX, &n))
		return refuse(err, m, "is not a number from 1 on");
	if (n > RECORD_FORMAT)
		return sq_fail(
		    err, -EPROTONOSUPPORT,
		    "a record of format %lld was written by a newer squall; this one reads up to %d",
		    (long long)n, RECORD_FORMAT);
	return 0;
}

static int read_text(const struct member *m, struct json_object *v, char *out, size_t size,
                     struct sq_err *err)
{
	const char *s = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;

	if (!s || strlen(s) != (size_t)json_object_get_string_len(v) || strlen(s) >= size)
		return refuse(err, m, "is not a text, or too long");
	memcpy(out, s, strlen(s) + 1);
	if (m->kind == M_HASH && !sha256_is_text(out))
		return refuse(err, m, "is not a SHA-256");
	return 0;
}

static int read_state(const struct member *m, struct json_object *v, enum test_state *out, struct sq_err *err)
{
	int state = json_object_is_type(v, json_type_string) ? lifecycle_parse(json_object_get_string(v))
	                                                     : -EINVAL;

	if (state < 0)
		return refuse(err, m, "is not a state");
	*out = (enum test_state)state;
	return 0;
}

static int read_number(const struct member *m, struct json_object *v, struct test_record *r,
                       struct sq_err *err)
{
	int64_t n;

	if (!is_whole(v, m->kind == M_TIME ? 1 : 0, m->kind == M_COUNT ? UINT32_MAX : INT64_MAX, &n))
		return refuse(err, m, "is not a number, or out of range");
	if (m->kind == M_COUNT)
		*(uint32_t *)field(r, m) = (uint32_t)n;
	else
		*(int64_t *)field(r, m) = n;
	return 0;
}

static int read_document(const struct member *m, struct json_object *v, struct json_object **out,
                         struct sq_err *err)
{
	if (!json_object_is_type(v, m->kind == M_OBJECT ? json_type_object : json_type_array))
		return refuse(err, m, m->kind == M_OBJECT ? "is not an object" : "is not an array");
	*out = json_object_get(v);
	return 0;
}

static int read_members(const struct member *rows, struct json_object *o, struct test_record *r,
                        struct sq_err *err);

static int read_group(const struct member *m, struct json_object *v, struct test_record *r,
                      struct sq_err *err)
{
	if (!json_object_is_type(v, json_type_object))
		return refuse(err, m, "is not an object");
	if (m->optional)
		*(bool *)field(r, m) = true;
	return read_members(m->group, v, r, err);
}

static int read_member(const struct member *m, struct json_object *v, struct test_record *r,
                       struct sq_err *err)
{
	if (!v)
		return m->optional ? 0 : refuse(err, m, "is null");
	switch (m->kind) {
	case M_FORMAT:
		return read_format(m, v, err);
	case M_STATE:
		return read_state(m, v, field(r, m), err);
	case M_TEXT:
		return read_text(m, v, field(r, m), m->size, err);
	case M_HASH:
		return read_text(m, v, field(r, m), SHA256_TEXT, err);
	case M_COUNT:
	case M_TIME:
	case M_NS:
		return read_number(m, v, r, err);
	case M_OBJECT:
	case M_ARRAY:
		return read_document(m, v, field(r, m), err);
	case M_GROUP:
		return read_group(m, v, r, err);
	case M_END:
		break;
	}
	return 0;
}

static const struct member *find(const struct member *rows, const char *name)
{
	for (; rows->name; rows++)
		if (strcmp(rows->name, name) == 0)
			return rows;
	return NULL;
}

/* In the table's order, so that the format is judged before anything else is. */
static int read_members(const struct member *rows, struct json_object *o, struct test_record *r,
                        struct sq_err *err)
{
	struct json_object_iter it;
	struct json_object *v;
	char shown[64];
	int status = 0;

	for (const struct member *m = rows; status == 0 && m->name; m++)
		status = json_object_object_get_ex(o, m->name, &v) ? read_member(m, v, r, err)
		                                                   : refuse(err, m, "is missing");
	if (status < 0)
		return status;
	json_object_object_foreachC(o, it)
	{
		if (!find(rows, it.key))
			return sq_fail(err, -EBADMSG,
			               "the record has a member %s that this squall does not know",
			               text_safe(shown, sizeof shown, it.key, strlen(it.key)));
	}
	return 0;
}

static bool is_entry(struct json_object *e)
{
	struct json_object *state = json_object_object_get(e, "state");

	return json_object_is_type(json_object_object_get(e, "at"), json_type_int) &&
	       json_object_is_type(state, json_type_string) &&
	       lifecycle_parse(json_object_get_string(state)) >= 0;
}

static int check_history(const struct test_record *r, struct sq_err *err)
{
	size_t n = json_object_array_length(r->history);
	struct json_object *last = NULL;

	for (size_t i = 0; i < n; i++) {
		last = json_object_array_get_idx(r->history, i);
		if (!json_object_is_type(last, json_type_object) || !is_entry(last))
			return sq_fail(err, -EBADMSG,
			               "entry %zu of the record's history has no time or state", i);
	}
	if (!last || strcmp(json_object_get_string(json_object_object_get(last, "state")),
	                    lifecycle_word(r->state)) != 0)
		return sq_fail(err, -EBADMSG, "the record's history does not end with its state");
	return 0;
}

int record_read(struct sq_slice body, struct test_record *out, struct sq_err *err)
{
	struct test_record r = {0};
	struct json_object *o;
	struct sq_err why;
	int status = doc_parse(body, DEPTH_MAX, &o, &why);

	if (status < 0)
		return sq_fail(err, status, "the record is not JSON: %s", why.text);
	if (!json_object_is_type(o, json_type_object))
		status = sq_fail(err, -EBADMSG, "the record is not a JSON object");
	if (status == 0)
		status = read_members(members, o, &r, err);
	if (status == 0)
		status = check_history(&r, err);
	json_object_put(o);
	if (status < 0)
		record_free(&r);
	else
		*out = r;
	return status;
}

static void free_members(struct test_record *r, const struct member *rows)
{
	for (const struct member *m = rows; m->name; m++) {
		if (m->kind == M_OBJECT || m->kind == M_ARRAY)
			json_object_put(*(struct json_object **)field(r, m));
		else if (m->kind == M_GROUP)
			free_members(r, m->group);
	}
}

void record_free(struct test_record *r)
{
	free_members(r, members);
	*r = (struct test_record){0};
}

/* --- writing --------------------------------------------------------------------------------- */

static struct json_object *write_group(const struct test_record *r, const struct member *rows);

static bool put_text(struct json_object *o, const struct member *m, const char *s)
{
	return *s || !m->optional ? doc_put_foreign(o, m->name, s, strlen(s)) : doc_put_null(o, m->name);
}

static bool put_number(struct json_object *o, const struct member *m, int64_t n)
{
	return m->optional && n == 0 ? doc_put_null(o, m->name)
	                             : doc_put(o, m->name, json_object_new_int64(n));
}

static bool put_document(struct json_object *o, const struct member *m, struct json_object *v)
{
	return v || !m->optional ? doc_put(o, m->name, json_object_get(v)) : doc_put_null(o, m->name);
}

static bool put_member(struct json_object *o, const struct test_record *r, const struct member *m)
{
	const void *at = field_of(r, m);

	switch (m->kind) {
	case M_FORMAT:
		return doc_put_count(o, m->name, RECORD_FORMAT);
	case M_STATE:
		return doc_put_text(o, m->name, lifecycle_word(*(const enum test_state *)at));
	case M_TEXT:
	case M_HASH:
		return put_text(o, m, at);
	case M_COUNT:
		return doc_put_count(o, m->name, *(const uint32_t *)at);
	case M_TIME:
	case M_NS:
		return put_number(o, m, *(const int64_t *)at);
	case M_OBJECT:
	case M_ARRAY:
		return put_document(o, m, *(struct json_object *const *)at);
	case M_GROUP:
		return m->optional && !*(const bool *)at ? doc_put_null(o, m->name)
		                                         : doc_put(o, m->name, write_group(r, m->group));
	case M_END:
		break;
	}
	return true;
}

/* Documents inside are shared with the record, not copied. */
static struct json_object *write_group(const struct test_record *r, const struct member *rows)
{
	struct json_object *o = json_object_new_object();
	bool good = true;

	for (const struct member *m = rows; good && m->name; m++)
		good = put_member(o, r, m);
	return doc_close(o, good);
}

struct json_object *record_json(const struct test_record *r)
{
	return write_group(r, members);
}

void record_write(const struct test_record *r, struct buf *out)
{
	doc_write(record_json(r), out);
}
