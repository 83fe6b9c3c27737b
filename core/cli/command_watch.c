/* command_watch.c - squall watch, wait and cancel: for tests that run at a gateway. */
#include <json-c/json.h>
#include <string.h>

#include "attend.h"
#include "command.h"
#include "json.h"
#include "output.h"
#include "say.h"
#include "signals.h"

static int open_gateway(struct api *api, const struct options *o)
{
	if (api_configured(o))
		return api_open(api, NULL, o);
	say("squall %s needs a gateway: --gateway URL, or SQUALL_GATEWAY", o->command->name);
	return RESULT_EXIT_USAGE;
}

/* Until the test is over; a signal only ends our looking. */
static int stay(const struct options *o, bool shown)
{
	const struct follow_how how = {.cancels = false};
	struct source s = {.api = NULL};
	struct api api;
	int code = open_gateway(&api, o);

	if (code)
		return code;
	code = signals_catch() < 0 ? RESULT_EXIT_STOPPED : source_find(&s, &api, o->operand);
	if (code == 0)
		code = attend(&s, o, &how, shown);
	if (code == 0) {
		code = output_result(o, &s);
		code = code ? code : result_exit_code(s.doc, o->strict, o->allow_invalid);
	}
	source_close(&s);
	api_close(&api);
	return code;
}

int command_watch(const struct options *o)
{
	return stay(o, true);
}

int command_wait(const struct options *o)
{
	return stay(o, false);
}

static int cancel(struct api *api, const char *id)
{
	char path[128], state[WORDS_MAX];
	const struct request r = {.method = "POST", .path = path};
	struct json_object *answer;
	struct call c = {0};
	int code = 0;

	snprintf(path, sizeof path, "/tests/%s/cancel", id);
	if (call_run(api, &c, &r) < 0)
		return RESULT_EXIT_STOPPED;
	if (call_good(&c)) {
		answer = json_read(c.answer.data ? c.answer.data : "", c.answer.len, NULL);
		member_text(answer, "state", state);
		if (c.status == 202)
			printf("%.8s is being cancelled\n", id);
		else
			printf("%.8s is over already: %s\n", id, state);
		json_object_put(answer);
	} else {
		code = call_explain(&c);
	}
	call_end(&c);
	return code;
}

int command_cancel(const struct options *o)
{
	struct source s = {.api = NULL};
	struct api api;
	int code = open_gateway(&api, o);

	if (code)
		return code;
	code = source_find(&s, &api, o->operand);
	if (code == 0)
		code = cancel(&api, s.id);
	source_close(&s);
	api_close(&api);
	return code;
}
