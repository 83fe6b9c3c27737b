/* test_plan_memory.c - reading and writing a plan when any one allocation fails. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "plugins/common/plan.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

static const char good_plan[] =
    "{\"name\": \"n\", \"url\": \"http://a/\", \"headers\": {\"A\": \"b\", \"C\": \"d\"}, \"body\": \"x\", "
    "\"hits_per_sec\": 33.3, \"timeout_ms\": 10, \"timer\": \"economy\", \"labels\": {\"a\": \"b\"}, "
    "\"secret_headers\": [\"A\"], \"thresholds\": [\"max<1s\", {\"threshold\": \"avg<1\", \"window\": "
    "\"5s\"}], "
    "\"stages\": [{\"duration_sec\": 4, \"hits_per_sec\": 5.5}], \"checks\": [{\"header\": \"A\", "
    "\"contains\": \"b\"}], "
    "\"requests\": [{\"name\": \"r\", \"path\": \"/{{row.x}}\", \"headers\": {\"D\": \"{{seq}}\"}, "
    "\"checks\": [{\"body\": "
    "\"c\"}]}, {\"name\": \"s\", \"body\": \"y\"}], \"data\": [{\"x\": 1}, {\"x\": \"2\"}]}";
static const char bad_plan[] =
    "{\"hits_per_sec\": 0, \"wrkers\": 1, \"headers\": {\"TE\": \"\"}, \"method\": \"x y\"}";

static int read_plan(const char *text)
{
	struct json_object *doc = NULL;
	struct plan_problems problems = {0};
	struct plan *p = NULL;
	int r = plan_read_text(text, strlen(text), NULL, &p, &doc, &problems);

	if (r == 0)
		plan_free(p);
	else if (p || doc)
		r = 1; /* an output of a failure */
	json_object_put(doc);
	plan_problems_free(&problems);
	return r;
}

static void test_read(const char *text, int want, const char *name)
{
	bool good = true;
	unsigned n;
	int r;

	for (n = 1;; n++) {
		failmalloc_after(n);
		r = read_plan(text);
		if (!failmalloc_stop())
			break;
		good &= r == -ENOMEM;
	}
	ok(good && r == want && n > 10, "%s: %u failures, all reported", name, n - 1);
}

static void test_write(void)
{
	struct plan_problems problems = {0};
	struct plan *p = NULL;
	bool good = true;
	unsigned n;

	is_int(plan_read_text(good_plan, sizeof good_plan - 1, NULL, &p, NULL, &problems), 0, "a good plan");
	for (n = 1;; n++) {
		struct json_object *doc;

		failmalloc_after(n);
		doc = plan_write(p);
		if (!failmalloc_stop()) {
			json_object_put(doc);
			break;
		}
		good &= doc == NULL;
	}
	ok(good && n > 20, "writing: %u failures, all reported", n - 1);
	plan_free(p);
	plan_problems_free(&problems);
}

int main(void)
{
	test_read(good_plan, 0, "a good plan");
	test_read(bad_plan, -EINVAL, "a bad plan");
	test_write();
	return tap_done();
}
