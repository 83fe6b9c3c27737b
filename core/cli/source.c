/* source.c - one test, wherever it is. */
#include "source.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "core/base/result_exit.h"
#include "core/base/result_text.h"
#include "core/base/url.h"
#include "json.h"
#include "plan_put.h"
#include "runs.h"
#include "say.h"

#define DOC_MAX (64 << 20)
#define ID_LENGTH 36 /* of a whole one, a UUID's */
#define PAGES_MAX 1000

/* --- listing --------------------------------------------------------------------------------- */

static void move_tests(struct json_object *to, struct json_object *page)
{
	struct json_object *from = member_get(page, "tests");

	for (size_t i = 0; json_object_is_type(from, json_type_array) && i < json_object_array_length(from);
	     i++)
		json_object_array_add(to, json_object_get(json_object_array_get_idx(from, i)));
}

/* One page behind cursor; the next one's cursor, if any, into cursor. */
static int add_page(struct api *api, struct json_object *list, char cursor[256])
{
	struct json_object *page = NULL;
	struct buf path = {0};
	int code;

	buf_str(&path, "/tests?limit=100");
	if (*cursor)
		buf_str(&path, "&cursor=");
	url_encode(&path, cursor);
	code = buf_failed(&path) ? RESULT_EXIT_STOPPED : api_get(api, path.data, &page);
	buf_free(&path);
	if (code == 0) {
		move_tests(list, page);
		snprintf(cursor, 256, "%s", json_text(page, "next"));
		json_object_put(page);
	}
	return code;
}

struct json_object *source_list(struct api *api, int *ret_code)
{
	struct json_object *all, *list;
	char cursor[256] = "";
	struct sq_err err;
	int code = 0;

	*ret_code = RESULT_EXIT_STOPPED;
	if (!api) {
		all = runs_list(&err);
		if (!all)
			say("%s", err.text);
		return all;
	}
	all = json_object_new_object();
	list = json_object_new_array();
	if (json_put(all, "tests", list) < 0)
		code = RESULT_EXIT_STOPPED;
	for (int i = 0; code == 0 && i < PAGES_MAX && (i == 0 || *cursor); i++)
		code = add_page(api, list, cursor);
	*ret_code = code;
	if (code == 0)
		return all;
	json_object_put(all);
	return NULL;
}

/* --- finding --------------------------------------------------------------------------------- */

static bool fits(struct json_object *test, const char *which)
{
	return strcmp(which, "last") == 0 || strncmp(json_text(test, "test_id"), which, strlen(which)) == 0;
}

/* Times are texts of one form, so that the later one is also the greater one. */
static bool is_later(struct json_object *a, struct json_object *b)
{
	return !b || strcmp(json_text(a, "submitted_at"), json_text(b, "submitted_at")) > 0;
}

static int pick(struct json_object *list, const char *which, char out[64])
{
	struct json_object *found = NULL, *test;
	bool last = strcmp(which, "last") == 0;
	size_t count = 0;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		test = json_object_array_get_idx(list, i);
		if (!fits(test, which))
			continue;
		count++;
		if (is_later(test, found))
			found = test;
	}
	if (count == 0) {
		say(last ? "the gateway knows no test" : "the gateway knows no test %s: see squall list",
		    which);
		return RESULT_EXIT_USAGE;
	}
	if (count > 1 && !last) {
		say("%zu tests begin with %s: give more of the id", count, which);
		return RESULT_EXIT_USAGE;
	}
	snprintf(out, 64, "%s", json_text(found, "test_id"));
	return 0;
}

static int find_at_gateway(struct source *s, const char *which)
{
	struct json_object *all;
	int code;

	if (strcmp(which, "last") != 0 &&
	    (which[strspn(which, "0123456789abcdef-")] != '\0' || strlen(which) > ID_LENGTH)) {
		say("%s is no test's id; without --gateway it may be a file with a result", which);
		return RESULT_EXIT_USAGE;
	}
	if (strlen(which) == ID_LENGTH) {
		strcpy(s->id, which);
		return 0;
	}
	all = source_list(s->api, &code);
	if (!all)
		return code;
	code = pick(member_get(all, "tests"), which, s->id);
	json_object_put(all);
	return code;
}

