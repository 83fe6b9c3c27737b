/* selftest.c - squall selftest: whether this machine measures what it must, how exactly, and how much. */
#include "selftest.h"

#include <json-c/json.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "core/base/result_page.h"
#include "core/base/text.h"
#include "json.h"
#include "output.h"
#include "responder.h"
#include "say.h"
#include "signals.h"

#define RATE 1000 /* per second */
#define DURATION_MS 4000
#define FREEZE_AT 1500 /* requests, the warm-up's included */
#define FREEZE (500 * SQ_MS)
#define LATE_MS 1.0 /* p99 of the generator's own lateness beyond which figures are in doubt (design 5) */
#define CONNECTIONS 64 /* of the run that looks for the ceiling */

/* --- theory ---------------------------------------------------------------------------------- */

double selftest_theory(double frozen_ms, double duration_ms, double percent)
{
	double ms = frozen_ms - duration_ms * (100 - percent) / 100;

	return ms > 0 ? ms : 0;
}

bool selftest_agrees(double measured_ms, double theory_ms, double frozen_ms)
{
	return fabs(measured_ms - theory_ms) <= 0.05 * frozen_ms;
}

/* --- judging --------------------------------------------------------------------------------- */

static const struct {
	const char *name, *title;
	double percent;
} marks[] = {{"p95", "p95", 95}, {"p99", "p99", 99}, {"max", "max", 100}};

static struct json_object *latency(struct json_object *doc, const char *name)
{
	return member_get(member_get(doc, "latency_ms"), name);
}

static int put_number(struct json_object *o, const char *name, double v)
{
	char text[TEXT_MAX];

	snprintf(text, sizeof text, "%.6g", v);
	return json_put(o, name, json_object_new_double_s(v, text));
}

static int complain(struct json_object *problems, const char *text)
{
	struct json_object *s = json_object_new_string(text);

	if (s && json_object_array_add(problems, s) == 0)
		return 0;
	json_object_put(s);
	return -1;
}

/* p99 of the generator's own lateness, ms. */
static double lateness(struct json_object *run)
{
	double p99 = NAN;

	member_number(latency(run, "pickup"), "p99", &p99);
	return p99;
}

/* The target measured its freeze itself, so that only who sends and reads can be wrong about it. */
static int judge_stall(struct json_object *o, struct json_object *run, double frozen,
                       struct json_object *problems)
{
	const char *because = lateness(run) > LATE_MS
	                          ? "squall had no CPU when the answers came"
	                          : "nothing here explains that, please report it as a bug of squall";
	struct json_object *stall = json_object_new_object();
	int r = json_put(o, "stall", stall);
	char text[160];

	r = r < 0 ? r : put_number(stall, "frozen_ms", frozen);
	for (size_t i = 0; r == 0 && i < SQ_LEN(marks); i++) {
		double theory = selftest_theory(frozen, DURATION_MS, marks[i].percent), measured = NAN;
		struct json_object *mark = json_object_new_object();
		bool there = member_number(latency(run, "response"), marks[i].name, &measured);

		r = json_put(stall, marks[i].name, mark);
		r = r < 0 ? r : put_number(mark, "theory_ms", theory);
		r = r < 0 || !there ? r : put_number(mark, "measured_ms", measured);
		if (r < 0 || (there && selftest_agrees(measured, theory, frozen)))
			continue;
		snprintf(text, sizeof text, "the stall shows as %.0f ms at %s instead of %.0f ms: %s",
		         there ? measured : 0, marks[i].title, theory, because);
		r = complain(problems, text);
	}
	return r;
}

static int put_timer(struct json_object *o, struct json_object *run)
{
	struct json_object *timer = json_object_new_object();
	double p50 = NAN, max = NAN;
	int r = json_put(o, "timer", timer);

	member_number(latency(run, "pickup"), "p50", &p50);
	member_number(latency(run, "pickup"), "max", &max);
	r = r < 0 ? r : put_number(timer, "late_p50_ms", p50);
	r = r < 0 ? r : put_number(timer, "late_p99_ms", lateness(run));
	return r < 0 ? r : put_number(timer, "late_max_ms", max);
}

