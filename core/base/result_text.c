/*
 * result_text.c - the result document as text for people.
 *
 * The document may come from another version, another process or a file, so nothing in it is
 * believed: members of the wrong type count as missing, foreign text is made safe and cut.
 */
#include "result_text.h"

#include <json-c/json.h>
#include <string.h>

#include "result_page.h"
#include "text.h"

#define COLUMNS 5

static const struct column {
	const char *name, *title;
	uint64_t least; /* samples without which the figure would be one request's luck */
} columns[COLUMNS] = {
    {"p50", "p50", 1}, {"p95", "p95", 20}, {"p99", "p99", 100}, {"p99_9", "p99.9", 1000}, {"max", "max", 1}};

struct row {
	const char *name, *title;
	const char *words, *few_words; /* what it is, and that if the figures leave little room */
	char cells[COLUMNS][TEXT_MAX];
};

/* False when there is no such latency. Widens the columns to what it needs. */
static bool read_row(struct json_object *latencies, struct row *row, unsigned *width)
{
	struct json_object *latency = member_get(latencies, row->name);
	uint64_t samples;
	double ms;

	if (!member_count(latency, "count", &samples) || samples == 0)
		return false;
	for (size_t i = 0; i < COLUMNS; i++) {
		unsigned len;

		if (samples >= columns[i].least && member_number(latency, columns[i].name, &ms))
			text_ms(row->cells[i], ms);
		else
			strcpy(row->cells[i], "-");
		len = (unsigned)strlen(row->cells[i]);
		*width = len >= *width ? len + 1 : *width;
	}
	return true;
}

static void print_row(struct page *p, const struct row *row, unsigned width)
{
	const char *words;

	page_begin(p, row->title, PAGE_LABELS, NULL);
	for (size_t i = 0; i < COLUMNS; i++)
		page_put(p, 0, "%*s", (int)width, row->cells[i]);
	words = p->column + 2 + strlen(row->words) <= PAGE_WIDTH ? row->words : row->few_words;
	if (p->column + 2 + strlen(words) <= PAGE_WIDTH)
		page_put(p, 2, "%s", words);
	page_end(p);
}

static void print_phases(struct page *p, struct json_object *phases, unsigned width)
{
	static const char *const names[] = {"dns", "connect", "tls", "first_byte", "receive"};
	static const char *const titles[] = {"dns", "connect", "tls", "first byte", "receive"};
	char text[TEXT_MAX];
	bool any = false;
	double ms;

	for (size_t i = 0; i < SQ_LEN(names); i++) {
		struct json_object *phase = member_get(phases, names[i]);

		if (member_total(phase, "count") == 0 || !member_number(phase, "p50", &ms))
			continue;
		if (!any)
			page_begin(p, "", 2, NULL);
		page_put(p, any ? 2 : 0, "%s %s", titles[i], text_ms(text, ms));
		any = true;
	}
	if (!any)
		return;
	if (PAGE_LABELS + COLUMNS * width + 2 + strlen("(medians)") <= PAGE_WIDTH)
		page_pad(p, PAGE_LABELS + COLUMNS * width);
	page_put(p, 2, "(medians)");
	page_end(p);
}

static void print_censored(struct page *p, struct json_object *response)
{
	char part[TEXT_MAX], whole[TEXT_MAX];
	uint64_t censored = member_total(response, "censored");

	if (censored == 0)
		return;
	page_begin(p, "", 2, NULL);
	page_say(p, "%s of %s were never answered in full: their times are lower bounds",
	         text_count(part, censored), text_count(whole, member_total(response, "count")));
}

/* Lag is ours as far as it is pickup; the rest was waiting for a connection. */
static bool is_waiting(struct json_object *latencies)
{
	double pickup, wait;

	return member_number(member_get(latencies, "pickup"), "p99", &pickup) &&
	       member_number(member_get(latencies, "wait"), "p99", &wait) && wait > pickup;
}

static void print_latencies(struct page *p, struct json_object *doc)
{
	struct json_object *latencies = member_get(doc, "latency_ms");
	bool waiting = is_waiting(latencies);
	struct row rows[] = {
	    {"response", "  response", "from due to done", "from due to done", {{0}}},
	    {"service", "  service", "from sent to done", "from sent to done", {{0}}},
	    {"lag",
	     "  lag",
	     waiting ? "from due to sent (wait)" : "from due to sent (ours)",
	     waiting ? "(wait)" : "(ours)",
	     {{0}}},
	};
	bool there[SQ_LEN(rows)], any = false;
	unsigned width = 9;

	for (size_t i = 0; i < SQ_LEN(rows); i++)
		any |= there[i] = read_row(latencies, &rows[i], &width);
	if (any) {
		page_begin(p, "latency", PAGE_LABELS, NULL);
		for (size_t i = 0; i < COLUMNS; i++)
			page_put(p, 0, "%*s", (int)width, columns[i].title);
		page_end(p);
	}
	for (size_t i = 0; i < SQ_LEN(rows); i++)
		if (there[i])
			print_row(p, &rows[i], width);
	if (any)
		print_phases(p, member_get(doc, "phases_ms"), width);
	print_censored(p, member_get(latencies, "response"));
}

