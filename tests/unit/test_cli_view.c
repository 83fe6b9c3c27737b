/* test_cli_view.c - how a running test looks, word for word. */
#include <json-c/json.h>
#include <stdlib.h>

#include "core/cli/view.h"
#include "tests/tap.h"

#define NOW 1795426218000 /* Unix ms */

static const struct look wide = {.width = 80, .utf8 = true}, narrow = {.width = 40}, ascii = {.width = 80};

static void record(struct view *v, const char *text)
{
	struct json_object *o = json_tokener_parse(text);

	ok(o != NULL, "the record is JSON");
	view_record(v, o);
	json_object_put(o);
}

static bool point(struct view *v, const char *text)
{
	struct json_object *o = json_tokener_parse(text);
	bool new = view_point(v, o);

	json_object_put(o);
	return new;
}

static void step(struct view *v, const char *text)
{
	struct json_object *o = json_tokener_parse(text);

	view_state(v, o);
	json_object_put(o);
}

static void looks(const struct view *v, const struct look *look, const char *want, const char *name)
{
	struct buf got = {0};

	view_block(v, look, NOW, &got);
	is_str(got.data, want, name);
	buf_free(&got);
}

static void state_is(const struct view *v, const char *want, const char *name)
{
	struct buf got = {0};

	view_state_line(v, NOW, &got);
	is_str(got.data, want, name);
	buf_free(&got);
}

static void point_is(const struct view *v, const char *want, const char *name)
{
	struct buf got = {0};

	view_point_line(v, &got);
	is_str(got.data, want, name);
	buf_free(&got);
}

static void add_latencies(struct view *v)
{
	for (int i = 0; i < 980; i++)
		hist_add(v->response, 310000);
	for (int i = 0; i < 15; i++)
		hist_add(v->response, 620000);
	for (int i = 0; i < 5; i++)
		hist_add(v->response, 4800000);
}

static const char plan[] = "\"effective_plan\":{\"method\":\"POST\",\"url\":\"http://127.0.0.1:8080/hit\","
                           "\"hits_per_sec\":500,\"duration_sec\":30,\"workers\":2}";

static void before(void)
{
	struct view v;
	struct buf got = {0};
	char text[1024];

	view_init(&v);
	looks(&v, &wide, "waiting 0 s\n", "nothing is known yet");
	snprintf(
	    text, sizeof text,
	    "{\"test_id\":\"7f3k9m2q-more\",\"state\":\"provisioning\",%s,\"deadline_at\":1795426806000,"
	    "\"history\":[{\"at\":1,\"state\":\"queued\"},{\"at\":1795426206000,\"state\":\"provisioning\"}],"
	    "\"provisioning\":{\"ready\":3,\"wanted\":5,\"reason\":\"pod load-7f3k-2 ImagePullBackOff\"}}",
	    plan);
	record(&v, text);
	view_title(&v, &got);
	is_str(got.data, "squall: test 7f3k9m2q  POST http://127.0.0.1:8080/hit  500/s for 30 s  2 workers\n",
	       "the title");
	looks(&v, &wide, "provisioning 12 s (deadline 10 min): 3/5 ready, pod load-7f3k-2 ImagePullBackOff\n",
	      "provisioning: what is awaited, within 80 columns");
	looks(&v, &narrow, "provisioning 12 s (deadline 10 min): 3/5\n", "and at 40");
	step(&v, "{\"at\":5,\"state\":\"queued\"}");
	is_str(v.state, "provisioning", "a step that the record has told of already");
	step(&v, "{\"at\":1795426206000,\"state\":\"queued\"}");
	is_str(v.state, "provisioning", "even of the same moment");
	step(&v, "{\"at\":1795426217000,\"state\":\"ready\"}");
	state_is(&v, "ready 1 s\n", "the next state");
	buf_free(&got);
	view_free(&v);
}

/* What cannot be known from so few answers is not said. */
static void few(void)
{
	struct view v;

	view_init(&v);
	for (int i = 0; i < 19; i++)
		hist_add(v.response, 310000);
	v.second_rate = 19;
	v.next = 1;
	point_is(&v, "  1/0 s  19.00/s  p50 0.31 ms  p99 -  max 0.31 ms  errors 0\n",
	         "19 answers have no p99");
	record(&v, "{\"state\":\"running\"}");
	looks(&v, &wide,
	      "  [>                             ]  1/0 s   0 requests\n  rate    19.00/s\n"
	      "  p50 0.31 ms   p95 -   p99 -   max 0.31 ms               errors 0\n  running\n",
	      "and no p95");
	view_free(&v);
}

