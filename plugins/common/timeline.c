/* timeline.c - what happened in one second, as the difference of two cumulative books. */
#include "timeline.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "doc.h"

#define POINT_DEPTH 4

/* Cumulative counts, so that a point is a difference. */
struct counts {
	uint64_t offered, sent, ok, errors;
	uint64_t seconds; /* that are over */
	int64_t cpu;
};

struct timeline {
	struct counts before;
	struct hist *response, *lag; /* before */
	struct hist *response_now, *lag_now; /* the interval, scratch */
};

void timeline_free(struct timeline *t)
{
	if (!t)
		return;
	hist_free(t->response);
	hist_free(t->lag);
	hist_free(t->response_now);
	hist_free(t->lag_now);
	free(t);
}

struct timeline *timeline_new(int64_t cpu)
{
	struct timeline *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->before.cpu = cpu;
	t->response = hist_new();
	t->lag = hist_new();
	t->response_now = hist_new();
	t->lag_now = hist_new();
	if (t->response && t->lag && t->response_now && t->lag_now)
		return t;
	timeline_free(t);
	return NULL;
}

static struct counts count(const struct timeline_now *now)
{
	const struct ledger *l = &now->books->ledger;

	return (struct counts){
	    .offered = now->offered,
	    .sent = ledger_sent(l),
	    .ok = l->ok,
	    .errors = ledger_unsent(l) + ledger_http_errors(l) + l->check_failed + ledger_errors(l),
	    .seconds = now->second + 1,
	    .cpu = now->cpu,
	};
}

/* A worker whose books were lost with it, or replaced, is no reason for a negative number. */
static bool put_since(struct json_object *o, const char *name, uint64_t now, uint64_t before)
{
	return doc_put_count(o, name, now > before ? now - before : 0);
}

/* Of one CPU, each worker on average. */
static bool put_cpu(struct json_object *o, const struct counts *now, const struct counts *before,
                    uint32_t workers)
{
	int64_t used = now->cpu - before->cpu, had = (int64_t)(now->seconds - before->seconds) * workers;

	if (now->cpu < 0 || before->cpu < 0 || used < 0 || had <= 0)
		return doc_put_null(o, "cpu");
	return doc_put_decimal(o, "cpu", used / (SQ_S / 1000) / had, 1);
}

static void interval(struct hist *out, const struct hist *now, const struct hist *before)
{
	if (hist_since(out, now, before) < 0)
		hist_reset(out);
}

static bool put_percentile(struct json_object *o, const char *name, const struct hist *h, double percent)
{
	return doc_put_ms(o, name, h->count ? hist_percentile(h, percent) : -1);
}

static bool put_latencies(struct json_object *o, const struct hist *h)
{
	return put_percentile(o, "p50", h, 50) && put_percentile(o, "p90", h, 90) &&
	       put_percentile(o, "p95", h, 95) && put_percentile(o, "p99", h, 99) &&
	       put_percentile(o, "p99_9", h, 99.9) && doc_put_ms(o, "max", h->count ? h->max : -1);
}

static bool put_blob(struct json_object *o, const struct hist *h)
{
	struct buf blob = {0};
	bool good = hist_encode(h, &blob) == 0 && doc_put_text(o, "hist", blob.data);

	buf_free(&blob);
	return good;
}

static void remember(struct timeline *t, const struct counts *counts, const struct books *b)
{
	t->before = *counts;
	hist_reset(t->response);
	hist_merge(t->response, b->hist[H_RESPONSE]);
	hist_reset(t->lag);
	hist_merge(t->lag, b->hist[H_LAG]);
}

struct json_object *timeline_point(struct timeline *t, const struct timeline_now *now)
{
	struct json_object *o = json_object_new_object();
	struct counts counts = count(now);
	const struct counts *before = &t->before;
	bool good;

	interval(t->response_now, now->books->hist[H_RESPONSE], t->response);
	interval(t->lag_now, now->books->hist[H_LAG], t->lag);
	good = doc_put_count(o, "t", now->second) &&
	       put_since(o, "offered", counts.offered, before->offered) &&
	       put_since(o, "sent", counts.sent, before->sent) && put_since(o, "ok", counts.ok, before->ok) &&
	       put_since(o, "errors", counts.errors, before->errors) && put_latencies(o, t->response_now) &&
	       put_percentile(o, "lag_p99", t->lag_now, 99) &&
	       doc_put_count(o, "in_flight", now->books->in_flight) &&
	       doc_put_count(o, "workers", now->workers) && put_cpu(o, &counts, before, now->workers) &&
	       put_blob(o, t->response_now);
	if (good)
		remember(t, &counts, now->books);
	return doc_close(o, good);
}

