/* plan_load.c - how much, how long and when: stages, the closed model, and the schedule that they make. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "doc.h"
#include "plan_field.h"

#define CLOSED_MOST                                                                            \
	(3600 * SQ_S) /* how long max_requests may take in the closed model, unless it is said \
	               */

const char *const plan_mode_name[] = {"open", "closed", NULL};
const char *const plan_arrival_name[] = {"uniform", "poisson", NULL};

/* --- the schedule ---------------------------------------------------------------------------- */

void plan_schedule(const struct plan *p, struct schedule *out)
{
	schedule_init(out, &(struct schedule_setup){.rate = p->rate,
	                                            .duration = p->duration,
	                                            .stages = p->stages,
	                                            .stage_count = p->stage_count,
	                                            .poisson = p->arrival == PLAN_POISSON,
	                                            .seed = (uint64_t)p->seed,
	                                            .max = (uint64_t)p->max_requests,
	                                            .warmup = p->warmup,
	                                            .closed = p->mode == PLAN_CLOSED});
}

int64_t plan_peak_rate(const struct plan *p)
{
	int64_t peak = p->rate;

	for (uint32_t i = 0; i < p->stage_count; i++)
		peak = p->stages[i].rate > peak ? p->stages[i].rate : peak;
	return peak;
}

int64_t plan_span(const struct plan *p)
{
	return p->warmup + p->duration;
}

static char *rate_text(char out[TEXT_MAX], int64_t rate)
{
	return rate % PLAN_RATE_ONE == 0 ? text_count(out, (uint64_t)(rate / PLAN_RATE_ONE))
	                                 : text_number(out, (double)rate / PLAN_RATE_ONE);
}

char *plan_load_text(const struct plan *p, char out[TEXT_MAX * 2])
{
	char first[TEXT_MAX], last[TEXT_MAX];

	if (p->mode == PLAN_CLOSED)
		snprintf(out, TEXT_MAX * 2, "%s connection%s", text_count(first, (uint64_t)p->connections),
		         p->connections == 1 ? "" : "s");
	else if (p->stage_count > 0)
		snprintf(out, TEXT_MAX * 2, "up to %s/s", rate_text(last, plan_peak_rate(p)));
	else
		snprintf(out, TEXT_MAX * 2, "%s/s", rate_text(first, p->rate));
	return out;
}

/* --- stages ---------------------------------------------------------------------------------- */

static void refuse_stage(const struct plan_field *f, size_t i, const char *why,
                         struct plan_problems *problems)
{
	plan_problem(problems, f->name, "stage %zu %s", i + 1, why);
}

/* A member of a stage. False, with a problem: it cannot be used. */
static bool read_member(struct json_object *stage, const char *name, const struct plan_field *like, size_t i,
                        int64_t *ret, struct plan_problems *problems)
{
	struct json_object *v = json_object_object_get(stage, name);
	const char *text = v ? json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN) : NULL;
	char most[DECIMAL_MAX];
	int64_t n;

	if (!v || !(json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double))) {
		plan_problem(problems, "stages", "stage %zu must have the number %s", i + 1, name);
		return false;
	}
	if (!text)
		problems->text.failed = true; /* no memory */
	if (!text || decimal_parse(text, like->digits, &n) < 0 || n < 0 || n > like->max) {
		plan_problem(problems, "stages", "stage %zu: %s is outside 0 .. %s", i + 1, name,
		             decimal_text(most, like->max, like->digits));
		return false;
	}
	*ret = n;
	return true;
}

static void read_stage(struct json_object *v, const struct plan_field *f, size_t i, struct plan *p,
                       struct plan_problems *problems)
{
	struct stage *stage = &p->stages[i];

	if (!json_object_is_type(v, json_type_object) || json_object_object_length(v) != 2)
		refuse_stage(f, i, "must hold duration_sec and hits_per_sec, and nothing else", problems);
	else if (read_member(v, "duration_sec", plan_field("duration_sec"), i, &stage->duration, problems))
		read_member(v, "hits_per_sec", plan_field("hits_per_sec"), i, &stage->rate, problems);
}

int plan_read_stages(struct json_object *v, const struct plan_field *f, struct plan *p,
                     struct plan_problems *problems)
{
	size_t count = json_object_is_type(v, json_type_array) ? json_object_array_length(v) : 0;

	if (!json_object_is_type(v, json_type_array) || count > (size_t)f->max) {
		plan_problem(problems, f->name, "must be %s, at most %lld of them", f->help,
		             (long long)f->max);
		return 0;
	}
	if (count == 0)
		return 0;
	p->stages = calloc(count, sizeof *p->stages);
	if (!p->stages)
		return -ENOMEM;
	p->stage_count = (uint32_t)count;
	for (size_t i = 0; i < count; i++)
		read_stage(json_object_array_get_idx(v, i), f, i, p, problems);
	return 0;
}

struct json_object *plan_write_stages(const struct plan *p)
{
	struct json_object *array = json_object_new_array();
	bool good = true;

