/* test_result_text.c - result documents as text, held by golden files. */
#include <json-c/json.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/base/result_text.h"
#include "tests/tap.h"

static void read_golden(const char *name, const char *ending, struct buf *out)
{
	const char *src = getenv("top_srcdir");
	char path[4096];
	FILE *f;
	size_t n;

	snprintf(path, sizeof path, "%s/tests/unit/result/%s.%s", src ? src : ".", name, ending);
	f = fopen(path, "rb");
	if (!f) {
		ok(false, "cannot open %s", path);
		exit(tap_done());
	}
	buf_str(out, "");
	while ((n = fread(buf_room(out, 4096), 1, 4096, f)) > 0)
		out->len += n;
	buf_str(out, "");
	fclose(f);
}

/* Printable ASCII within 80 columns, apart from the colours. */
static bool fits(const char *text, bool color)
{
	unsigned column = 0;

	for (; *text; text++) {
		if (color && *text == '\033')
			text += strcspn(text, "m");
		else if (*text == '\n')
			column = 0;
		else if (*text < ' ' || *text > '~' || ++column > 80)
			return false;
	}
	return column == 0;
}

static void show(const char *text)
{
	for (const char *end; *text; text = end + (*end == '\n')) {
		end = text + strcspn(text, "\n");
		printf("# %.*s\n", (int)(end - text), text);
	}
}

static void golden(const char *name, bool color)
{
	struct buf json = {0}, want = {0}, got = {0};
	struct json_object *doc;

	read_golden(name, "json", &json);
	read_golden(name, "txt", &want);
	doc = json_tokener_parse(json.data);
	buf_str(&got, "");
	result_text(doc, color, &got);
	if (!ok(doc && strcmp(got.data, want.data) == 0, "%s", name))
		show(got.data);
	ok(fits(got.data, color), "%s: fits 80 columns", name);
	json_object_put(doc);
	buf_free(&json);
	buf_free(&want);
	buf_free(&got);
}

static void odd_documents(void)
{
	static const char *const documents[] = {"null", "[]", "7", "\"x\"",
	                                        "{\"ledger\":[],\"latency_ms\":7,\"status\":null}"};
	struct buf out = {0};

	buf_str(&out, "");
	for (size_t i = 0; i < SQ_LEN(documents); i++) {
		struct json_object *doc = json_tokener_parse(documents[i]);

		result_text(doc, true, &out);
		json_object_put(doc);
	}
	is_str(out.data, "", "what is no result document says nothing");
	buf_free(&out);
}

/* The target stood still: what its requests waited for a connection is not ours. */
static void stalled_target(void)
{
	struct json_object *doc = json_tokener_parse("{\"latency_ms\":{\"pickup\":{\"count\":9,\"p99\":1},"
	                                             "\"wait\":{\"count\":9,\"p99\":900},"
	                                             "\"lag\":{\"count\":9,\"p99\":901}}}");
	struct buf out = {0};

	result_text(doc, false, &out);
	ok(strstr(out.data, "from due to sent (wait)") != NULL, "lag that was waiting is not called ours");
	json_object_put(doc);
	buf_free(&out);
}

static void says(const char *document, const char *want, const char *name)
{
	struct json_object *doc = json_tokener_parse(document);
	struct buf out = {0};

	buf_str(&out, "");
	result_text(doc, false, &out);
	is_str(out.data, want, name);
	json_object_put(doc);
	buf_free(&out);
}

/* A figure that is one request's luck is not shown, nor are phases of requests that never were. */
static void few_answers(void)
{
	says("{\"latency_ms\":{\"response\":{\"count\":19,\"p50\":1,\"p95\":2,\"p99\":3,\"max\":4}}}",
	     "latency         p50      p95      p99    p99.9      max\n"
	     "  response  1.00 ms        -        -        -  4.00 ms  from due to done\n",
	     "19 answers have no p95");
	says("{\"requests\":{\"buy\":{\"ledger\":{\"sent\":{\"on_time\":19},\"scheduled\":19,\"ok\":19},"
	     "\"latency_ms\":{\"response\":{\"count\":19,\"p50\":1,\"p95\":2,\"p99\":3,\"max\":4}}}}}",
	     "requests                  sent   not ok       p50       p95       p99       max\n"
	     "  buy                       19        0   1.00 ms         -         -   4.00 ms\n",
	     "nor have those of one request");
	says("{\"latency_ms\":{\"response\":{\"count\":0}},\"phases_ms\":{\"dns\":{\"count\":1,\"p50\":3}}}",
	     "", "no requests, no phases");
}

/* What became of those that were sent says more than that the rest was not. */
static void stopped(void)
{
	says("{\"state\":\"cancelled\",\"ledger\":{\"scheduled\":300,\"sent\":{\"on_time\":15},"
	     "\"dropped\":{\"aborted\":285},\"ok\":0,\"in_flight_at_end\":15}}",
	     "FAIL   the test was cancelled\n"
	     "FAIL   no request got an answer that counts as ok: 15 times no answer before the\n"
	     "       end from the target\n"
	     "       15 requests\n\n"
	     "ledger    300 scheduled = 15 sent (15 on time) + 0 unsent\n"
	     "            + 285 dropped (285 aborted)\n"
	     "          15 sent = 0 ok + 0 http errors + 0 failed checks + 0 errors\n"
	     "            + 15 in flight\n",
	     "a test that was stopped before the first answer");
}

static void cures(void)
{
	says("{\"validity\":{\"status\":\"invalid\",\"reasons\":["
	     "{\"what\":\"a\",\"cure\":\"Rest.\",\"status\":\"invalid\"},"
	     "{\"what\":\"b\",\"cure\":\"Rest.\",\"status\":\"invalid\"},"
	     "{\"what\":\"c\",\"cure\":\"Rest.\",\"status\":\"suspect\"},"
	     "{\"what\":\"d\",\"cure\":\"Run.\",\"status\":\"suspect\"}]}}",
	     "FAIL   generator invalid: a.\nFAIL   generator invalid: b.\n       Rest.\n       generator "
	     "invalid\n"
	     "WARN   generator suspect: c.\n       Rest.\nWARN   generator suspect: d.\n       Run.\n",
	     "what cures several reasons in a row is said once");
}

int main(void)
{
	few_answers();
	cures();
	stopped();
	golden("pass", false);
	golden("invalid", false);
	golden("threshold", false);
	golden("not_found", false);
	golden("unreachable", false);
	golden("failed", false);
	golden("timeouts", false);
	golden("reasons", false);
	golden("requests", false);
	golden("warmup", false);
	golden("workers_lost", false);
	golden("empty", false);
	golden("hostile", false);
	golden("colour", true);
	golden("colour_fail", true);
	stalled_target();
	odd_documents();
	return tap_done();
}
