/* ledger.c - sums of the ledger, and its JSON form. */
#include "ledger.h"

#include <errno.h>
#include <json-c/json.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "doc.h"

/* Beyond 2^53 other readers of JSON lose digits, and sums of this many classes stay in 64 bits. */
#define COUNT_MAX (1ULL << 53)

const char *const ledger_unsent_name[UNSENT_KINDS] = {"dns", "connect", "tls"};
const char *const ledger_dropped_name[DROPPED_KINDS] = {"max_in_flight", "patience", "aborted", "fenced",
                                                        "worker_lost"};
const char *const ledger_error_name[ERROR_KINDS] = {"reset", "timeout", "protocol"};

static const char *const sent_name[] = {"on_time", "late"};

/* The document's shape: numbers, and groups of numbers in consecutive cells of struct ledger. */
static const struct part {
	const char *name;
	size_t off;
	const char *const *kinds; /* NULL: a single number */
	unsigned count;
} parts[] = {
    {"scheduled", offsetof(struct ledger, scheduled), NULL, 0},
    {"sent", offsetof(struct ledger, on_time), sent_name, SQ_LEN(sent_name)},
    {"unsent", offsetof(struct ledger, unsent), ledger_unsent_name, UNSENT_KINDS},
    {"dropped", offsetof(struct ledger, dropped), ledger_dropped_name, DROPPED_KINDS},
    {"unconfirmed", offsetof(struct ledger, unconfirmed), NULL, 0},
    {"ok", offsetof(struct ledger, ok), NULL, 0},
    {"check_failed", offsetof(struct ledger, check_failed), NULL, 0},
    {"error", offsetof(struct ledger, error), ledger_error_name, ERROR_KINDS},
    {"in_flight_at_end", offsetof(struct ledger, in_flight_at_end), NULL, 0},
};

_Static_assert(offsetof(struct ledger, late) == offsetof(struct ledger, on_time) + sizeof(uint64_t),
               "on_time and late are read as a group");

static uint64_t sum(const uint64_t *n, size_t count)
{
	uint64_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += n[i];
	return total;
}

uint64_t ledger_sent(const struct ledger *l)
{
	return l->on_time + l->late;
}

uint64_t ledger_unsent(const struct ledger *l)
{
	return sum(l->unsent, UNSENT_KINDS);
}

uint64_t ledger_dropped(const struct ledger *l)
{
	return sum(l->dropped, DROPPED_KINDS);
}

uint64_t ledger_http_errors(const struct ledger *l)
{
	return sum(l->http_error, SQ_LEN(l->http_error));
}

uint64_t ledger_errors(const struct ledger *l)
{
	return sum(l->error, ERROR_KINDS);
}

bool ledger_balances(const struct ledger *l, uint64_t pending, uint64_t in_flight)
{
	uint64_t sent = ledger_sent(l);

	return l->scheduled == sent + ledger_unsent(l) + ledger_dropped(l) + l->unconfirmed + pending &&
	       sent == l->ok + ledger_http_errors(l) + l->check_failed + ledger_errors(l) +
	                   l->in_flight_at_end + in_flight;
}

_Static_assert(sizeof(struct ledger) % sizeof(uint64_t) == 0, "a ledger is counts and nothing else");

void ledger_add(struct ledger *into, const struct ledger *from)
{
	uint64_t *to = (uint64_t *)into;
	const uint64_t *n = (const uint64_t *)from;

	for (size_t i = 0; i < sizeof *into / sizeof *to; i++)
		to[i] += n[i];
}

static struct json_object *write_group(const struct part *part, const uint64_t *n)
{
	struct json_object *o = json_object_new_object();
	bool good = true;

	for (unsigned i = 0; good && i < part->count; i++)
		good = doc_put_count(o, part->kinds[i], n[i]);
	return doc_close(o, good);
}

struct json_object *ledger_write(const struct ledger *l)
{
	struct json_object *o = json_object_new_object();
	bool good = true;

	for (size_t i = 0; good && i < SQ_LEN(parts); i++) {
		const uint64_t *n = (const uint64_t *)((const char *)l + parts[i].off);

		good = parts[i].kinds ? doc_put(o, parts[i].name, write_group(&parts[i], n))
		                      : doc_put_count(o, parts[i].name, *n);
	}
	good = good && doc_put(o, "http_error", ledger_write_statuses(l->http_error)) &&
	       doc_put(o, "balanced", json_object_new_boolean(ledger_balances(l, 0, 0)));
	return doc_close(o, good);
}