/* " (30 timeout, 7 reset)" for the kinds of a group that are not 0, or all. */
static void describe_kinds(struct json_object *group, bool all, char *out, size_t size)
{
	char count[TEXT_MAX], word[TEXT_MAX];
	const char *before = " (";
	struct json_object_iter it;
	size_t len = 0;

	*out = '\0';
	if (!json_object_is_type(group, json_type_object))
		return;
	json_object_object_foreachC(group, it)
	{
		uint64_t n = member_total(group, it.key);

		if ((n == 0 && !all) || size - len < 2 * TEXT_MAX + 4)
			continue;
		text_safe(word, sizeof word, it.key, strlen(it.key));
		for (char *c = word; *c; c++)
			*c = *c == '_' ? ' ' : *c;
		len += (size_t)snprintf(out + len, size - len, "%s%s %s", before, text_count(count, n), word);
		before = ", ";
	}
	if (len > 0)
		strcpy(out + len, ")");
}

/* "+ 12 dropped (12 max in flight)". sign: "= " or "+ ". all: also the kinds that are 0. */
static void put_class(struct page *p, struct json_object *ledger, const char *sign, const char *name,
                      const char *words, bool all)
{
	char kinds[WORDS_MAX], count[TEXT_MAX];

	describe_kinds(member_get(ledger, name), all, kinds, sizeof kinds);
	page_put(p, 1, "%s%s %s%s", sign, text_count(count, member_total(ledger, name)), words, kinds);
}

static void put_total(struct page *p, struct json_object *ledger, const char *sign, const char *name,
                      const char *words)
{
	char count[TEXT_MAX];

	page_put(p, *sign ? 1 : 0, "%s%s %s", sign, text_count(count, member_total(ledger, name)), words);
}

static void print_ledger(struct page *p, struct json_object *ledger)
{
	if (!json_object_is_type(ledger, json_type_object))
		return;
	page_begin(p, "ledger", PAGE_LABELS, NULL);
	p->indent += 2;
	put_total(p, ledger, "", "scheduled", "scheduled");
	put_class(p, ledger, "= ", "sent", "sent", true);
	put_class(p, ledger, "+ ", "unsent", "unsent", false);
	put_class(p, ledger, "+ ", "dropped", "dropped", false);
	if (member_total(ledger, "unconfirmed") > 0)
		put_total(p, ledger, "+ ", "unconfirmed", "unconfirmed");
	page_end(p);
	page_begin(p, "", PAGE_LABELS, NULL);
	p->indent += 2;
	put_total(p, ledger, "", "sent", "sent");
	put_total(p, ledger, "= ", "ok", "ok");
	put_total(p, ledger, "+ ", "http_error", "http errors");
	put_total(p, ledger, "+ ", "check_failed", "failed checks");
	put_class(p, ledger, "+ ", "error", "errors", false);
	put_total(p, ledger, "+ ", "in_flight_at_end", "in flight");
	page_end(p);
}

/* The first one of each kind that has words of its own. */
static void print_reasons(struct page *p, struct json_object *errors)
{
	static const char *const kinds[] = {"unsent", "reset", "timeout", "protocol"};
	char what[WORDS_MAX], address[WORDS_MAX];
	bool any = false, located;

	for (size_t i = 0; i < SQ_LEN(kinds); i++) {
		struct json_object *list = member_get(errors, kinds[i]), *first;

		if (!json_object_is_type(list, json_type_array) || json_object_array_length(list) == 0)
			continue;
		first = json_object_array_get_idx(list, 0);
		if (!member_text(first, "what", what))
			continue;
		located = member_text(first, "address", address);
		page_begin(p, any ? "" : "because", PAGE_LABELS, NULL);
		p->indent += 2;
		page_say(p, "%s: %s%s%s%s", kinds[i], what, located ? " (" : "", located ? address : "",
		         located ? ")" : "");
		any = true;
	}
}

static void print_audit(struct page *p, struct json_object *audit)
{
	char status[WORDS_MAX], counted[TEXT_MAX], sent[TEXT_MAX];

	if (!member_text(audit, "status", status))
		return;
	text_count(counted, member_total(audit, "counted"));
	text_count(sent, member_total(audit, "sent"));
	page_begin(p, "audit", PAGE_LABELS, NULL);
	if (strcmp(status, "n/a") == 0)
		page_say(p, "n/a: the target's own count is not known here");
	else if (strcmp(status, "equal") == 0)
		page_say(p, "the target counted %s: equal", counted);
	else if (strcmp(status, "within") == 0)
		page_say(p, "the target counted %s of %s sent: within what unanswered requests allow",
		         counted, sent);
	else
		page_say(p, "the target counted %s of %s sent: %s", counted, sent, status);
}

