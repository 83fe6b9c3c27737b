/* view.c - what is known of a running test. */
#include "view.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <string.h>

#include "core/base/text.h"
#include "json.h"
#include "plan.h"
#include "rate.h"

void view_init(struct view *v)
{
	*v = (struct view){.lag_p99 = -1, .cpu = -1, .response = hist_new(), .part = hist_new()};
}

void view_free(struct view *v)
{
	hist_free(v->response);
	hist_free(v->part);
	v->response = v->part = NULL;
}

static void copy_text(struct json_object *o, const char *name, char *out, size_t size)
{
	const char *text = json_text(o, name);

	if (*text)
		text_safe(out, size, text, strlen(text));
}

/* A number in whole units of 1 / scale, if it is one and fits. */
static void copy_scaled(struct json_object *o, const char *name, double scale, int64_t *out)
{
	double n;

	if (member_number(o, name, &n) && n > 0 && n * scale < (double)(INT64_MAX / 2))
		*out = llround(n * scale);
}

/* The highest rate of the stages and of what they begin with. */
static int64_t peak_rate(struct json_object *stages, int64_t peak)
{
	for (size_t i = 0; i < json_object_array_length(stages); i++) {
		int64_t rate = 0;

		copy_scaled(json_object_array_get_idx(stages, i), "hits_per_sec", RATE_ONE, &rate);
		peak = rate > peak ? rate : peak;
	}
	return peak;
}

static bool is_staged(struct json_object *plan)
{
	struct json_object *stages = member_get(plan, "stages");

	return json_object_is_type(stages, json_type_array) && json_object_array_length(stages) > 0;
}

static bool is_closed(struct json_object *plan)
{
	return member_total(plan, "connections") > 0;
}

/* The list of tests has no stages, but what they reach. */
void view_load(struct json_object *plan, char out[64])
{
	uint64_t connections = member_total(plan, "connections");
	int64_t rate = 0, peak = 0;
	char text[TEXT_MAX];

	*out = '\0';
	copy_scaled(plan, "hits_per_sec", RATE_ONE, &rate);
	copy_scaled(plan, "peak_hits_per_sec", RATE_ONE, &peak);
	if (is_staged(plan))
		peak = peak_rate(member_get(plan, "stages"), rate);
	if (connections > 0)
		snprintf(out, 64, "%s connection%s", text_count(text, connections),
		         connections == 1 ? "" : "s");
	else if (peak > rate || is_staged(plan))
		snprintf(out, 64, "up to %s", rate_text(text, peak));
	else if (rate > 0)
		snprintf(out, 64, "%s", rate_text(text, rate));
}

static void take_load(struct view *v, struct json_object *plan)
{
	struct schedule schedule;

	v->rate = 0;
	v->whole = v->most = 0;
	view_load(plan, v->load);
	if (is_closed(plan)) {
		member_count(plan, "max_requests", &v->most);
		v->whole = v->most;
		return;
	}
	if (!is_staged(plan))
		copy_scaled(plan, "hits_per_sec", RATE_ONE, &v->rate);
	if (plan_to_schedule(plan, &schedule, NULL) == 0)
		v->whole = schedule.total - schedule.warm;
}

static void take_plan(struct view *v, struct json_object *plan)
{
	copy_text(plan, "method", v->method, sizeof v->method);
	copy_text(plan, "url", v->url, sizeof v->url);
	take_load(v, plan);
	copy_scaled(plan, "duration_sec", SQ_S, &v->duration);
	member_count(plan, "workers", &v->workers);
}

static bool is(const struct view *v, const char *state)
{
	return strcmp(v->state, state) == 0;
}

bool view_over(const struct view *v)
{
	return is(v, "completed") || is(v, "failed") || is(v, "cancelled") || is(v, "timed_out");
}

bool view_measures(const struct view *v)
{
	return is(v, "running") || is(v, "draining") || v->rate_count > 0;
}

/* "3/5 ready, pod load-7f3k-2 ImagePullBackOff" */
static void take_provisioning(struct view *v, struct json_object *record)
{
	struct json_object *p = member_get(record, "provisioning");
	char ready[TEXT_MAX], wanted[TEXT_MAX], reason[WORDS_MAX];

	*v->why = '\0';
	if (!is(v, "provisioning") || !p)
		return;
	member_text(p, "reason", reason);
	snprintf(v->why, sizeof v->why, "%s/%s ready%s%.150s", text_count(ready, member_total(p, "ready")),
	         text_count(wanted, member_total(p, "wanted")), *reason ? ", " : "", reason);
}

/* Where a state stands in the life of a test; an end is behind all others. */
static unsigned rank(const char *state)
{
	static const char *const order[] = {"queued", "provisioning", "ready",
	                                    "armed",  "running",      "draining"};
	unsigned n = 0;

	while (*state && n < SQ_LEN(order) && strcmp(order[n], state) != 0)
		n++;
	return n;
}

/* Streams begin with the whole history, of which the record has told already. */
void view_state(struct view *v, struct json_object *step)
{
	const char *state = json_text(step, "state");
	int64_t at = v->since;

	copy_scaled(step, "at", 1, &at);
	if (!*state || is(v, state) || at < v->since || (*v->state && rank(state) < rank(v->state)))
		return;
	copy_text(step, "state", v->state, sizeof v->state);
	v->since = at;
	v->deadline = 0;
	*v->why = '\0';
}

void view_record(struct view *v, struct json_object *record)
{
	struct json_object *history = member_get(record, "history");
	size_t steps = json_object_is_type(history, json_type_array) ? json_object_array_length(history) : 0;

	copy_text(record, "test_id", v->id, sizeof v->id);
	take_plan(v, member_get(record, "effective_plan"));
	copy_text(record, "state", v->state, sizeof v->state);
	v->deadline = 0;
	copy_scaled(record, "deadline_at", 1, &v->deadline);
	if (steps > 0)
		copy_scaled(json_object_array_get_idx(history, steps - 1), "at", 1, &v->since);
	take_provisioning(v, record);
}

static void merge_latencies(struct view *v, const char *blob)
{
	if (v->response && v->part && *blob && hist_decode(v->part, blob, strlen(blob), NULL) == 0)
		hist_merge(v->response, v->part);
}

/* Seconds for which a point stands that ends with this one: several where points of long tests are merged,
 * and less than one where the load ends within it. */
static double span(const struct view *v, int64_t next)
{
	double until = (double)next, end = (double)v->duration / SQ_S;

	if (end > (double)v->next && end < until)
		until = end;
	return until - (double)v->next;
}

bool view_point(struct view *v, struct json_object *point)
{
	uint64_t second, sent;

	if (!member_count(point, "t", &second) || (int64_t)second < v->next || second > INT32_MAX ||
	    !member_count(point, "sent", &sent))
		return false;
	v->second_rate = (double)sent / span(v, (int64_t)second + 1);
	v->rates[v->rate_count++ % VIEW_SPARKS] = v->second_rate;
	v->next = (int64_t)second + 1;
	v->sent += sent;
	v->errors += member_total(point, "errors");
	if (!member_number(point, "lag_p99", &v->lag_p99))
		v->lag_p99 = -1;
	if (!member_number(point, "cpu", &v->cpu))
		v->cpu = -1;
	merge_latencies(v, json_text(point, "hist"));
	return true;
}
