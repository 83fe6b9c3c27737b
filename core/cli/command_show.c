/* command_show.c - squall show, report and list: what became of tests, here or at a gateway. */
#include <json-c/json.h>
#include <string.h>

#include "command.h"
#include "core/base/result_text.h"
#include "core/base/text.h"
#include "json.h"
#include "output.h"
#include "rate.h"
#include "say.h"
#include "view.h"

/* Opens the gateway, if one is named, and the test. An exit code; what is open must be closed. */
static int open_source(struct source *s, struct api *api, const struct options *o)
{
	bool there = api_configured(o);
	int code = there ? api_open(api, NULL, o) : 0;

	if (code == 0)
		code = source_find(s, there ? api : NULL, o->operand);
	return code ? code : source_read(s);
}

static void close_source(struct source *s, struct api *api)
{
	source_close(s);
	api_close(api);
}

/* --- show ------------------------------------------------------------------------------------ */

/* "  2026-11-23T09:30:00.123Z  provisioning  3/5 ready" */
static void add_history(struct json_object *doc, struct buf *out)
{
	struct json_object *history = member_get(doc, "history"), *step;
	char when[TEXT_MAX], state[WORDS_MAX], reason[WORDS_MAX], detail[WORDS_MAX];
	uint64_t at;

	for (size_t i = 0;
	     json_object_is_type(history, json_type_array) && i < json_object_array_length(history); i++) {
		struct page p = {.out = out};

		step = json_object_array_get_idx(history, i);
		if (!member_count(step, "at", &at) || !member_text(step, "state", state))
			continue;
		member_text(step, "reason", reason);
		member_text(step, "detail", detail);
		page_begin(&p, "", 2, NULL);
		page_put(&p, 0, "%s  %s%s", text_time(when, (int64_t)at), state,
		         *reason || *detail ? "  " : "");
		p.indent = 28;
		page_say(&p, "%s%s%s", reason, *reason && *detail ? ": " : "", detail);
	}
}

static void add_document(struct json_object *doc, struct buf *out)
{
	struct view v;

	view_init(&v);
	view_record(&v, doc);
	view_title(&v, out);
	add_history(doc, out);
	buf_str(out, "\n");
	if (view_over(&v))
		result_text(doc, output_colored(), out);
	else
		view_state_line(&v, output_now(), out);
	view_free(&v);
}

int command_show(const struct options *o)
{
	struct source s = {.api = NULL};
	struct api api = {.multi = NULL};
	struct buf text = {0};
	int code = open_source(&s, &api, o);

	if (code == 0 && o->json) {
		code = output_json(s.doc);
	} else if (code == 0) {
		add_document(s.doc, &text);
		output_text(&text);
	}
	buf_free(&text);
	close_source(&s, &api);
	return code;
}

/* --- report ---------------------------------------------------------------------------------- */

int command_report(const struct options *o)
{
	struct source s = {.api = NULL};
	struct api api = {.multi = NULL};
	int code = output_check(o);

	if (code)
		return code;
	if (o->output_count == 0 && !o->json) {
		say("squall report wants -o FILE.{json,txt,csv,hgrm}, or --json");
		return RESULT_EXIT_USAGE;
	}
	code = open_source(&s, &api, o);
	if (code == 0 && o->json)
		code = output_json(s.doc);
	if (code == 0)
		code = output_files(o, &s);
	close_source(&s, &api);
	return code;
}

/* --- list ------------------------------------------------------------------------------------ */

/* "500/s for 30 s", "16 connections for 5,000 requests" */
static void describe_load(struct json_object *test, char *out, size_t size)
{
	uint64_t requests = member_total(test, "max_requests");
	char load[64], text[TEXT_MAX];
	double seconds;

	*out = '\0';
	view_load(test, load);
	if (*load && requests > 0 && member_total(test, "connections") > 0)
		snprintf(out, size, "%s for %s requests", load, text_count(text, requests));
	else if (*load && member_number(test, "duration_sec", &seconds) && seconds >= 0 && seconds < 1e9)
		snprintf(out, size, "%s for %s", load, text_duration(text, (int64_t)(seconds * SQ_S)));
}

static void add_test(struct json_object *test, struct buf *out)
{
	char id[WORDS_MAX], state[WORDS_MAX], verdict[WORDS_MAX], validity[WORDS_MAX], when[WORDS_MAX],
	    name[WORDS_MAX], load[64 + 2 * TEXT_MAX];
	struct page p = {.out = out};

	member_text(test, "test_id", id);
	member_text(test, "state", state);
	member_text(test, "verdict", verdict);
	member_text(test, "validity", validity);
	member_text(test, "submitted_at", when);
	member_text(test, "name", name);
	describe_load(test, load, sizeof load);
	page_begin(&p, "", 0, NULL);
	page_put(&p, 0, "%-8.8s  %-12.12s  %-4.4s  %-7.7s  %.10s %.8s%s", id, state,
	         strcmp(verdict, "none") == 0 ? "-" : verdict, *validity ? validity : "-", when,
	         strlen(when) > 19 ? when + 11 : "", *load ? "  " : "");
	p.indent = p.column;
	page_say(&p, "%s", load);
	if (*name) {
		page_begin(&p, "", 10, NULL);
		page_put(&p, 0, "%s", name);
		page_end(&p);
	}
}

static void add_list(struct json_object *all, struct buf *out)
{
	struct json_object *tests = member_get(all, "tests");

	if (json_object_array_length(tests) == 0) {
		buf_str(out, "no tests yet\n");
		return;
	}
	buf_printf(out, "%-8s  %-12s  %-4s  %-7s  %-19s  %s\n", "test", "state", "is", "numbers",
	           "submitted (UTC)", "load");
	for (size_t i = 0; i < json_object_array_length(tests); i++)
		add_test(json_object_array_get_idx(tests, i), out);
}

int command_list(const struct options *o)
{
	bool there = api_configured(o);
	struct api api = {.multi = NULL};
	struct json_object *all;
	struct buf text = {0};
	int code = there ? api_open(&api, NULL, o) : 0;

	if (code)
		return code;
	all = source_list(there ? &api : NULL, &code);
	if (all && o->json) {
		code = output_json(all);
	} else if (all) {
		code = 0;
		add_list(all, &text);
		output_text(&text);
	}
	buf_free(&text);
	json_object_put(all);
	api_close(&api);
	return code;
}
