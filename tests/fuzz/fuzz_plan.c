/* fuzz_plan.c - any text as a plan: it is refused with a reason, or what is written reads back equal. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/common/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts, so that the fuzzer keeps the input. */
static void must(bool good)
{
	if (!good)
		abort();
}

static bool is_line(const char *s)
{
	for (; *s; s++)
		if (*s == '\r' || *s == '\n')
			return false;
	return true;
}

/* What the engine writes into requests as it is. */
static void check_plan(const struct plan *p)
{
	must(p->rate > 0 && p->duration > 0 && p->workers > 0 && p->max_connections > 0 &&
	     p->max_in_flight > 0);
	must(p->timeout > 0 && p->patience >= 0 && p->drain >= 0 && p->timeout + p->patience <= 3600 * SQ_S);
	must(*p->method && is_line(p->method) && !strchr(p->method, ' '));
	must(is_line(p->url.path) && *p->url.path == '/' && !strchr(p->url.path, ' ') &&
	     is_line(p->url.authority));
	for (uint32_t i = 0; i < p->header_count; i++)
		must(is_line(p->headers[i].name) && is_line(p->headers[i].value));
}

static void check_round_trip(const struct plan *p)
{
	struct plan_problems problems = {0};
	struct plan *again = NULL;
	struct json_object *doc = plan_write(p), *doc_again;
	const char *text = json_object_to_json_string(doc);

	must(plan_read_text(text, strlen(text), NULL, &again, NULL, &problems) == 0);
	must(again->rate == p->rate && again->duration == p->duration && again->body_len == p->body_len);
	doc_again = plan_write(again);
	must(strcmp(json_object_to_json_string(doc_again), text) == 0);
	json_object_put(doc);
	json_object_put(doc_again);
	plan_free(again);
	plan_problems_free(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan_problems problems = {0};
	struct plan *p = NULL;
	int r = plan_read_text((const char *)data, size, "http://target/hit", &p, NULL, &problems);

	if (r == 0) {
		must(problems.count == 0);
		check_plan(p);
		check_round_trip(p);
		plan_free(p);
	} else {
		must(!p && problems.count > 0 && json_object_array_length(problems.list) > 0);
	}
	plan_problems_free(&problems);
	return 0;
}
