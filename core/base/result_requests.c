/* result_requests.c - what became of each named request, and why checks failed. */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "result_page.h"
#include "text.h"

#define NAME 18 /* columns of a name; a longer one is cut */

static const struct {
	const char *name, *title;
	uint64_t least; /* as in result_text.c */
} columns[] = {{"p50", "p50", 1}, {"p95", "p95", 20}, {"p99", "p99", 100}, {"max", "max", 1}};

/* Everything of it that did not end with an answer that is ok. */
static uint64_t not_ok(struct json_object *ledger)
{
	uint64_t scheduled = member_total(ledger, "scheduled"), ok = member_total(ledger, "ok");

	return scheduled > ok ? scheduled - ok : 0;
}

static void print_request(struct page *p, const char *name, struct json_object *request)
{
	struct json_object *ledger = member_get(request, "ledger"),
	                   *latency = member_get(member_get(request, "latency_ms"), "response");
	char shown[NAME + 1], sent[TEXT_MAX], bad[TEXT_MAX], cell[TEXT_MAX];
	uint64_t samples = member_total(latency, "count");
	double ms;

	text_safe(shown, sizeof shown, name, strlen(name));
	page_begin(p, "", 2, NULL);
	page_put(p, 0, "%-*s%10s%9s", NAME, shown, text_count(sent, member_total(ledger, "sent")),
	         text_count(bad, not_ok(ledger)));
	for (size_t i = 0; i < SQ_LEN(columns); i++) {
		bool known = samples >= columns[i].least && member_number(latency, columns[i].name, &ms);

		page_put(p, 0, "%10s", known ? text_ms(cell, ms) : "-");
	}
	page_end(p);
}

static void print_failed_checks(struct page *p, struct json_object *doc)
{
	uint64_t failed = member_total(member_get(doc, "ledger"), "check_failed");
	struct json_object *list = member_get(member_get(member_get(doc, "samples"), "errors"), "check"),
	                   *first;
	char what[WORDS_MAX], name[WORDS_MAX], count[TEXT_MAX];
	const char *reason = what;

	first = json_object_is_type(list, json_type_array) ? json_object_array_get_idx(list, 0) : NULL;
	if (failed == 0 || !member_text(first, "what", what))
		return;
	if (strncmp(what, "check: ", 7) == 0)
		reason += 7;
	page_begin(p, "checks", PAGE_LABELS, NULL);
	if (member_text(first, "request", name))
		page_say(p, "%s failed, the first of %s: %s", text_count(count, failed), name, reason);
	else
		page_say(p, "%s failed, the first: %s", text_count(count, failed), reason);
}

void result_requests(struct page *p, struct json_object *doc)
{
	struct json_object *requests = member_get(doc, "requests");
	struct json_object_iter it;

	if (json_object_is_type(requests, json_type_object) && json_object_object_length(requests) > 0) {
		p->new_block = true;
		page_begin(p, "requests", 2 + NAME, NULL);
		page_put(p, 0, "%10s%9s", "sent", "not ok");
		for (size_t i = 0; i < SQ_LEN(columns); i++)
			page_put(p, 0, "%10s", columns[i].title);
		page_end(p);
		json_object_object_foreachC(requests, it)
		{
			print_request(p, it.key, it.val);
		}
		p->new_block = true;
	}
	print_failed_checks(p, doc);
}
