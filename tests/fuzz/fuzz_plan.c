/* fuzz_plan.c - any text as a plan: it is refused with a reason, or what is written reads back equal. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/common/plan.h"
#include "core/base/template.h"

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

/* Whatever the tick: as long as was said, and one line where it has to be. */
static void check_template(const struct plan *p, const char *text, size_t len, bool path)
{
	struct template_values v = {.seed = (uint64_t)p->seed, .test = 1, .data = p->data};
	struct template t = {0};
	uint32_t place = 0;
	char *out;

	must(template_compile(&t, (struct sq_slice){text, text ? len : 0}, p->data, &place, NULL) == 0);
	for (v.tick = 0; v.tick < 3; v.tick++) {
		size_t want = template_length(&t, &v);

		out = malloc(want + 1);
		must(template_render(&t, &v, out) == out + want);
		out[want] = '\0';
		if (path)
			must(strlen(out) == want && is_line(out) && *out == '/' && !strchr(out, ' '));
		free(out);
	}
	template_free(&t);
}

static void check_headers(const struct plan *p, const struct plan_header *headers, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		must(is_line(headers[i].name) && is_line(headers[i].value));
		check_template(p, headers[i].value, strlen(headers[i].value), false);
	}
}

static void check_request(const struct plan *p, const struct plan_request *r)
{
	must(*r->name && *r->method && is_line(r->method) && !strchr(r->method, ' ') && r->weight > 0);
	must(r->check_count + p->check_count <= PLAN_CHECKS_MAX);
	check_template(p, r->path, strlen(r->path), true);
	check_headers(p, r->headers, r->header_count);
	check_template(p, r->body, r->body_len, false);
}

/* What the engine writes into requests as it is. */
static void check_plan(const struct plan *p)
{
	struct schedule s;

	must((p->rate > 0 || p->mode == PLAN_CLOSED || p->stage_count > 0) && p->duration > 0 &&
	     p->workers > 0 && p->max_connections > 0 && p->max_in_flight > 0);
	must(p->timeout > 0 && p->patience >= 0 && p->drain >= 0 && p->timeout + p->patience <= 3600 * SQ_S);
	must(*p->method && is_line(p->method) && !strchr(p->method, ' '));
	must(is_line(p->url.authority));
	check_template(p, p->url.path, strlen(p->url.path), true);
	check_headers(p, p->headers, p->header_count);
	check_template(p, p->body, p->body_len, false);
	for (uint32_t i = 0; i < p->request_count; i++)
		check_request(p, &p->requests[i]);
	plan_schedule(p, &s);
	must(s.total > 0 && s.end > 0 && s.end <= s.duration);
	if (!s.closed)
		must(schedule_due(&s, s.total - 1) < s.warmup + s.duration &&
		     schedule_ticks_until(&s, s.warmup + s.duration) == s.total);
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