static void print_status(struct page *p, struct json_object *doc)
{
	struct json_object *statuses = member_get(doc, "status"),
	                   *connections = member_get(doc, "connections");
	char count[TEXT_MAX], reused[TEXT_MAX], word[TEXT_MAX];
	struct json_object_iter it;
	uint64_t full, resumed;
	bool any = json_object_is_type(statuses, json_type_object) && json_object_object_length(statuses) > 0;

	if (!any && !connections)
		return;
	page_begin(p, any ? "status" : "", PAGE_LABELS, NULL);
	if (any) {
		json_object_object_foreachC(statuses, it)
		{
			page_put(p, p->column > PAGE_LABELS ? 2 : 0, "%s %s",
			         text_safe(word, sizeof word, it.key, strlen(it.key)),
			         text_count(count, member_total(statuses, it.key)));
		}
		page_pad(p, PAGE_LABELS + 16);
	}
	if (connections)
		page_put(p, any ? 2 : 0, "connections %s opened, %s reused",
		         text_count(count, member_total(connections, "opened")),
		         text_count(reused, member_total(connections, "reused")));
	resumed = member_total(connections, "tls_resumed");
	full = member_total(connections, "tls_full");
	if (full + resumed > 0)
		page_put(p, 2, "TLS handshakes %s full, %s resumed", text_count(count, full),
		         text_count(reused, resumed));
	page_end(p);
}

static void print_efficiency(struct page *p, struct json_object *generator)
{
	double cpu, requests;
	char text[TEXT_MAX], each[TEXT_MAX];

	if (!member_number(generator, "cpu_us_per_request", &cpu) || cpu < 0 || cpu > 1e6 ||
	    !member_number(generator, "requests_per_core_second", &requests))
		return;
	page_begin(p, "efficiency", PAGE_LABELS + 2, NULL);
	if (cpu < 9.95)
		snprintf(each, sizeof each, "%.1f", cpu);
	else
		text_count(each, (uint64_t)(cpu + 0.5));
	page_say(p, "%s us CPU per request, %s requests per core second", each, text_number(text, requests));
}

static void print_saturation(struct page *p, struct json_object *doc)
{
	struct json_object *saturation = member_get(doc, "saturation");
	bool closed = member_is(member_get(doc, "effective_plan"), "mode", "closed");
	bool target = member_is(saturation, "who", "target");

	if (!target && !member_is(saturation, "who", "generator"))
		return;
	page_begin(p, "saturated", PAGE_LABELS, NULL);
	if (target && closed)
		page_say(p, "the target: more than that it does not answer over these connections");
	else
		page_say(p, target ? "the target: requests had to wait for it"
		                   : "the generator: it could not keep up");
}

static void print_workers(struct page *p, struct json_object *workers)
{
	char reported[TEXT_MAX], planned[TEXT_MAX];
	uint64_t some = member_total(workers, "reported"), all = member_total(workers, "planned");

	if (some >= all)
		return;
	page_begin(p, "workers", PAGE_LABELS, NULL);
	page_say(p, "%s of %s reported: what the others sent is not in these figures",
	         text_count(reported, some), text_count(planned, all));
}

static void print_warmup(struct page *p, struct json_object *warmup)
{
	struct json_object *ledger = member_get(warmup, "ledger");
	char sent[TEXT_MAX], ok[TEXT_MAX];

	if (member_total(ledger, "sent") == 0)
		return;
	page_begin(p, "warm-up", PAGE_LABELS, NULL);
	page_say(p, "%s sent before the start, %s ok, not counted here",
	         text_count(sent, member_total(ledger, "sent")), text_count(ok, member_total(ledger, "ok")));
}

void result_text(struct json_object *doc, bool color, struct buf *out)
{
	struct page p = {.out = out, .color = color, .start = out->len};

	result_verdict(&p, doc);
	p.new_block = true;
	print_latencies(&p, doc);
	p.new_block = true;
	print_ledger(&p, member_get(doc, "ledger"));
	print_reasons(&p, member_get(member_get(doc, "samples"), "errors"));
	result_requests(&p, doc);
	print_audit(&p, member_get(doc, "audit"));
	print_status(&p, doc);
	result_thresholds(&p, doc, false);
	print_saturation(&p, doc);
	print_workers(&p, member_get(doc, "workers"));
	print_warmup(&p, member_get(doc, "warmup"));
	print_efficiency(&p, member_get(doc, "generator"));
}
