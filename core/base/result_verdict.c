/* result_verdict.c - what failed, in one line each and first; else that it passed. */
#include <json-c/json.h>
#include <string.h>

#include "http_parse.h"
#include "result_page.h"
#include "text.h"

static void print_state(struct page *p, struct json_object *doc)
{
	static const struct {
		const char *state, *words;
	} ends[] = {
	    {"failed", "the test failed"},
	    {"cancelled", "the test was cancelled"},
	    {"timed_out", "the test timed out"},
	};
	char reason[WORDS_MAX], detail[WORDS_MAX];

	for (size_t i = 0; i < SQ_LEN(ends); i++)
		if (member_is(doc, "state", ends[i].state)) {
			member_text(doc, "reason", reason);
			member_text(doc, "detail", detail);
			if (strcmp(reason, ends[i].state) == 0) /* no news */
				*reason = '\0';
			page_begin_fail(p);
			page_say(p, "%s%s%s%s%s", ends[i].words, *reason ? ": " : "", reason,
			         *detail ? ": " : "", detail);
		}
}

static bool is_false(struct json_object *row, const char *name)
{
	struct json_object *v = member_get(row, name);

	return json_object_is_type(v, json_type_boolean) && !json_object_get_boolean(v);
}

/* "was 412 ms in the window that ...", or why nobody can say. */
static void describe_finding(struct json_object *row, char *out, size_t size)
{
	char value[TEXT_MAX] = "not measured", why[WORDS_MAX];
	bool any = member_text(row, "why", why);
	double v;

	if (any && is_false(row, "decided")) {
		snprintf(out, size, "cannot be decided: %s", why);
		return;
	}
	if (member_number(row, "value", &v))
		member_is(row, "unit", "ms") ? text_ms(value, v) : text_number(value, v);
	snprintf(out, size, "was %s%s%s", value, any ? " " : "", why);
}

/* The metric stands first, but for the one that is meant when none is named: that one stands behind. */
static void print_threshold(struct page *p, struct json_object *row, bool failed)
{
	char metric[WORDS_MAX], expression[WORDS_MAX], finding[2 * WORDS_MAX], number[TEXT_MAX],
	    span[64] = "";
	bool bare;
	double v;

	if (!member_text(row, "expression", expression))
		return;
	bare = !member_text(row, "metric", metric) || strcmp(metric, "http_req_response_time") == 0;
	describe_finding(row, finding, sizeof finding);
	if (member_number(row, "window_sec", &v) && v > 0 && v < 1e6)
		snprintf(span, sizeof span, " in each %s", text_duration(number, (int64_t)(v * SQ_S)));
	if (failed)
		page_begin_fail(p);
	else
		page_begin(p, "threshold", PAGE_LABELS, NULL);
	page_say(p, "%s%s%s%s: %s%s%s%s%s", bare ? "" : metric, bare ? "" : " ", expression, span, finding,
	         bare && *metric ? " (" : "", bare ? metric : "", bare && *metric ? ")" : "",
	         member_get(row, "ok") ? "" : "; this does not count, as the generator is invalid");
}