	for (uint32_t i = 0; good && i < p->stage_count; i++) {
		struct json_object *o = json_object_new_object();

		good = doc_put_decimal(o, "duration_sec", p->stages[i].duration, 9) &&
		       doc_put_decimal(o, "hits_per_sec", p->stages[i].rate, 6);
		good = doc_append(array, doc_close(o, good));
	}
	return doc_close(array, good);
}

/* --- what follows from the rest --------------------------------------------------------------- */

static int64_t stages_sum(const struct plan *p)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < p->stage_count; i++)
		sum += p->stages[i].duration;
	return sum;
}

/* How long max_requests take at the constant rate. */
static int64_t time_of(const struct plan *p, int64_t most)
{
	unsigned __int128 ns = (unsigned __int128)p->max_requests * PLAN_RATE_ONE * SQ_S;

	ns = (ns + (uint64_t)p->rate - 1) / (uint64_t)p->rate;
	if (ns < (uint64_t)SQ_MS)
		return SQ_MS;
	return ns < (uint64_t)most ? (int64_t)ns : most;
}

bool plan_load_default(const struct plan *p, const struct plan_field *f, int64_t *ret)
{
	if (f->off == offsetof(struct plan, rate) && (p->mode == PLAN_CLOSED || p->stage_count > 0))
		*ret = 0;
	else if (f->off == offsetof(struct plan, connections) && p->mode == PLAN_CLOSED)
		*ret = 1;
	else if (f->off != offsetof(struct plan, duration))
		return false;
	else if (p->stage_count > 0)
		*ret = stages_sum(p);
	else if (p->max_requests > 0 && p->mode == PLAN_CLOSED)
		*ret = CLOSED_MOST;
	else if (p->max_requests > 0 && p->rate > 0)
		*ret = time_of(p, f->max);
	else
		return false;
	return true;
}

int64_t plan_load_least(const struct plan *p, const struct plan_field *f)
{
	bool zero = p->mode == PLAN_CLOSED || p->stage_count > 0;

	return f->off == offsetof(struct plan, rate) && zero ? 0 : f->min;
}

static void check_closed(const struct plan *p, struct plan_problems *problems)
{
	if (p->rate > 0)
		plan_problem(problems, "hits_per_sec",
		             "has no meaning in the closed model, which goes as fast as its connections: "
		             "leave it or mode out");
	if (p->stage_count > 0)
		plan_problem(problems, "stages", "have no meaning in the closed model");
	if (p->arrival != PLAN_UNIFORM)
		plan_problem(problems, "arrival", "has no meaning in the closed model");
	if (p->connections < p->workers)
		plan_problem(problems, "connections", "%lld are too few for %lld workers",
		             (long long)p->connections, (long long)p->workers);
}

static void check_stages(const struct plan *p, struct plan_problems *problems)
{
	char sum[TEXT_MAX];

	if (p->duration != stages_sum(p))
		plan_problem(problems, "duration_sec",
		             "is not the sum of the stages (%s): leave it out, or make the last stage longer",
		             text_duration(sum, stages_sum(p)));
	else if (p->duration < SQ_MS || p->duration > plan_field("duration_sec")->max)
		plan_problem(problems, "stages", "last %s together; a test lasts from 1 ms to 30 days",
		             text_duration(sum, p->duration));
	else if (plan_peak_rate(p) == 0)
		plan_problem(problems, "stages", "ask for no request at all");
}

static void check_open(const struct plan *p, struct plan_problems *problems)
{
	if (p->connections > 0)
		plan_problem(
		    problems, "connections",
		    "belong to the closed model (\"mode\": \"closed\"); max_connections is the limit of "
		    "one worker");
	if (p->think > 0)
		plan_problem(problems, "think_ms", "belongs to the closed model (\"mode\": \"closed\")");
	if (p->stage_count > 0)
		check_stages(p, problems);
}

static void check_total(const struct plan *p, struct plan_problems *problems)
{
	char requests[TEXT_MAX], most[TEXT_MAX];
	struct schedule s;

	plan_schedule(p, &s);
	if (s.closed && p->max_requests > 0)
		s.total = (uint64_t)p->max_requests;
	text_count(requests, s.total);
	if (s.total > SCHEDULE_TICKS_MAX)
		plan_problem(problems, p->stage_count ? "stages" : "hits_per_sec",
		             "%s requests in duration_sec are more than a test may have (%s)", requests,
		             text_count(most, SCHEDULE_TICKS_MAX));
	if (s.total - s.warm < (uint64_t)p->workers)
		plan_problem(problems, "workers", "%lld workers are too many for %s requests in all",
		             (long long)p->workers, text_count(requests, s.total - s.warm));
}

/* A number that was refused is still 0 here, or what its default would be. */
void plan_check_load(const struct plan *p, struct plan_problems *problems)
{
	uint32_t before = problems->count;

	if (p->mode == PLAN_CLOSED)
		check_closed(p, problems);
	else
		check_open(p, problems);
	if (problems->count == before && p->duration > 0 && (p->mode == PLAN_CLOSED || plan_peak_rate(p) > 0))
		check_total(p, problems);
}
