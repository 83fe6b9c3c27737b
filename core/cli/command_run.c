/* command_run.c - squall run: submits a test, watches it, prints its result. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/random.h>

#include "attend.h"
#include "command.h"
#include "daemon.h"
#include "json.h"
#include "output.h"
#include "plan.h"
#include "plan_put.h"
#include "runs.h"
#include "say.h"
#include "signals.h"

#define TRIES 3 /* of a submission whose fate is not known */
/* The test is cancelled when the gateway has not heard of us for so many seconds. */
#define PRESENCE "X-Squall-Presence: 30"

/* One key for all tries: the gateway makes one test of them. */
static int make_key(char out[64])
{
	uint64_t random[2];

	if (getrandom(random, sizeof random, 0) != sizeof random)
		return -EIO;
	snprintf(out, 64, "Idempotency-Key: %016llx%016llx", (unsigned long long)random[0],
	         (unsigned long long)random[1]);
	return 0;
}

/* Whether the gateway may have taken it although no answer came. */
static bool is_uncertain(const struct call *c)
{
	return c->code != CURLE_OK && c->code != CURLE_COULDNT_CONNECT &&
	       c->code != CURLE_COULDNT_RESOLVE_HOST;
}

static int take_id(const struct call *c, char id[64])
{
	struct json_object *o;

	if (!call_good(c))
		return call_explain(c);
	o = json_read(c->answer.data ? c->answer.data : "", c->answer.len, NULL);
	snprintf(id, 64, "%.63s", json_text(o, "test_id"));
	json_object_put(o);
	if (*id)
		return 0;
	say("the gateway %s did not name the test: is it squall's?", c->api->authority);
	return RESULT_EXIT_STOPPED;
}

static int submit(struct api *api, struct json_object *plan, const struct options *o, char id[64])
{
	char key[64];
	const struct request r = {.method = "POST",
	                          .path = "/tests",
	                          .body = json_object_to_json_string_ext(plan, JSON_C_TO_STRING_PLAIN),
	                          .header = key,
	                          .more = o->detach ? NULL : PRESENCE};
	struct call c = {0};
	int code;

	if (!r.body || make_key(key) < 0)
		return RESULT_EXIT_STOPPED;
	for (int i = 0; i < TRIES; i++) {
		call_end(&c);
		if (call_run(api, &c, &r) < 0)
			return RESULT_EXIT_STOPPED;
		if (!is_uncertain(&c))
			break;
	}
	code = take_id(&c, id);
	call_end(&c);
	return code;
}

/* The document, and what only the gateway can compute of it, for when its daemon is gone. */
static void keep(struct source *s, const struct options *o)
{
	static const char *const kinds[] = {"csv", "hgrm", "json"};
	struct sq_err err;
	int r = 0;

	for (size_t i = 0; r == 0 && i < SQ_LEN(kinds); i++) {
		struct buf text = {0};

		if (source_report(s, kinds[i], &text) == 0)
			r = runs_save(s->id, kinds[i], text.data ? text.data : "", text.len, &err);
		buf_free(&text);
	}
	runs_prune();
	if (r < 0)
		say("the run is not kept: %s", err.text);
	else if (!o->json)
		printf("\n    saved as %.8s: squall show last %s squall report last -o report.csv\n", s->id,
		       output_dot());
}

/* Where a test that ran at a gateway is found again. */
static void point_to(const struct source *s, const struct options *o)
{
	if (!o->json)
		printf("\n    kept at %s: squall show %.8s\n", s->api->base, s->id);
}

static int run_at(struct api *api, struct json_object *plan, const struct options *o, struct daemon *d)
{
	const struct follow_how how = {
	    .cancels = true, .stays = true, .alive = d->pid ? daemon_alive : NULL, .ctx = d};
	struct source s = {.api = api};
	int code = submit(api, plan, o, s.id);

	if (code == 0 && o->detach) {
		puts(s.id);
		return 0;
	}
	if (code == 0)
		code = attend(&s, o, &how, true);
	if (code == 0) {
		code = output_result(o, &s);
		if (d->pid)
			keep(&s, o);
		else
			point_to(&s, o);
		code = code ? code : result_exit_code(s.doc, o->strict, o->allow_invalid);
	}
	source_close(&s);
	return code;
}

static int run_with_gateway(struct json_object *plan, const struct options *o)
{
	struct daemon none = {.lifeline = -1};
	struct api api;
	int code = api_open(&api, NULL, o);

	if (code)
		return code;
	code = run_at(&api, plan, o, &none);
	api_close(&api);
	return code;
}

static int run_alone(struct json_object *plan, const struct options *o)
{
	struct daemon d;
	struct json_object *allowed;
	struct sq_err err;
	struct api api;
	int code;

	if (o->detach) {
		say("--detach needs a gateway (--gateway URL): a run without one ends with squall");
		return RESULT_EXIT_USAGE;
	}
	allowed = plan_targets(plan);
	code = daemon_start(&d, json_text(plan, "url"), allowed, &err);
	json_object_put(allowed);
	if (code < 0) {
		say("%s", err.text);
		return RESULT_EXIT_STOPPED;
	}
	code = api_open(&api, d.url, o);
	if (code == 0) {
		code = run_at(&api, plan, o, &d);
		api_close(&api);
	}
	daemon_stop(&d);
	return code;
}

static int run_plan(struct json_object *plan, const struct options *o)
{
	bool alone = !api_configured(o);

	if (o->dry_run)
		return dry_run(plan, o->json);
	if (!*json_text(plan, "url") && (alone || o->debug)) {
		say("there is no target: squall run URL");
		return RESULT_EXIT_USAGE;
	}
	if (o->debug)
		return debug_request(plan);
	if (signals_catch() < 0)
		return RESULT_EXIT_STOPPED;
	return alone ? run_alone(plan, o) : run_with_gateway(plan, o);
}

int command_run(const struct options *o)
{
	struct json_object *plan;
	struct sq_err err;
	int code = output_check(o);

	if (code)
		return code;
	if (plan_build(o, &plan, &err) < 0) {
		say("%s", err.text);
		return RESULT_EXIT_USAGE;
	}
	code = run_plan(plan, o);
	json_object_put(plan);
	return code;
}

static int run_watched(struct api *api, struct json_object *plan, const struct options *o, struct daemon *d,
                       struct json_object **ret_doc)
{
	const struct follow_how how = {.cancels = true, .stays = true, .alive = daemon_alive, .ctx = d};
	struct source s = {.api = api};
	int code = submit(api, plan, o, s.id);

	if (code == 0)
		code = attend(&s, o, &how, false);
	if (code == 0 && !member_is(s.doc, "state", "completed")) {
		say("the run was not completed: it is %s (%s)", json_text(s.doc, "state"),
		    json_text(s.doc, "reason"));
		code = RESULT_EXIT_STOPPED;
	}
	if (code == 0)
		*ret_doc = json_object_get(s.doc);
	source_close(&s);
	return code;
}

int run_quietly(struct json_object *plan, const struct options *o, struct json_object **ret_doc)
{
	struct daemon d;
	struct sq_err err;
	struct api api;
	int code;

	if (daemon_start(&d, json_text(plan, "url"), NULL, &err) < 0) {
		say("%s", err.text);
		return RESULT_EXIT_STOPPED;
	}
	code = api_open(&api, d.url, o);
	if (code == 0) {
		code = run_watched(&api, plan, o, &d, ret_doc);
		api_close(&api);
	}
	daemon_stop(&d);
	return code;
}