int source_find(struct source *s, struct api *api, const char *which)
{
	struct sq_err err;

	*s = (struct source){.api = api};
	if (api)
		return find_at_gateway(s, which);
	if (runs_find(which, s->path, &err) == 0)
		return 0;
	say("%s", err.text);
	return RESULT_EXIT_USAGE;
}

void source_close(struct source *s)
{
	json_object_put(s->doc);
	s->doc = NULL;
}

/* --- reading --------------------------------------------------------------------------------- */

static int read_file(struct source *s, struct json_object **ret)
{
	struct buf text = {0};
	struct sq_err err;
	int r = file_read(s->path, DOC_MAX, &text, &err);

	if (r == 0 && !(*ret = json_read(text.data, text.len, &err))) {
		say("%s %s", s->path, err.text);
		r = -EINVAL;
	} else if (r < 0) {
		say("%s", err.text);
	}
	buf_free(&text);
	return r < 0 ? RESULT_EXIT_USAGE : 0;
}

int source_read(struct source *s)
{
	struct json_object *doc = NULL;
	char path[128];
	int code;

	snprintf(path, sizeof path, "/tests/%s", s->id);
	code = s->api ? api_get(s->api, path, &doc) : read_file(s, &doc);
	if (code == 0 && !member_get(doc, "state")) {
		say("%s holds no result of squall", s->api ? path : s->path);
		json_object_put(doc);
		return RESULT_EXIT_USAGE;
	}
	if (code == 0) {
		source_close(s);
		s->doc = doc;
		snprintf(s->id, sizeof s->id, "%.63s", json_text(doc, "test_id"));
	}
	return code;
}

/* What only the gateway can compute, or what it computed when the run was kept. */
static int fetch_report(struct source *s, const char *kind, struct buf *out)
{
	char path[128];
	const struct request r = {.method = "GET", .path = path};
	struct call c = {0};
	int code = 0;

	snprintf(path, sizeof path, "/tests/%s/report.%s", s->id, kind);
	if (call_run(s->api, &c, &r) < 0)
		return RESULT_EXIT_STOPPED;
	if (call_good(&c))
		buf_add(out, c.answer.data, c.answer.len);
	else
		code = call_explain(&c);
	call_end(&c);
	return code;
}

static int copy_report(struct source *s, const char *kind, struct buf *out)
{
	char path[PATH_MAX + 16];
	size_t stem = strlen(s->path);

	if (stem > 5 && strcmp(s->path + stem - 5, ".json") == 0)
		stem -= 5;
	snprintf(path, sizeof path, "%.*s.%s", (int)stem, s->path, kind);
	if (file_read(path, DOC_MAX, out, NULL) == 0)
		return 0;
	say("there is no %s: a result alone does not hold every second; ask the gateway", path);
	return RESULT_EXIT_USAGE;
}

int source_report(struct source *s, const char *kind, struct buf *out)
{
	const char *text;

	if (strcmp(kind, "txt") == 0) {
		result_text(s->doc, false, out);
		return buf_failed(out) ? RESULT_EXIT_STOPPED : 0;
	}
	if (strcmp(kind, "json") == 0) {
		text = json_object_to_json_string_ext(s->doc, JSON_C_TO_STRING_PRETTY |
		                                                  JSON_C_TO_STRING_SPACED |
		                                                  JSON_C_TO_STRING_NOSLASHESCAPE);
		buf_str(out, text ? text : "");
		buf_str(out, "\n");
		return text && !buf_failed(out) ? 0 : RESULT_EXIT_STOPPED;
	}
	return s->api ? fetch_report(s, kind, out) : copy_report(s, kind, out);
}