static void during(void)
{
	struct view v;
	char text[1024];

	view_init(&v);
	snprintf(text, sizeof text, "{\"test_id\":\"7f3k9m2q\",\"state\":\"running\",%s}", plan);
	record(&v, text);
	v.hint = "ctrl-c stops";
	looks(&v, &wide,
	      "  [>                             ]  0/30 s   0 of 15,000 requests\n"
	      "  rate    0/s of 500/s   \n"
	      "  no answers yet                                          errors 0\n"
	      "  running                                                 ctrl-c stops\n",
	      "before the first point");
	ok(point(&v, "{\"t\":0,\"sent\":40,\"errors\":0,\"lag_p99\":0.02}"), "a point");
	ok(point(&v, "{\"t\":1,\"sent\":300,\"errors\":0,\"lag_p99\":0.02}"), "another");
	ok(!point(&v, "{\"t\":1,\"sent\":300,\"errors\":0}"), "the same again is not new");
	ok(!point(&v, "{\"t\":0,\"sent\":300}") && !point(&v, "{\"t\":-1,\"sent\":1}") && !point(&v, "[]") &&
	       !point(&v, "{\"sent\":1}"),
	   "nor is an old one, or what is none");
	ok(point(&v, "{\"t\":17,\"sent\":8660,\"errors\":3,\"lag_p99\":0.02,\"hist\":\"rubbish\"}"),
	   "one for many seconds");
	ok(point(&v, "{\"t\":18,\"sent\":600,\"errors\":0,\"lag_p99\":0.02}"), "one above the rate");
	add_latencies(&v);
	looks(&v, &wide,
	      "  [===================>          ]  19/30 s   9,600 of 15,000 requests\n"
	      "  rate    600.0/s of 500/s   ▁▅▇█\n"
	      "  p50 0.31 ms   p95 0.31 ms   p99 0.62 ms   max 4.8 ms    errors 3\n"
	      "  generator ok: lag p99 0.02 ms                           ctrl-c stops\n",
	      "the block");
	looks(&v, &ascii,
	      "  [===================>          ]  19/30 s   9,600 of 15,000 requests\n"
	      "  rate    600.0/s of 500/s   _=*#\n"
	      "  p50 0.31 ms   p95 0.31 ms   p99 0.62 ms   max 4.8 ms    errors 3\n"
	      "  generator ok: lag p99 0.02 ms                           ctrl-c stops\n",
	      "without UTF-8");
	looks(&v, &narrow,
	      "  [======>   ]  19/30 s   9,600\n"
	      "  rate    600.0/s of 500/s   _=*#\n"
	      "  p50 0.31 ms  p99 0.62 ms  max 4.8 ms\n"
	      "  generator ok: lag p99 0.02 ms\n",
	      "in 40 columns");
	point_is(&v, "  19/30 s  600.0/s  p50 0.31 ms  p99 0.62 ms  max 4.8 ms  errors 3\n", "as a line");
	point(&v, "{\"t\":19,\"sent\":1,\"lag_p99\":1.5,\"cpu\":9.4}");
	looks(&v, &narrow,
	      "  [======>   ]  20/30 s   9,601\n"
	      "  rate    1.000/s of 500/s   _=*#_\n"
	      "  p50 0.31 ms  p99 0.62 ms  max 4.8 ms\n"
	      "  generator late: lag p99 1.50 ms\n",
	      "a generator that is late");
	v.rate_count = 0;
	looks(&v, &ascii,
	      "  [====================>         ]  20/30 s   9,601 of 15,000 requests\n"
	      "  rate    1.000/s of 500/s   \n"
	      "  p50 0.31 ms   p95 0.31 ms   p99 0.62 ms   max 4.8 ms    errors 3\n"
	      "  generator late: lag p99 1.50 ms, cpu 9 %                ctrl-c stops\n",
	      "and what it costs, where there is room");
	v.rate_count = 5;
	v.note = "cancelling; once more kills squall";
	step(&v, "{\"at\":1795426217000,\"state\":\"draining\"}");
	point_is(&v, "  20/30 s  1.000/s  p50 0.31 ms  p99 0.62 ms  max 4.8 ms  errors 3\n",
	         "the last points come while it drains");
	state_is(&v, "draining 1 s: cancelling; once more kills squall\n", "draining, cancelled");
	for (int i = 20; i < 200; i++) {
		snprintf(text, sizeof text, "{\"t\":%d,\"sent\":500}", i);
		point(&v, text);
	}
	looks(&v, &narrow,
	      "  [==========]  30/30 s   99,601\n"
	      "  rate    500.0/s of 500/s   *********\n"
	      "  p50 0.31 ms  p99 0.62 ms  max 4.8 ms\n"
	      "  draining 1 s: cancelling; once more ki\n",
	      "more than was foreseen");
	step(&v, "{\"state\":\"cancelled\"}");
	ok(view_over(&v), "over");
	view_free(&v);
}