void result_thresholds(struct page *p, struct json_object *doc, bool failed)
{
	struct json_object *rows = member_get(doc, "thresholds"), *row;

	if (!json_object_is_type(rows, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		row = json_object_array_get_idx(rows, i);
		if (is_false(row, "ok") == failed)
			print_threshold(p, row, failed);
	}
}

/* "the container was throttled for" "31 % of the time" (limit "1 %"), and what to do about it. */
static void print_reason(struct page *p, struct json_object *reason, bool invalid, bool cured)
{
	char what[WORDS_MAX], value[WORDS_MAX], limit[WORDS_MAX], cure[WORDS_MAX];

	if (!member_text(reason, "what", what))
		return;
	member_text(reason, "value", value);
	member_text(reason, "limit", limit);
	if (invalid)
		page_begin_fail(p);
	else
		page_begin(p, "WARN", PAGE_MARGIN, PAGE_YELLOW);
	page_say(p, "generator %s: %s%s%s%s%s%s.", invalid ? "invalid" : "suspect", what, *value ? " " : "",
	         value, *limit ? " (limit " : "", limit, *limit ? ")" : "");
	if (cured && member_text(reason, "cure", cure)) {
		page_begin(p, "", PAGE_MARGIN, NULL);
		page_say(p, "%s", cure);
	}
}

/* Each reason says for itself how bad it is; those that do not are as bad as the whole. */
static bool is_invalid(struct json_object *o, bool otherwise)
{
	char status[WORDS_MAX];

	return member_text(o, "status", status) ? strcmp(status, "invalid") == 0 : otherwise;
}

static bool has_cure_of(struct json_object *a, struct json_object *b)
{
	char cure[WORDS_MAX];

	return member_text(b, "cure", cure) && member_is(a, "cure", cure);
}

/* A cure of several reasons in a row stands once, behind the last one. */
static void print_validity(struct page *p, struct json_object *doc, bool invalid)
{
	struct json_object *validity = member_get(doc, "validity"),
	                   *reasons = member_get(validity, "reasons");
	bool whole = is_invalid(validity, false);
	size_t count = json_object_is_type(reasons, json_type_array) ? json_object_array_length(reasons) : 0;

	if (count == 0 && invalid && whole) {
		page_begin_fail(p);
		page_say(p, "generator invalid");
	}
	for (size_t i = 0; i < count; i++) {
		struct json_object *reason = json_object_array_get_idx(reasons, i), *next = NULL;

		if (is_invalid(reason, whole) != invalid)
			continue;
		if (i + 1 < count)
			next = json_object_array_get_idx(reasons, i + 1);
		print_reason(p, reason, invalid,
		             is_invalid(next, whole) != invalid || !has_cure_of(next, reason));
	}
}

static void print_imbalance(struct page *p, struct json_object *ledger)
{
	struct json_object *balanced = member_get(ledger, "balanced");

	if (!json_object_is_type(balanced, json_type_boolean) || json_object_get_boolean(balanced))
		return;
	page_begin_fail(p);
	page_say(p,
	         "the ledger does not balance: its sums below are wrong. This is a fault of squall: please "
	         "report it.");
}

/* What happened to most requests of a run without an answer that counts. */
static void name_commonest(struct json_object *ledger, char words[WORDS_MAX], uint64_t *ret)
{
	static const struct {
		const char *group, *kind, *words;
	} ends[] = {
	    {"unsent", "dns", "no address for"},
	    {"unsent", "connect", "no connection to"},
	    {"unsent", "tls", "no TLS connection to"},
	    {"error", "reset", "a broken connection to"},
	    {"error", "timeout", "no answer in time from"},
	    {"error", "protocol", "an answer that is not HTTP from"},
	    {NULL, "check_failed", "a failed check of an answer from"},
	    {NULL, "in_flight_at_end", "no answer before the end from"},
	    {NULL, "dropped", "not sent to"},
	};
	struct json_object *statuses = member_get(ledger, "http_error");
	struct json_object_iter it;
	int64_t code;
	uint64_t n;

	*ret = 0;
	for (size_t i = 0; i < SQ_LEN(ends); i++) {
		n = member_total(ends[i].group ? member_get(ledger, ends[i].group) : ledger, ends[i].kind);
		if (strcmp(ends[i].kind, "dropped") == 0) /* that the test was stopped is said already */
			n -= member_total(member_get(ledger, "dropped"), "aborted");
		if (n > *ret) {
			*ret = n;
			strcpy(words, ends[i].words);
		}
	}
	if (!json_object_is_type(statuses, json_type_object))
		return;
	json_object_object_foreachC(statuses, it)
	{
		n = member_total(statuses, it.key);
		if (n > *ret && text_parse_int(it.key, &code) == 0 && code >= 100 && code <= 999) {
			*ret = n;
			snprintf(words, WORDS_MAX, "%d%s%s from", (int)code,
			         *http_phrase((int)code) ? " " : "", http_phrase((int)code));
		}
	}
}

static void print_no_ok(struct page *p, struct json_object *doc, struct json_object *ledger)
{
	char words[WORDS_MAX], url[WORDS_MAX], count[TEXT_MAX];
	uint64_t ok, n;

	if (!member_count(ledger, "ok", &ok) || ok > 0 || member_total(ledger, "scheduled") == 0)
		return;
	page_begin_fail(p);
	name_commonest(ledger, words, &n);
	if (n == 0) {
		page_say(p, "no request got an answer that counts as ok");
		return;
	}
	if (!member_text(member_get(doc, "effective_plan"), "url", url) &&
	    !member_text(member_get(doc, "plan"), "url", url))
		strcpy(url, "the target");
	page_say(p, "no request got an answer that counts as ok: %s times %s %s", text_count(count, n), words,
	         url);
}

/* Where one of the redirections among these samples leads. */
static bool find_location(struct json_object *samples, char out[WORDS_MAX])
{
	static const char before[] = "Location: ";
	size_t count = json_object_is_type(samples, json_type_array) ? json_object_array_length(samples) : 0;
	char what[WORDS_MAX];

	for (size_t i = 0; i < count; i++)
		if (member_text(json_object_array_get_idx(samples, i), "what", what) &&
		    strncmp(what, before, strlen(before)) == 0 && what[strlen(before)]) {
			strcpy(out, what + strlen(before));
			return true;
		}
	return false;
}

/* Answers 3xx count as ok unless the plan says otherwise, and are seldom what was meant to be tested. */
static void print_redirects(struct page *p, struct json_object *doc)
{
	struct json_object *statuses = member_get(doc, "status"), *samples = member_get(doc, "samples");
	uint64_t redirects = 0, all = member_total(doc, "status");
	char location[WORDS_MAX], some[TEXT_MAX], every[TEXT_MAX];
	struct json_object_iter it;

	if (!json_object_is_type(statuses, json_type_object))
		return;
	json_object_object_foreachC(statuses, it)
	{
		if (*it.key == '3')
			redirects += member_total(statuses, it.key);
	}
	if (redirects <= all / 2)
		return;
	if (!find_location(member_get(samples, "slowest"), location) &&
	    !find_location(member_get(member_get(samples, "errors"), "http"), location))
		strcpy(location, "the address that they lead to");
	page_begin(p, "WARN", PAGE_MARGIN, PAGE_YELLOW);
	page_say(p, "%s of %s answers were redirects; redirects are not followed: test %s",
	         text_count(some, redirects), text_count(every, all), location);
}

/* "500.0/s as asked", or "412.3/s of 500.0/s asked". Less than a thousandth apart is as asked: the
 * last request of all may leave some ms late. */
static void describe_rate(struct json_object *rate, char *out, size_t size)
{
	char sent_text[TEXT_MAX], asked_text[TEXT_MAX];
	double sent, asked;

	*out = '\0';
	if (!member_number(rate, "sent", &sent))
		return;
	text_number(sent_text, sent);
	if (!member_number(rate, "offered", &asked))
		snprintf(out, size, ", %s/s", sent_text);
	else if (sent >= asked * 0.999 && sent <= asked * 1.001)
		snprintf(out, size, ", %s/s as asked", sent_text);
	else
		snprintf(out, size, ", %s/s of %s/s asked", sent_text, text_number(asked_text, asked));
}

/* " in 30.00 s", " in 2 min". */
static void describe_elapsed(struct json_object *doc, char *out, size_t size)
{
	char text[TEXT_MAX];
	double ms;

	*out = '\0';
	if (!member_number(doc, "elapsed_ms", &ms) || ms < 0 || ms > 1e12)
		return;
	if (ms < 60e3)
		snprintf(out, size, " in %s s", text_number(text, ms / 1000));
	else
		snprintf(out, size, " in %s", text_duration(text, (int64_t)(ms * SQ_MS)));
}

static void put_volume(struct page *p, struct json_object *doc, unsigned gap)
{
	uint64_t sent = member_total(member_get(doc, "ledger"), "sent");
	char count[TEXT_MAX], elapsed[2 * TEXT_MAX], rates[3 * TEXT_MAX];

	describe_elapsed(doc, elapsed, sizeof elapsed);
	describe_rate(member_get(doc, "rate"), rates, sizeof rates);
	page_put(p, gap, "%s request%s%s%s", text_count(count, sent), sent == 1 ? "" : "s", elapsed, rates);
}

static void print_headline(struct page *p, struct json_object *doc)
{
	bool passed = member_is(doc, "verdict", "pass"),
	     volume = json_object_is_type(member_get(doc, "ledger"), json_type_object);
	char validity[WORDS_MAX];
	bool judged = member_text(member_get(doc, "validity"), "status", validity);

	if (!judged && !volume && !passed)
		return;
	if (!p->failed && member_is(doc, "verdict", "fail"))
		page_begin_fail(p);
	else if (!p->failed && passed)
		page_begin(p, "PASS", PAGE_MARGIN, PAGE_GREEN);
	else
		page_begin(p, "", PAGE_MARGIN, NULL);
	if (judged)
		page_put(p, 0, "generator %s", validity);
	if (volume)
		put_volume(p, doc, judged ? 3 : 0);
	page_end(p);
}

void result_verdict(struct page *p, struct json_object *doc)
{
	struct json_object *ledger = member_get(doc, "ledger");

	print_state(p, doc);
	result_thresholds(p, doc, true);
	print_validity(p, doc, true);
	print_imbalance(p, ledger);
	print_no_ok(p, doc, ledger);
	print_headline(p, doc);
	print_redirects(p, doc);
	print_validity(p, doc, false);
}