static int judge_ceiling(struct json_object *o, struct json_object *run)
{
	struct json_object *ceiling = json_object_new_object();
	double rate = 0, core = 0;
	int r = json_put(o, "ceiling", ceiling);

	member_number(member_get(run, "rate"), "ok", &rate);
	member_number(member_get(run, "generator"), "requests_per_core_second", &core);
	r = r < 0 ? r : put_number(ceiling, "requests_per_second", rate);
	r = r < 0 ? r : put_number(ceiling, "requests_per_core_second", core);
	/* Half of it leaves room for bursts. */
	return r < 0 ? r : put_number(ceiling, "advised_per_worker", floor(fmin(core, rate * 2) / 2));
}

/* What was found out about the generator, each with its limit and the cure. */
static int complain_reasons(struct json_object *reasons, struct json_object *problems)
{
	char what[WORDS_MAX], value[WORDS_MAX], limit[WORDS_MAX], cure[WORDS_MAX], text[4 * WORDS_MAX + 32];
	int r = 0;

	for (size_t i = 0; r == 0 && i < json_object_array_length(reasons); i++) {
		struct json_object *reason = json_object_array_get_idx(reasons, i);

		member_text(reason, "what", what);
		member_text(reason, "value", value);
		member_text(reason, "limit", limit);
		member_text(reason, "cure", cure);
		snprintf(text, sizeof text, "%s %s (limit %s): %s", what, value, limit, cure);
		r = complain(problems, text);
	}
	return r;
}

/* The frozen run itself: all of it sent, in a ledger that balances, by a generator that was well. When it was
 * not, all that is known about it is told: one reason is often the cause of another. */
static int judge_run(struct json_object *run, struct json_object *problems)
{
	struct json_object *validity = member_get(run, "validity"),
	                   *reasons = member_get(validity, "reasons"),
	                   *balanced = member_get(member_get(run, "ledger"), "balanced");
	bool late = lateness(run) > LATE_MS;
	char text[160];

	if (!json_object_get_boolean(balanced) &&
	    complain(problems, "the ledger does not balance: this is a bug of squall, please report it") < 0)
		return -1;
	if (!late && !member_is(validity, "status", "invalid"))
		return 0;
	if (json_object_array_length(reasons) > 0)
		return complain_reasons(reasons, problems);
	snprintf(text, sizeof text,
	         "requests leave %.3g ms late at p99 (limit %.0f ms): give squall a whole CPU, or stop what "
	         "else runs here",
	         lateness(run), LATE_MS);
	return complain(problems, text);
}

struct json_object *selftest_judge(struct json_object *frozen_run, struct json_object *ceiling_run,
                                   double frozen_ms, long cpus)
{
	struct json_object *o = json_object_new_object(), *problems = json_object_new_array();
	bool good = json_put_text(o, "schema", "squall.selftest/1") == 0 &&
	            json_put(o, "cpus", json_object_new_int64(cpus)) == 0 && problems &&
	            judge_run(frozen_run, problems) == 0 &&
	            judge_stall(o, frozen_run, frozen_ms, problems) == 0 && put_timer(o, frozen_run) == 0 &&
	            judge_ceiling(o, ceiling_run) == 0 &&
	            json_put_text(o, "verdict", json_object_array_length(problems) ? "fail" : "pass") == 0;

	if (good)
		good = json_put(o, "problems", problems) == 0;
	else
		json_object_put(problems);
	if (good)
		return o;
	json_object_put(o);
	return NULL;
}

/* --- printing -------------------------------------------------------------------------------- */

static double number(struct json_object *o, const char *name)
{
	double v = NAN;

	member_number(o, name, &v);
	return v;
}