/* Members of any type, absurd numbers, foreign bytes: nothing breaks, nothing is believed. */
static void hostile(void)
{
	static const char *const texts[] = {
	    "[]",
	    "{\"state\":5,\"history\":{},\"effective_plan\":[],\"test_id\":{}}",
	    "{\"state\":\"running\",\"history\":[5],\"effective_plan\":{\"hits_per_sec\":1e300,\"duration_"
	    "sec\":-5,"
	    "\"workers\":-1,\"url\":\"\\u001b[31m\",\"method\":\"\"}}",
	    "{\"state\":\"provisioning\",\"provisioning\":{\"ready\":\"x\",\"reason\":[]},\"deadline_at\":"
	    "1e300}",
	    "{\"effective_plan\":{\"hits_per_sec\":0.000001,\"duration_sec\":2592000}}",
	};

	for (size_t i = 0; i < SQ_LEN(texts); i++) {
		struct buf got = {0};
		struct view v;

		view_init(&v);
		record(&v, texts[i]);
		point(&v, "{\"t\":2147483647,\"sent\":9223372036854775807,\"errors\":9223372036854775807,"
		          "\"lag_p99\":1e308}");
		view_title(&v, &got);
		view_block(&v, &ascii, NOW, &got);
		view_point_line(&v, &got);
		view_state_line(&v, NOW, &got);
		for (size_t at = 0, column = 0; at < got.len; at++) {
			column = got.data[at] == '\n' ? 0 : column + 1;
			if ((got.data[at] < ' ' && got.data[at] != '\n') || column > 80)
				ok(false, "byte %zu of %s", at, got.data);
		}
		ok(got.len > 0, "shown: %s", texts[i]);
		buf_free(&got);
		view_free(&v);
	}
}

/* The closed model has no rate; with a number of requests it has no time either. */
static void closed(void)
{
	struct view v;
	struct buf got = {0};

	view_init(&v);
	record(&v, "{\"test_id\":\"7f3k9m2q\",\"state\":\"running\",\"effective_plan\":{\"method\":\"GET\","
	           "\"url\":\"http://h/\","
	           "\"mode\":\"closed\",\"connections\":8,\"hits_per_sec\":0,\"duration_sec\":3600,\"max_"
	           "requests\":5000,\"workers\":1}}");
	view_title(&v, &got);
	is_str(got.data, "squall: test 7f3k9m2q  GET http://h/  8 connections for 5,000 requests  1 worker\n",
	       "its title");
	ok(point(&v, "{\"t\":0,\"sent\":1250,\"errors\":0,\"lag_p99\":0}"), "a point");
	buf_reset(&got);
	view_block(&v, &ascii, NOW, &got);
	ok(strstr(got.data, "1 s   1,250 of 5,000 requests") != NULL, "progress goes by requests: %s",
	   got.data);
	buf_free(&got);
	view_free(&v);
}

/* How many requests there are in all is said where the plan says it, and nowhere else. */
static void volume(void)
{
	static const struct {
		const char *plan, *want, *name;
	} rows[] = {
	    {"\"hits_per_sec\":0,\"duration_sec\":12,\"stages\":[{\"duration_sec\":2,\"hits_per_sec\":40},"
	     "{\"duration_sec\":10,\"hits_per_sec\":40}]",
	     "]  1/12 s   17 of 440 requests", "stages"},
	    {"\"hits_per_sec\":100,\"duration_sec\":2,\"stages\":[],\"warmup_sec\":5,\"max_requests\":150",
	     "]  1/2 s   17 of 150 requests", "a limit, and a warm-up that does not count"},
	    {"\"mode\":\"closed\",\"connections\":3,\"hits_per_sec\":0,\"duration_sec\":60,\"stages\":[]",
	     "]  1/60 s   17 requests", "the closed model"},
	};
	char text[512], want[128];

	for (size_t i = 0; i < SQ_LEN(rows); i++) {
		struct buf got = {0};
		struct view v;

		view_init(&v);
		snprintf(text, sizeof text, "{\"state\":\"running\",\"effective_plan\":{%s}}", rows[i].plan);
		record(&v, text);
		point(&v, "{\"t\":0,\"sent\":17,\"errors\":0}");
		view_block(&v, &ascii, NOW, &got);
		snprintf(want, sizeof want, "%s\n", rows[i].want);
		got.data[strcspn(got.data, "\n") + 1] = '\0';
		is_str(strchr(got.data, ']'), want, rows[i].name);
		buf_free(&got);
		view_free(&v);
	}
}

/* A load that ends within a second: its rate is that of the part. */
static void part_of_a_second(void)
{
	struct view v;

	view_init(&v);
	record(&v, "{\"test_id\":\"7f3k9m2q\",\"state\":\"running\",\"effective_plan\":{\"method\":\"GET\","
	           "\"url\":\"http://h/\",\"hits_per_sec\":100,\"duration_sec\":1.3,\"workers\":1}}");
	ok(point(&v, "{\"t\":0,\"sent\":100,\"errors\":0}"), "the whole second");
	point_is(&v, "  1/1.300 s  100.0/s  no answers yet  errors 0\n", "100 in 1 s");
	ok(point(&v, "{\"t\":1,\"sent\":30,\"errors\":0}"), "the rest");
	point_is(&v, "  1.300/1.300 s  100.0/s  no answers yet  errors 0\n", "30 in 0.3 s are 100/s too");
	ok(point(&v, "{\"t\":2,\"sent\":0,\"errors\":0}"), "late answers");
	point_is(&v, "  1.300/1.300 s  0/s  no answers yet  errors 0\n", "and nothing more is sent");
	view_free(&v);
}

int main(void)
{
	before();
	during();
	part_of_a_second();
	closed();
	volume();
	few();
	hostile();
	return tap_done();
}
