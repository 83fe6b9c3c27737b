/* record_view.c - a record as those see it who ask for a test. */
#include <errno.h>
#include <json-c/json.h>

#include "core/base/text.h"
#include "decimal.h"
#include "doc.h"
#include "record_doc.h"

static bool put_time(struct json_object *o, const char *name, int64_t unix_ms)
{
	char text[TEXT_MAX];

	return doc_put_text(o, name, unix_ms ? text_time(text, unix_ms) : NULL);
}

static bool put_times(struct json_object *o, const struct test_record *r)
{
	return put_time(o, "submitted_at", r->submitted_at) && put_time(o, "started_at", r->started_at) &&
	       put_time(o, "ended_at", r->ended_at);
}

/* json-c keeps the order in which members are added, and the place of one that is added again. */
static bool overlay(struct json_object *o, struct json_object *with)
{
	struct json_object_iter it;

	if (!o)
		return false;
	json_object_object_foreachC(with, it)
	{
		if (!(it.val ? doc_put(o, it.key, json_object_get(it.val)) : doc_put_null(o, it.key)))
			return false;
	}
	return true;
}

struct json_object *record_answer(const struct test_record *r)
{
	struct json_object *o = json_object_new_object(), *own = record_json(r);
	bool good = doc_put_text(o, "schema", "squall.result/1") && own && overlay(o, own) && put_times(o, r);

	json_object_put(own);
	if (good && r->result)
		good = overlay(o, r->result) && doc_put(o, "history", json_object_get(r->history));
	if (good) {
		json_object_object_del(o, "format");
		json_object_object_del(o, "token_sha256");
		json_object_object_del(o, "result");
	}
	return doc_close(o, good);
}

static bool put_shared(struct json_object *o, const char *name, struct json_object *from)
{
	struct json_object *v = json_object_object_get(from, name);

	return v ? doc_put(o, name, json_object_get(v)) : doc_put_null(o, name);
}

static bool put_numbers(struct json_object *o, const struct test_record *r)
{
	return put_shared(o, "hits_per_sec", r->effective_plan) &&
	       put_shared(o, "duration_sec", r->effective_plan) &&
	       put_shared(o, "workers", r->effective_plan);
}

/* What else a line needs to say what the test asks for: the highest rate of its stages, and of the closed
 * model what there is instead of a rate. */
static bool put_load(struct json_object *o, const struct test_record *r)
{
	struct json_object *peak = json_object_object_get(r->effective_plan, "hits_per_sec"),
	                   *stages = json_object_object_get(r->effective_plan, "stages");
	size_t count = json_object_is_type(stages, json_type_array) ? json_object_array_length(stages) : 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *rate = json_object_object_get(json_object_array_get_idx(stages, i),
		                                                  "hits_per_sec");

		if (json_object_get_double(rate) > json_object_get_double(peak))
			peak = rate;
	}
	return (peak ? doc_put(o, "peak_hits_per_sec", json_object_get(peak))
	             : doc_put_null(o, "peak_hits_per_sec")) &&
	       put_shared(o, "connections", r->effective_plan) &&
	       put_shared(o, "max_requests", r->effective_plan);
}

struct json_object *record_summary(const struct test_record *r)
{
	struct json_object *o = json_object_new_object(), *status = NULL;
	bool good;

	if (r->validity)
		status = json_object_object_get(r->validity, "status");
	good = doc_put_text(o, "test_id", r->test_id) && doc_put_text(o, "name", r->name) &&
	       doc_put_text(o, "state", lifecycle_word(r->state)) && doc_put_text(o, "verdict", r->verdict) &&
	       (status ? doc_put(o, "validity", json_object_get(status)) : doc_put_null(o, "validity")) &&
	       put_times(o, r) && put_numbers(o, r) && put_load(o, r);
	return doc_close(o, good);
}

/* Members of the plan that are there already keep their place. */
static struct json_object *message(const struct test_record *r, bool with_plan)
{
	struct json_object *o = json_object_new_object();
	bool good = doc_put_text(o, "test_id", r->test_id) &&
	            doc_put_text(o, "plan_sha256", r->plan_sha256) && put_numbers(o, r) &&
	            (!with_plan || overlay(o, r->plan)) && put_numbers(o, r);

	return doc_close(o, good);
}

/* 0, -E2BIG or -ENOMEM. */
static int write_message(const struct test_record *r, bool with_plan, struct buf *out)
{
	struct json_object *o = message(r, with_plan);
	size_t len = 0;
	const char *text = o ? doc_text(o, &len) : NULL;
	int status = !text ? -ENOMEM : len > RECORD_MESSAGE_MAX ? -E2BIG : 0;

	if (status == 0)
		buf_add(out, text, len);
	json_object_put(o);
	return status;
}

int record_whole_message(const struct test_record *r, struct buf *out)
{
	return write_message(r, true, out);
}

void record_message(const struct test_record *r, struct buf *out)
{
	int status = record_whole_message(r, out);

	if (status == -E2BIG)
		status = write_message(r, false, out);
	if (status < 0)
		out->failed = true;
}

/* Of a plan or of a stage; 0 when there is none. */
static int64_t rate_of(struct json_object *o)
{
	struct json_object *rate = json_object_object_get(o, "hits_per_sec");
	const char *text = rate ? json_object_to_json_string_ext(rate, JSON_C_TO_STRING_PLAIN) : NULL;
	int64_t n;

	return text && decimal_parse(text, 6, &n) == 0 ? n : 0;
}

void record_demand(const struct test_record *r, int64_t *ret_rate, int64_t *ret_workers)
{
	struct json_object *workers = json_object_object_get(r->effective_plan, "workers"),
	                   *stages = json_object_object_get(r->effective_plan, "stages");
	size_t count = json_object_is_type(stages, json_type_array) ? json_object_array_length(stages) : 0;

	*ret_workers = 0;
	*ret_rate = rate_of(r->effective_plan);
	for (size_t i = 0; i < count; i++) {
		int64_t rate = rate_of(json_object_array_get_idx(stages, i));

		*ret_rate = rate > *ret_rate ? rate : *ret_rate;
	}
	if (json_object_is_type(workers, json_type_int))
		*ret_workers = json_object_get_int64(workers);
}