void selftest_text(struct json_object *o, bool color, struct buf *out)
{
	struct json_object *stall = member_get(o, "stall"), *timer = member_get(o, "timer"),
	                   *ceiling = member_get(o, "ceiling"), *problems = member_get(o, "problems");
	struct page p = {.out = out, .color = color, .start = out->len};
	char a[TEXT_MAX], b[TEXT_MAX], c[TEXT_MAX];

	buf_printf(out, "    stall     the target was frozen for %s; response time, and what it must be:\n",
	           text_ms(a, number(stall, "frozen_ms")));
	page_begin(&p, "", 14, NULL);
	for (size_t i = 0; i < SQ_LEN(marks); i++) {
		struct json_object *mark = member_get(stall, marks[i].name);

		page_put(&p, i ? 2 : 0, "%s %s (%s)", marks[i].title, text_ms(a, number(mark, "measured_ms")),
		         text_ms(b, number(mark, "theory_ms")));
	}
	page_end(&p);
	buf_printf(out, "    timer     requests leave %s late at p50, %s at p99, %s at most\n",
	           text_ms(a, number(timer, "late_p50_ms")), text_ms(b, number(timer, "late_p99_ms")),
	           text_ms(c, number(timer, "late_max_ms")));
	buf_printf(out, "    ceiling   %s/s from one worker over %d connections; %s per core second\n\n",
	           text_number(a, number(ceiling, "requests_per_second")), CONNECTIONS,
	           text_number(b, number(ceiling, "requests_per_core_second")));
	for (size_t i = 0; i < json_object_array_length(problems); i++) {
		page_begin_fail(&p);
		page_say(&p, "%s", json_object_get_string(json_object_array_get_idx(problems, i)));
	}
	if (number(timer, "late_p99_ms") > LATE_MS)
		buf_printf(out, "       until that is cured, a difference below %s means nothing here\n",
		           text_ms(a, number(timer, "late_p99_ms")));
	if (json_object_array_length(problems) == 0) {
		page_begin(&p, "PASS", PAGE_MARGIN, PAGE_GREEN);
		page_say(&p, "this machine measures what it must; ask one worker for up to about %s/s",
		         text_number(a, number(ceiling, "advised_per_worker")));
	}
}

/* --- the two runs ---------------------------------------------------------------------------- */

static struct json_object *make_plan(uint16_t port, const char *rest)
{
	char text[512];

	snprintf(text, sizeof text,
	         "{\"name\": \"selftest\", \"url\": \"http://127.0.0.1:%u/\", \"method\": \"GET\", %s}", port,
	         rest);
	return json_read(text, strlen(text), NULL);
}

/* An exit code; 0: *ret_doc is how it went. */
static int measure(const struct options *o, uint64_t freeze_at, int64_t freeze_ns, const char *rest,
                   struct json_object **ret_doc, double *ret_frozen)
{
	struct responder target;
	struct json_object *plan;
	struct sq_err err;
	int code = RESULT_EXIT_STOPPED;

	if (responder_start(&target, freeze_at, freeze_ns, &err) < 0) {
		say("%s", err.text);
		return code;
	}
	plan = make_plan(target.port, rest);
	if (plan)
		code = run_quietly(plan, o, ret_doc);
	*ret_frozen = (double)responder_frozen(&target) / SQ_MS;
	json_object_put(plan);
	responder_stop(&target);
	return code;
}

static int conclude(const struct options *o, struct json_object *frozen, struct json_object *ceiling,
                    double ms)
{
	struct json_object *doc = selftest_judge(frozen, ceiling, ms, sysconf(_SC_NPROCESSORS_ONLN));
	struct buf text = {0};
	int code = RESULT_EXIT_STOPPED;

	if (!doc) {
		say("no memory");
		return code;
	}
	if (o->json)
		code = output_json(doc);
	else
		code = 0;
	if (!o->json) {
		selftest_text(doc, output_colored(), &text);
		output_text(&text);
		buf_free(&text);
	}
	if (code == 0 && !member_is(doc, "verdict", "pass"))
		code = RESULT_EXIT_INVALID;
	json_object_put(doc);
	return code;
}

int command_selftest(const struct options *o)
{
	struct json_object *frozen = NULL, *ceiling = NULL;
	double ms = 0, none;
	char rest[160];
	int code;

	if (signals_catch() < 0)
		return RESULT_EXIT_STOPPED;
	if (!o->json)
		printf("squall: testing this machine for about 12 seconds\n\n");
	fflush(stdout);
	snprintf(rest, sizeof rest, "\"hits_per_sec\": %d, \"duration_sec\": %d, \"drain_sec\": 5", RATE,
	         DURATION_MS / 1000);
	code = measure(o, FREEZE_AT, FREEZE, rest, &frozen, &ms);
	snprintf(rest, sizeof rest,
	         "\"mode\": \"closed\", \"connections\": %d, \"duration_sec\": 2, \"warmup_sec\": 0.5",
	         CONNECTIONS);
	if (code == 0)
		code = measure(o, 0, 0, rest, &ceiling, &none);
	if (code == 0)
		code = conclude(o, frozen, ceiling, ms);
	json_object_put(frozen);
	json_object_put(ceiling);
	return code;
}
