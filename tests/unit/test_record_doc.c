/* test_record_doc.c - records: read strictly, written exactly, moved on, shown; without memory. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "plugins/common/doc.h"
#include "plugins/common/plan.h"
#include "plugins/common/record_doc.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"
#include "tests/unit/record_doc.h"

#define ID "550e8400-e29b-41d4-a716-446655440000"

static struct sq_slice slice(const char *s)
{
	return (struct sq_slice){s, strlen(s)};
}

static bool writes(const struct test_record *r, const char *want)
{
	struct buf out = {0};
	bool good;

	record_write(r, &out);
	good = !buf_failed(&out) && strcmp(out.data, want) == 0;
	if (!good)
		printf("#   wrote %s\n", out.data);
	buf_free(&out);
	return good;
}

static void test_round_trip(void)
{
	struct test_record r;
	struct sq_err err = {0};

	is_int(record_read(slice(RECORD_FULL), &r, &err), 0, "a record with every member is read");
	is_str(r.test_id, ID, "its id");
	ok(r.state == T_FAILED && strcmp(r.reason, "workers_lost") == 0, "state and reason");
	ok(r.submitted_at == 1795426200123 && r.deadline_at == 1795426262000, "times");
	ok(r.cancel.set && strcmp(r.cancel.by, "127.0.0.1") == 0, "the wish to cancel it");
	ok(r.t0.set && r.t0.unix_ns == 1795426201000000001, "T0, to the nanosecond");
	ok(r.epoch == 1 && r.adoptions == 2 && r.edition == 3, "numbers");
	is_int(json_object_array_length(r.workers.lost), 1, "who was lost");
	ok(writes(&r, RECORD_FULL), "what is written is what was read");
	record_free(&r);
	record_free(&r);
	ok(r.plan == NULL, "freeing twice does no harm");
}

static struct plan *plan_of(const char *text, struct json_object **ret_doc)
{
	struct plan_problems problems = {0};
	struct plan *p = NULL;

	if (plan_read_text(text, strlen(text), NULL, &p, ret_doc, &problems) < 0)
		printf("#   %s", problems.text.data);
	plan_problems_free(&problems);
	return p;
}

static const char posted[] =
    "{\"url\":\"http://t/hit\",\"hits_per_sec\":500,\"duration_sec\":1.5,\"workers\":5,"
    "\"headers\":{\"authorization\":\"Bearer s3cret\"},\"name\":\"mine\"}";

static void test_begin(void)
{
	struct json_object *doc = NULL;
	struct plan *p = plan_of(posted, &doc), *same, *other;
	struct test_record r, again;
	struct buf out = {0};
	char hash[SHA256_TEXT], hash2[SHA256_TEXT];

	is_int(record_begin(&r, ID, p, doc, 1000, "gate-1"), 0, "a record begins");
	ok(r.state == T_QUEUED && r.submitted_at == 1000 && r.edition == 1, "queued, first edition");
	is_int(r.deadline_at, 1000 + 24 * 3600 * 1000, "with the deadline of its state");
	is_int(json_object_array_length(r.history), 1, "which is the first step of its history");
	is_int(r.workers.planned, 5, "it knows its workers");
	record_write(&r, &out);
	ok(!strstr(out.data, "s3cret"), "no secret is in it");
	ok(strstr(out.data, "\"authorization\":"), "though the header's name is");
	is_int(record_read((struct sq_slice){out.data, out.len}, &again, NULL), 0, "it reads back");
	ok(writes(&again, out.data), "equal");
	record_free(&again);
	buf_free(&out);

	is_int(record_plan_hash(p, hash), 0, "the plan has a fingerprint");
	is_str(r.plan_sha256, hash, "that the record holds");
	same = plan_of("{\"workers\":5,\"name\":\"mine\",\"headers\":{\"authorization\":\"Bearer s3cret\"},"
	               "\"duration_sec\":1.5,\"hits_per_sec\":5e2,\"url\":\"t/hit\"}",
	               NULL);
	record_plan_hash(same, hash2);
	is_str(hash2, hash, "another spelling of the plan has the same");
	other = plan_of("{\"workers\":5,\"name\":\"mine\",\"headers\":{\"authorization\":\"Bearer other\"},"
	                "\"duration_sec\":1.5,\"hits_per_sec\":500,\"url\":\"t/hit\"}",
	                NULL);
	record_plan_hash(other, hash2);
	ok(strcmp(hash2, hash) != 0, "a secret that differs does not");
	plan_free(p);
	plan_free(same);
	plan_free(other);
	json_object_put(doc);
	record_free(&r);
}

static void test_step(void)
{
	struct json_object *doc = NULL;
	struct plan *p = plan_of(posted, &doc);
	struct test_record r;

	record_begin(&r, ID, p, doc, 1000, "g");
	is_int(record_step(&r, 2000, T_PROVISIONING, NULL, "starting 5 workers", "o"), 0, "a step");
	ok(r.state == T_PROVISIONING && r.ended_at == 0 && r.deadline_at > 0, "to a state that is no end");
	is_str(r.detail, "starting 5 workers", "with words for people");
	is_int(record_step(&r, 3000, T_CANCELLED, "cancelled", NULL, "o"), 0, "a step");
	ok(r.state == T_CANCELLED && r.ended_at == 3000 && r.deadline_at == 0, "to an end");
	is_str(r.detail, "", "the words are those of the last step");
	is_str(
	    json_object_to_json_string_ext(json_object_array_get_idx(r.history, 2), JSON_C_TO_STRING_PLAIN),
	    "{\"at\":3000,\"state\":\"cancelled\",\"reason\":\"cancelled\",\"detail\":null,\"by\":\"o\"}",
	    "the history's entry");
	is_int(record_lose_worker(&r, "w-1"), 0, "a worker is lost");
	is_int(json_object_array_length(r.workers.lost), 1, "and remembered");
	record_free(&r);
	plan_free(p);
	json_object_put(doc);
}

/* The one place where from stands becomes to. */
static char *changed(const char *from, const char *to)
{
	const char *at = strstr(RECORD_FULL, from);
	size_t before = at ? (size_t)(at - RECORD_FULL) : 0;
	char *text = malloc(sizeof RECORD_FULL + strlen(to));

	memcpy(text, RECORD_FULL, before);
	strcpy(text + before, to);
	strcat(text, &RECORD_FULL[before + strlen(from)]);
	return text;
}

