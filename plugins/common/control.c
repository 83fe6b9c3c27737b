/* control.c - registrations, answers and directives as JSON text. */
#include "control.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "core/base/buf.h"
#include "doc.h"
#include "members.h"

#define DEPTH_MAX 32
#define POLL_MAX (60 * SQ_S)
#define REGISTRATION_TEXT_MAX (16 << 10)

const char *const directive_word[DIRECTIVE_STATES] = {"wait", "arm", "run", "stop"};

/* Takes o over. */
static int write_text(struct json_object *o, struct buf *out)
{
	size_t len = 0;
	const char *text = o ? doc_text(o, &len) : NULL;

	if (text)
		buf_add(out, text, len);
	json_object_put(o);
	return text && !buf_failed(out) ? 0 : -ENOMEM;
}

static int parse(struct sq_slice text, size_t most, const char *what, struct json_object **ret,
                 struct sq_err *err)
{
	if (text.len > most)
		return sq_fail(err, -EINVAL, "%s is %zu bytes long; the most is %zu", what, text.len, most);
	return doc_parse(text, DEPTH_MAX, ret, err);
}

/* --- registration ---------------------------------------------------------------------------- */

static struct json_object *write_limits(const struct registration *r)
{
	struct json_object *o = json_object_new_object();

	return doc_close(o, doc_put_count(o, "files", (uint64_t)r->files) &&
	                        doc_put_count(o, "cpus", (uint64_t)r->cpus));
}

static struct json_object *write_clock(int64_t wall)
{
	struct json_object *o = json_object_new_object();

	return doc_close(o, doc_put(o, "unix_ns", json_object_new_int64(wall)));
}

int control_write_registration(const struct registration *r, struct buf *out)
{
	struct json_object *o = json_object_new_object();
	bool good = doc_put_count(o, "format", CONTROL_FORMAT) && doc_put_text(o, "uid", r->uid) &&
	            doc_put_text(o, "name", r->name) && doc_put_text(o, "plan_sha256", r->plan_sha256) &&
	            doc_put_text(o, "version", r->version) && doc_put(o, "limits", write_limits(r)) &&
	            doc_put(o, "clock", write_clock(r->wall));

	return write_text(doc_close(o, good), out);
}

static void take_hash(struct members *m, const char *name, char out[SHA256_TEXT])
{
	members_text(m, name, out, SHA256_TEXT);
	if (*out && !sha256_is_text(out))
		members_refuse(m, name, "is not a SHA-256 in hexadecimal digits");
}

static int read_registration(struct json_object *doc, struct registration *r, struct sq_err *err)
{
	struct members m = members_of(doc, "registration", err), limits, clock;
	int status;

	members_int(&m, "format", CONTROL_FORMAT, CONTROL_FORMAT);
	members_name(&m, "uid", r->uid, sizeof r->uid, false);
	members_name(&m, "name", r->name, sizeof r->name, true);
	take_hash(&m, "plan_sha256", r->plan_sha256);
	members_text(&m, "version", r->version, sizeof r->version);
	limits = members_within(&m, "limits", "registration.limits");
	r->files = members_int(&limits, "files", 0, INT64_MAX);
	r->cpus = members_int(&limits, "cpus", 0, INT64_MAX);
	clock = members_within(&m, "clock", "registration.clock");
	r->wall = members_int(&clock, "unix_ns", 0, INT64_MAX);
	status = members_end(&limits);
	status = status < 0 ? status : members_end(&clock);
	return status < 0 ? status : members_end(&m);
}

int control_read_registration(struct sq_slice text, struct registration *out, struct sq_err *err)
{
	struct registration reg = {0};
	struct json_object *doc = NULL;
	int r = parse(text, REGISTRATION_TEXT_MAX, "the registration", &doc, err);

	if (r == 0)
		r = read_registration(doc, &reg, err);
	json_object_put(doc);
	if (r == 0)
		*out = reg;
	return r;
}

/* --- directive ------------------------------------------------------------------------------- */

static struct json_object *write_slot(uint32_t slot, uint64_t from)
{
	struct json_object *pair = json_object_new_array();

	return doc_close(pair, doc_append(pair, json_object_new_int64(slot)) &&
	                           doc_append(pair, json_object_new_uint64(from)));
}

/* {"count":V,"mine":[[slot,from_tick],..]} */
static struct json_object *write_slots(const struct slots *s)
{
	struct json_object *o = json_object_new_object(), *mine = json_object_new_array();
	bool good = mine;

	for (uint32_t i = 0; good && i < s->count; i++)
		good = s->from[i] == SCHEDULE_NEVER || doc_append(mine, write_slot(i, s->from[i]));
	good = doc_put(o, "mine", mine) && good;
	return doc_close(o, good && doc_put_count(o, "count", s->count));
}

static struct json_object *write_directive(const struct directive *d)
{
	struct json_object *o = json_object_new_object();
	bool good = doc_put_count(o, "epoch", d->epoch) && doc_put_count(o, "fence", d->fence) &&
	            doc_put_text(o, "state", directive_word[d->state]) &&
	            doc_put(o, "t0_unix_ns", json_object_new_int64(d->t0)) &&
	            doc_put(o, "now_unix_ns", json_object_new_int64(d->now)) &&
	            (d->slots.count ? doc_put(o, "slots", write_slots(&d->slots))
	                            : doc_put_null(o, "slots")) &&
	            doc_put_count(o, "until_tick", d->until_tick) &&
	            doc_put(o, "poll_ms", json_object_new_int64(d->poll / SQ_MS)) &&
	            doc_put_count(o, "stored", d->stored);