struct json_object *ledger_write_statuses(const uint64_t n[LEDGER_STATUSES])
{
	struct json_object *o = json_object_new_object();
	bool good = true;
	char name[8];

	for (unsigned i = 0; good && i < LEDGER_STATUSES; i++) {
		snprintf(name, sizeof name, "%u", LEDGER_STATUS_MIN + i);
		good = n[i] == 0 || doc_put_count(o, name, n[i]);
	}
	return doc_close(o, good);
}

/* Where in a document we are, for the words of a refusal. */
struct place {
	const char *group, *name;
};

static int refuse(struct sq_err *err, struct place at, const char *why)
{
	return sq_fail(err, -EINVAL, "ledger.%s%s%.64s %s", at.group ? at.group : "", at.group ? "." : "",
	               at.name, why);
}

static int read_count(struct json_object *v, struct place at, uint64_t *ret, struct sq_err *err)
{
	int64_t n;

	if (!v)
		return refuse(err, at, "is missing");
	if (!json_object_is_type(v, json_type_int))
		return refuse(err, at, "is not a whole number");
	n = json_object_get_int64(v);
	if (n < 0 || (uint64_t)n > COUNT_MAX)
		return refuse(err, at, "is outside 0 .. 2^53");
	*ret = (uint64_t)n;
	return 0;
}

static int read_group(struct json_object *o, const struct part *part, uint64_t *n, struct sq_err *err)
{
	int r = 0;

	if (!json_object_is_type(o, json_type_object))
		return refuse(err, (struct place){NULL, part->name}, o ? "is not an object" : "is missing");
	for (unsigned i = 0; r == 0 && i < part->count; i++)
		r = read_count(json_object_object_get(o, part->kinds[i]),
		               (struct place){part->name, part->kinds[i]}, &n[i], err);
	if (r == 0 && json_object_object_length(o) != (int)part->count)
		return refuse(err, (struct place){NULL, part->name}, "has a member of an unknown kind");
	return r;
}

/* Three digits and nothing else, so that no two names mean the same status. */
static int read_status(const char *name)
{
	if (strspn(name, "0123456789") != 3 || name[3] != '\0' || name[0] == '0')
		return -EINVAL;
	return (name[0] - '0') * 100 + (name[1] - '0') * 10 + (name[2] - '0');
}

int ledger_read_statuses(struct json_object *o, const char *what, uint64_t n[LEDGER_STATUSES],
                         struct sq_err *err)
{
	struct json_object_iter it;

	if (!json_object_is_type(o, json_type_object))
		return sq_fail(err, -EINVAL, "%s is %s", what, o ? "not an object" : "missing");
	json_object_object_foreachC(o, it)
	{
		int status = read_status(it.key);
		int64_t count = json_object_get_int64(it.val);

		if (status < 0)
			return sq_fail(err, -EINVAL, "%s.%.64s is not a status", what, it.key);
		if (!json_object_is_type(it.val, json_type_int) || count < 0 || (uint64_t)count > COUNT_MAX)
			return sq_fail(err, -EINVAL, "%s.%s is not a whole number of 0 .. 2^53", what,
			               it.key);
		n[status - LEDGER_STATUS_MIN] = (uint64_t)count;
	}
	return 0;
}

static bool is_known(const char *name)
{
	for (size_t i = 0; i < SQ_LEN(parts); i++)
		if (strcmp(name, parts[i].name) == 0)
			return true;
	return strcmp(name, "http_error") == 0 || strcmp(name, "balanced") == 0;
}

int ledger_read(struct json_object *doc, struct ledger *out, struct sq_err *err)
{
	struct json_object_iter it;
	struct ledger l = {0};
	int r = 0;

	if (!json_object_is_type(doc, json_type_object))
		return sq_fail(err, -EINVAL, "ledger is not an object");
	json_object_object_foreachC(doc, it)
	{
		if (!is_known(it.key))
			return refuse(err, (struct place){NULL, it.key}, "is unknown here");
	}
	for (size_t i = 0; r == 0 && i < SQ_LEN(parts); i++) {
		struct json_object *v = json_object_object_get(doc, parts[i].name);
		uint64_t *n = (uint64_t *)((char *)&l + parts[i].off);

		r = parts[i].kinds ? read_group(v, &parts[i], n, err)
		                   : read_count(v, (struct place){NULL, parts[i].name}, n, err);
	}
	if (r == 0)
		r = ledger_read_statuses(json_object_object_get(doc, "http_error"), "ledger.http_error",
		                         l.http_error, err);
	if (r == 0)
		*out = l;
	return r;
}
