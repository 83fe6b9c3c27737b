/* test_plan_memory.c - reading and writing a plan when any one allocation fails. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "plugins/common/plan.h"
#include "tests/failjson.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

static const char good_plan[] =
    "{\"name\": \"n\", \"url\": \"http://a/\", \"headers\": {\"A\": \"b\", \"C\": \"d\"}, \"body\": \"x\", "
    "\"hits_per_sec\": 33.3, \"timeout_ms\": 10, \"timer\": \"economy\"}";
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

static void read_with(void (*after)(unsigned), bool (*stop)(void), const char *text, int want,
                      const char *name)
{
	bool good = true;
	unsigned n;
	int r;

	for (n = 1;; n++) {
		after(n);
		r = read_plan(text);
		if (!stop())
			break;
		good &= r == -ENOMEM;
	}
	ok(good && r == want && n > 1, "%s: %u failures, all reported", name, n - 1);
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

		failjson_after(n);
		doc = plan_write(p);
		if (!failjson_stop()) {
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
	read_with(failmalloc_after, failmalloc_stop, good_plan, 0, "a good plan, our memory");
	read_with(failmalloc_after, failmalloc_stop, bad_plan, -EINVAL, "a bad plan, our memory");
	read_with(failjson_after, failjson_stop, good_plan, 0, "a good plan, json-c's memory");
	read_with(failjson_after, failjson_stop, bad_plan, -EINVAL, "a bad plan, json-c's memory");
	test_write();
	return tap_done();
}
