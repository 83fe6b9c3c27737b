/* record_step.c - how a record begins and moves on. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "doc.h"
#include "plan.h"
#include "record_doc.h"

void record_set(char *text, size_t size, const char *value)
{
	size_t len = value ? strlen(value) : 0;

	if (len >= size) {
		len = size - 1;
		while (len > 0 && ((unsigned char)value[len] & 0xc0) == 0x80) /* inside a character */
			len--;
	}
	if (len)
		memcpy(text, value, len);
	text[len] = '\0';
}

static struct json_object *entry(int64_t now, enum test_state state, const char *reason, const char *detail,
                                 const char *by)
{
	struct json_object *o = json_object_new_object();
	bool good = doc_put(o, "at", json_object_new_int64(now)) &&
	            doc_put_text(o, "state", lifecycle_word(state)) && doc_put_text(o, "reason", reason) &&
	            (detail ? doc_put_foreign(o, "detail", detail, strlen(detail))
	                    : doc_put_null(o, "detail")) &&
	            doc_put_foreign(o, "by", by, strlen(by));

	return doc_close(o, good);
}

int record_step(struct test_record *r, int64_t now, enum test_state state, const char *reason,
                const char *detail, const char *by)
{
	if (!doc_append(r->history, entry(now, state, reason, detail, by)))
		return -ENOMEM;
	r->state = state;
	record_set(r->reason, sizeof r->reason, reason);
	record_set(r->detail, sizeof r->detail, detail);
	if (lifecycle_terminal(state)) {
		r->ended_at = now;
		r->deadline_at = 0;
	}
	return 0;
}

int64_t record_stepped(const struct test_record *r)
{
	size_t n = json_object_array_length(r->history);
	struct json_object *last = json_object_array_get_idx(r->history, n - 1);

	return json_object_get_int64(json_object_object_get(last, "at"));
}

int record_lose_worker(struct test_record *r, const char *uid)
{
	return doc_append(r->workers.lost, json_object_new_string(uid)) ? 0 : -ENOMEM;
}

/* Takes o over. */
static int hash(struct json_object *o, char out[SHA256_TEXT])
{
	size_t len = 0;
	const char *text = o ? doc_text(o, &len) : NULL;
	int r = text ? sha256_text(text, len, out) : -ENOMEM;

	json_object_put(o);
	return r;
}

int record_plan_hash(const struct plan *plan, char out[SHA256_TEXT])
{
	return hash(plan_write(plan), out);
}

int record_posted_hash(const struct plan *plan, struct json_object *posted, char out[SHA256_TEXT])
{
	struct json_object *o = plan_write(plan);

	if (o && !json_object_object_get(posted, "url"))
		json_object_object_del(o, "url");
	return hash(o, out);
}

static struct json_object *hidden(struct json_object *plan)
{
	return plan && plan_hide_secrets(plan) ? plan : doc_close(plan, false);
}

int record_begin(struct test_record *out, const char *test_id, const struct plan *plan,
                 struct json_object *posted, int64_t now, const char *by)
{
	struct lifecycle_limits limits = lifecycle_limits(plan_span(plan), plan->drain);
	struct test_record r = {.submitted_at = now, .edition = 1};
	bool good;

	record_set(r.test_id, sizeof r.test_id, test_id);
	record_set(r.name, sizeof r.name, plan->name);
	record_set(r.verdict, sizeof r.verdict, "none");
	r.workers.planned = (uint32_t)plan->workers;
	r.deadline_at = now + lifecycle_limit(&limits, T_QUEUED) / SQ_MS;
	r.history = json_object_new_array();
	r.workers.lost = json_object_new_array();
	r.plan = hidden(doc_copy(posted));
	r.effective_plan = hidden(plan_write(plan));
	good = r.history && r.workers.lost && r.plan && r.effective_plan &&
	       record_plan_hash(plan, r.plan_sha256) == 0 &&
	       record_step(&r, now, T_QUEUED, NULL, NULL, by) == 0;
	if (good)
		*out = r;
	else
		record_free(&r);
	return good ? 0 : -ENOMEM;
}