	return doc_close(o, good);
}

/* A pair of whole numbers: the slot, which no other pair may name, and its first tick. */
static bool read_slot(struct json_object *pair, struct slots *s)
{
	struct json_object *slot, *from;

	if (!json_object_is_type(pair, json_type_array) || json_object_array_length(pair) != 2)
		return false;
	slot = json_object_array_get_idx(pair, 0);
	from = json_object_array_get_idx(pair, 1);
	if (!json_object_is_type(slot, json_type_int) || !json_object_is_type(from, json_type_int) ||
	    json_object_get_int64(slot) < 0 || json_object_get_int64(slot) >= s->count ||
	    json_object_get_int64(from) < 0 || (uint64_t)json_object_get_int64(from) > MEMBERS_COUNT_MAX ||
	    s->from[json_object_get_int64(slot)] != SCHEDULE_NEVER)
		return false;
	s->from[json_object_get_int64(slot)] = (uint64_t)json_object_get_int64(from);
	return true;
}

static int read_slots(struct json_object *doc, struct slots *s, struct sq_err *err)
{
	struct members m = members_of(doc, "directive.slots", err);
	uint64_t count = members_count(&m, "count", CONTROL_SLOTS_MAX);
	struct json_object *mine = members_array(&m, "mine", CONTROL_SLOTS_MAX, false);
	int r;

	if (count == 0 || count % SLOTS_PER_WORKER)
		members_refuse(&m, "count", "is not a multiple of the slots of one worker");
	r = members_end(&m);
	if (r == 0)
		r = slots_init(s, (uint32_t)count / SLOTS_PER_WORKER);
	for (size_t i = 0; r == 0 && i < json_object_array_length(mine); i++)
		if (!read_slot(json_object_array_get_idx(mine, i), s))
			r = sq_fail(err, -EINVAL, "directive.slots.mine: entry %zu is not a slot of its own",
			            i);
	return r;
}

/* What d owns is the caller's to free, also on failure. */
static int read_directive(struct json_object *doc, struct directive *d, struct sq_err *err)
{
	struct members m = members_of(doc, "directive", err);
	struct json_object *slots;
	int r;

	d->epoch = members_count(&m, "epoch", MEMBERS_COUNT_MAX);
	d->fence = members_count(&m, "fence", MEMBERS_COUNT_MAX);
	d->state = (enum directive_state)members_word(&m, "state", directive_word, DIRECTIVE_STATES);
	d->t0 = members_int(&m, "t0_unix_ns", 0, INT64_MAX);
	d->now = members_int(&m, "now_unix_ns", 0, INT64_MAX);
	slots = members_object(&m, "slots", true);
	d->until_tick = members_count(&m, "until_tick", MEMBERS_COUNT_MAX);
	d->poll = members_int(&m, "poll_ms", 1, POLL_MAX / SQ_MS) * SQ_MS;
	d->stored = members_count(&m, "stored", MEMBERS_COUNT_MAX);
	if ((d->state == DIRECTIVE_ARM || d->state == DIRECTIVE_RUN) && d->t0 == 0)
		members_refuse(&m, "t0_unix_ns", "is 0 although there is something to start");
	r = members_end(&m);
	return r == 0 && slots ? read_slots(slots, &d->slots, err) : r;
}

/* --- answer ---------------------------------------------------------------------------------- */

int control_write_answer(const struct answer *a, struct buf *out)
{
	struct json_object *o = json_object_new_object();
	bool good = true;

	if (a->plan)
		good = doc_put(o, "plan", json_object_get(a->plan)) &&
		       doc_put_text(o, "plan_sha256", a->plan_sha256);
	return write_text(doc_close(o, good && doc_put(o, "directive", write_directive(&a->directive))), out);
}

static int read_answer(struct json_object *doc, struct answer *a, struct sq_err *err)
{
	struct members m = members_of(doc, "answer", err);
	struct json_object *directive = members_object(&m, "directive", false);
	int r;

	if (directive && json_object_object_get_ex(doc, "plan", NULL)) {
		a->plan = json_object_get(members_object(&m, "plan", false));
		take_hash(&m, "plan_sha256", a->plan_sha256);
		if (!*a->plan_sha256)
			members_refuse(&m, "plan_sha256", "is empty");
	}
	r = members_end(&m);
	return r < 0 ? r : read_directive(directive, &a->directive, err);
}

int control_read_answer(struct sq_slice text, struct answer *out, struct sq_err *err)
{
	struct answer a = {0};
	struct json_object *doc = NULL;
	int r = parse(text, CONTROL_TEXT_MAX, "the answer", &doc, err);

	if (r == 0)
		r = read_answer(doc, &a, err);
	json_object_put(doc);
	if (r == 0)
		*out = a;
	else
		answer_free(&a);
	return r;
}

void answer_free(struct answer *a)
{
	json_object_put(a->plan);
	slots_free(&a->directive.slots);
	*a = (struct answer){0};
}