/* --- two in one ------------------------------------------------------------------------------ */

static uint64_t count_of(struct json_object *o, const char *name)
{
	return json_object_get_uint64(json_object_object_get(o, name));
}

/* NAN for null. */
static double number_of(struct json_object *o, const char *name)
{
	struct json_object *v = json_object_object_get(o, name);

	return v ? json_object_get_double(v) : NAN;
}

/* The highest value is told more exactly than by its bucket. */
static int add_blob(struct hist *sum, struct hist *scratch, struct json_object *point)
{
	struct json_object *blob = json_object_object_get(point, "hist");
	double max = number_of(point, "max");
	int r;

	if (!json_object_is_type(blob, json_type_string))
		return -EBADMSG;
	r = hist_decode(scratch, json_object_get_string(blob), (size_t)json_object_get_string_len(blob),
	                NULL);
	if (r < 0)
		return r == -ENOMEM ? r : -EBADMSG;
	if (scratch->count > 0 && max * SQ_MS < (double)scratch->max)
		scratch->max = llround(max * SQ_MS);
	hist_merge(sum, scratch);
	return 0;
}

static bool put_sum(struct json_object *o, const char *name, struct json_object *a, struct json_object *b)
{
	return doc_put_count(o, name, count_of(a, name) + count_of(b, name));
}

static bool put_last(struct json_object *o, const char *name, struct json_object *b)
{
	return doc_put_count(o, name, count_of(b, name));
}

static bool put_lag(struct json_object *o, double a, double b)
{
	double most = fmax(a, b); /* the other one, when one of them is NAN */

	return doc_put_ms(o, "lag_p99", isnan(most) ? -1 : llround(most * SQ_MS));
}

static bool put_mean_cpu(struct json_object *o, double a, double a_seconds, double b, double b_seconds)
{
	double mean = (a * a_seconds + b * b_seconds) / (a_seconds + b_seconds);

	return isnan(mean) ? doc_put_null(o, "cpu") : doc_put_decimal(o, "cpu", llround(mean * 10), 1);
}

static struct json_object *both(struct json_object *a, struct json_object *b, uint64_t begin,
                                const struct hist *h)
{
	struct json_object *o = json_object_new_object();
	uint64_t mid = count_of(a, "t") + 1, end = count_of(b, "t") + 1;

	return doc_close(o, put_last(o, "t", b) && put_sum(o, "offered", a, b) && put_sum(o, "sent", a, b) &&
	                        put_sum(o, "ok", a, b) && put_sum(o, "errors", a, b) && put_latencies(o, h) &&
	                        put_lag(o, number_of(a, "lag_p99"), number_of(b, "lag_p99")) &&
	                        put_last(o, "in_flight", b) && put_last(o, "workers", b) &&
	                        put_mean_cpu(o, number_of(a, "cpu"), (double)mid - (double)begin,
	                                     number_of(b, "cpu"), (double)end - (double)mid) &&
	                        put_blob(o, h));
}

static int merge_points(struct json_object *a, struct json_object *b, uint64_t begin,
                        struct json_object **ret)
{
	struct hist *sum = hist_new(), *scratch = hist_new();
	int r = sum && scratch ? add_blob(sum, scratch, a) : -ENOMEM;

	if (r == 0)
		r = add_blob(sum, scratch, b);
	if (r == 0 && !(*ret = both(a, b, begin, sum)))
		r = -ENOMEM;
	hist_free(sum);
	hist_free(scratch);
	return r;
}

int timeline_merge(struct sq_slice earlier, struct sq_slice later, uint64_t begin, struct json_object **ret)
{
	struct json_object *a = NULL, *b = NULL;
	struct sq_err err;
	int r = doc_parse(earlier, POINT_DEPTH, &a, &err);

	if (r == 0)
		r = doc_parse(later, POINT_DEPTH, &b, &err);
	if (r == 0)
		r = json_object_is_type(a, json_type_object) && json_object_is_type(b, json_type_object)
		        ? merge_points(a, b, begin, ret)
		        : -EBADMSG;
	json_object_put(a);
	json_object_put(b);
	return r;
}