static void test_refused(void)
{
	static const struct {
		const char *from, *to, *why;
	} cases[] = {
	    {"\"format\":1", "\"format\":0", "format"},
	    {"\"format\":1", "\"format\":\"1\"", "format"},
	    {"\"format\":1,", "", "format of the record is missing"},
	    {"\"format\":1,", "\"format\":1,\"frmat\":1,", "frmat"},
	    {"\"test_id\":\"" ID "\"", "\"test_id\":null", "test_id"},
	    {ID, "0123456789012345678901234567890123456789012345678901234567890123x", "test_id"},
	    {"workers_lost", "a\\u0000b", "reason"},
	    {"\"detail\":\"1 of 2 workers\"", "\"detail\":7", "detail"},
	    {"\"state\":\"failed\"", "\"state\":\"fallen\"", "state"},
	    {"\"state\":\"failed\"", "\"state\":\"running\"", "does not end with its state"},
	    {"\"validity\":{\"status\":\"invalid\",\"reasons\":[]}", "\"validity\":[]", "validity"},
	    {"\"plan\":{\"workers\":2}", "\"plan\":null", "plan"},
	    {"ba7816bf", "BA7816BF", "plan_sha256"},
	    {"ba7816bf", "", "plan_sha256"},
	    {"\"submitted_at\":1795426200123", "\"submitted_at\":0", "submitted_at"},
	    {"\"started_at\":1795426201000", "\"started_at\":1795426201000.5", "started_at"},
	    {"\"ended_at\":1795426261000", "\"ended_at\":99999999999999999999", NULL},
	    {"\"epoch\":1,\"adoptions\":2", "\"epoch\":4294967296,\"adoptions\":2", "epoch"},
	    {"\"adoptions\":2", "\"adoptions\":-1", "adoptions"},
	    {"\"history\":[", "\"history\":[7,", "entry 0"},
	    {"\"history\":[", "\"history\":[{},", "entry 0"},
	    {"\"history\":[", "\"history\":[{\"at\":1,\"state\":\"no\"},", "entry 0"},
	    {"\"cancel\":{", "\"cancel\":{\"x\":1,", "member x"},
	    {",\"by\":\"127.0.0.1\"", "", "by of the record is missing"},
	    {"\"t0\":{\"epoch\":1,", "\"t0\":{", "epoch of the record is missing"},
	    {"\"t0\":{", "\"t0\":[],\"x\":{", "t0"},
	    {"\"lost\":[\"7f3k-1\"]", "\"lost\":{}", "lost"},
	    {"\"live\":{\"t\":1}", "\"live\":1", "live"},
	    {"\"audit\":{}}}", "\"audit\":{}}} x", "not JSON"},
	    {"\"audit\":{}}}", "\"audit\":{}}", "not JSON"},
	    {"\"live\":{\"t\":1}",
	     "\"live\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "not JSON"},
	};

	for (size_t i = 0; i < SQ_LEN(cases); i++) {
		char *text = changed(cases[i].from, cases[i].to);
		struct test_record r;
		struct sq_err err = {0};
		int status = record_read(slice(text), &r, &err);

		if (cases[i].why)
			ok(status == -EBADMSG && strstr(err.text, cases[i].why), "%s: %s", cases[i].to,
			   err.text);
		else
			ok(status == 0, "%s is as much as fits", cases[i].to);
		if (status == 0)
			record_free(&r);
		free(text);
	}
}

static void test_formats(void)
{
	struct test_record r;
	struct sq_err err = {0};
	char *text = changed("\"format\":1", "\"format\":2,\"new\":1");

	is_int(record_read(slice(text), &r, &err), -EPROTONOSUPPORT, "a newer format is refused");
	is_str(err.text, "a record of format 2 was written by a newer squall; this one reads up to 1",
	       "by name");
	free(text);
	is_int(record_read(slice("[]"), &r, &err), -EBADMSG, "an array is no record");
	is_int(record_read(slice("null"), &r, &err), -EBADMSG, "null neither");
	is_int(record_read((struct sq_slice){NULL, 0}, &r, &err), -EBADMSG, "nor is nothing");
}

static void test_set(void)
{
	char text[6];

	record_set(text, sizeof text, "abcde");
	is_str(text, "abcde", "a text that fits");
	record_set(text, sizeof text, "abcdef");
	is_str(text, "abcde", "one that is too long");
	record_set(text, sizeof text, "abcd\xc3\xa9");
	is_str(text, "abcd", "is cut between characters");
	record_set(text, sizeof text, "\xf0\x9f\x98\x80\xf0\x9f\x98\x80");
	is_str(text, "\xf0\x9f\x98\x80", "long ones too");
	record_set(text, sizeof text, NULL);
	is_str(text, "", "no text is an empty one");
}

static const char *text_of(struct json_object *o)
{
	return json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

static const char *member_text(struct json_object *o, const char *name)
{
	return text_of(json_object_object_get(o, name));
}

static void test_answer(void)
{
	struct test_record r;
	struct json_object *o;

	record_read(slice(RECORD_FULL), &r, NULL);
	o = record_answer(&r);
	ok(o != NULL, "what GET /tests/{id} answers");
	is_str(member_text(o, "schema"), "\"squall.result/1\"", "names its schema");
	ok(!json_object_object_get_ex(o, "token_sha256", NULL) &&
	       !json_object_object_get_ex(o, "format", NULL) && !json_object_object_get_ex(o, "result", NULL),
	   "without what is ours alone");
	is_str(member_text(o, "submitted_at"), "\"2026\"", "members of the result win");
	is_str(member_text(o, "audit"), "{}", "and are added");
	is_int(json_object_array_length(json_object_object_get(o, "history")), 2, "but not for the history");
	is_str(member_text(o, "ended_at"), "\"2026-11-23T09:31:01.000Z\"", "times are texts");
	json_object_put(o);
	ok(writes(&r, RECORD_FULL), "the record is untouched");

	json_object_put(r.result);
	r.result = NULL;
	r.started_at = 0;
	o = record_answer(&r);
	is_str(member_text(o, "submitted_at"), "\"2026-11-23T09:30:00.123Z\"", "also without a result");
	is_str(member_text(o, "started_at"), "null", "null for what did not happen");
	json_object_put(o);

	o = record_summary(&r);
	is_str(text_of(o),
	       "{\"test_id\":\"" ID "\",\"name\":\"n\xc3\xa9\",\"state\":\"failed\",\"verdict\":\"none\","
	       "\"validity\":\"invalid\",\"submitted_at\":\"2026-11-23T09:30:00.123Z\",\"started_at\":null,"
	       "\"ended_at\":\"2026-11-23T09:31:01.000Z\",\"hits_per_sec\":0.1,\"duration_sec\":60,"
	       "\"workers\":2,\"peak_hits_per_sec\":0.1,\"connections\":null,\"max_requests\":null}",
	       "a line of GET /tests");
	json_object_put(o);
	record_free(&r);
}

/* What a message is compared with by who may have another target. */
static void test_posted_hash(void)
{
	static const char *const plans[] = {"{\"hits_per_sec\":5}",
	                                    "{\"hits_per_sec\":5,\"url\":\"http://a/hit\"}"};
	char whole[2][SHA256_TEXT], part[2][SHA256_TEXT];

	for (unsigned i = 0; i < SQ_LEN(plans); i++) {
		for (unsigned k = 0; k < 2; k++) {
			struct plan_problems problems = {0};
			struct json_object *doc = NULL;
			struct plan *p = NULL;

			plan_read_text(plans[i], strlen(plans[i]), k ? "http://b/hit" : "http://a/hit", &p,
			               &doc, &problems);
			record_plan_hash(p, whole[k]);
			record_posted_hash(p, doc, part[k]);
			plan_free(p);
			json_object_put(doc);
		}
		is_str(part[0], part[1],
		       "a posted plan has one fingerprint, whoever's target it is read for");
		ok((strcmp(whole[0], part[0]) == 0) == (i == 1), "without the target if it names none");
	}
}

static char *big_plan(void)
{
	char *text = malloc(100 << 10);

	memset(text, 'x', 100 << 10);
	memcpy(text, "{\"url\":\"t\",\"body\":\"", 19);
	strcpy(text + (70 << 10), "\"}");
	return text;
}

static void test_message(void)
{
	struct json_object *doc = NULL;
	char *big = big_plan(), hash[SHA256_TEXT], want[512];
	struct plan *p = plan_of(posted, &doc);
	struct test_record r;
	struct buf out = {0};

	record_begin(&r, ID, p, doc, 1000, "g");
	record_message(&r, &out);
	snprintf(want, sizeof want,
	         "{\"test_id\":\"" ID "\",\"plan_sha256\":\"%s\",\"hits_per_sec\":500,\"duration_sec\":1.5,"
	         "\"workers\":5,\"url\":\"http://t/hit\",\"headers\":{\"authorization\":\"(hidden)\"},"
	         "\"name\":\"mine\"}",
	         r.plan_sha256);
	is_str(out.data, want, "a message holds the plan without its secrets");
	record_free(&r);
	plan_free(p);
	json_object_put(doc);

	buf_reset(&out);
	p = plan_of(big, &doc);
	record_plan_hash(p, hash);
	record_begin(&r, ID, p, doc, 1000, "g");
	record_message(&r, &out);
	snprintf(want, sizeof want,
	         "{\"test_id\":\"" ID "\",\"plan_sha256\":\"%s\",\"hits_per_sec\":10,\"duration_sec\":60,"
	         "\"workers\":1}",
	         hash);
	is_str(out.data, want, "but not a large one");
	buf_reset(&out);
	is_int(record_whole_message(&r, &out), -E2BIG, "unless it has to");
	is_int(out.len, 0, "and then nothing is written");
	record_free(&r);
	plan_free(p);
	json_object_put(doc);
	buf_free(&out);
	free(big);
}

/* --- memory --- */

static struct plan *used_plan;
static struct json_object *used_doc;

static int use_begin(void)
{
	struct test_record r = {0};
	int status = record_begin(&r, ID, used_plan, used_doc, 1000, "g");

	if (status == 0)
		status = record_step(&r, 2000, T_FAILED, "reason", "detail", "o");
	if (status == 0)
		status = record_lose_worker(&r, "uid");
	record_free(&r);
	return status;
}

static int use_show(void)
{
	struct test_record r;
	struct json_object *answer, *summary;
	struct buf out = {0};
	int status = record_read(slice(RECORD_FULL), &r, NULL);

	if (status < 0)
		return status;
	answer = record_answer(&r);
	summary = record_summary(&r);
	record_write(&r, &out);
	record_message(&r, &out);
	status = answer && summary && !buf_failed(&out) ? 0 : -ENOMEM;
	json_object_put(answer);
	json_object_put(summary);
	buf_free(&out);
	record_free(&r);
	return status;
}

static void test_memory(int (*use)(void), const char *name)
{
	bool good = true;
	unsigned n;
	int r;

	for (n = 1;; n++) {
		failmalloc_after(n);
		r = use();
		if (!failmalloc_stop())
			break;
		good &= r == -ENOMEM;
	}
	ok(good && r == 0 && n > 10, "%s: %u failures, all reported", name, n - 1);
}

static void test_demand(void)
{
	struct test_record r = {
	    .effective_plan = json_tokener_parse(
	        "{\"hits_per_sec\": 0.5, \"workers\": 3, \"stages\": [{\"hits_per_sec\": 7.25}, "
	        "{\"hits_per_sec\": 2}]}")};
	int64_t rate = 0, workers = 0;

	record_demand(&r, &rate, &workers);
	ok(rate == 7250000 && workers == 3, "a test asks for the highest of its rates");
	json_object_put(r.effective_plan);
}

int main(void)
{
	test_round_trip();
	test_begin();
	test_step();
	test_refused();
	test_demand();
	test_formats();
	test_set();
	test_answer();
	test_posted_hash();
	test_message();
	used_plan = plan_of(posted, &used_doc);
	test_memory(use_begin, "beginning and moving on");
	plan_free(used_plan);
	json_object_put(used_doc);
	test_memory(use_show, "reading, showing and writing");
	return tap_done();
}
