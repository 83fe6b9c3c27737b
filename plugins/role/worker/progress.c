/* progress.c - the lines of a running load. Pure. */
#include "progress.h"

#include <string.h>

#include "core/base/text.h"

void progress_headline(const struct plan *plan, const char *test_id, struct buf *out)
{
	char load[TEXT_MAX * 2], duration[TEXT_MAX], url[sizeof plan->url.text];
	size_t room = PROGRESS_COLUMNS - strlen("squall: test 12345678       for ") - strlen(plan->method);

	plan_load_text(plan, load);
	text_duration(duration, plan->duration);
	room -= strlen(load) + strlen(duration);
	text_safe(url, sizeof url, plan->url.text, strlen(plan->url.text));
	if (strlen(url) > room)
		memcpy(url + room - 3, "...", 4);
	buf_printf(out, "squall: test %.8s  %s %s  %s for %s\n", test_id, plan->method, url, load, duration);
}

void progress_line(struct progress *p, const struct books *b, int64_t at, struct buf *out)
{
	const struct ledger *l = &b->ledger;
	const struct hist *response = b->hist[H_RESPONSE];
	char sent[TEXT_MAX], rate[TEXT_MAX], p50[TEXT_MAX], p99[TEXT_MAX], errors[TEXT_MAX];
	double seconds = (double)(at - p->last_at) / SQ_S;

	text_count(sent, ledger_sent(l));
	text_number(rate, (double)(ledger_sent(l) - p->last_sent) / seconds);
	buf_printf(out, "%lld/%lld s  %s sent  %s/s",
	           (at < p->plan->duration ? at : p->plan->duration) / SQ_S, p->plan->duration / SQ_S, sent,
	           rate);
	if (response->count > 0)
		buf_printf(out, "  p50 %s  p99 %s",
		           text_ms(p50, (double)hist_percentile(response, 50) / SQ_MS),
		           text_ms(p99, (double)hist_percentile(response, 99) / SQ_MS));
	text_count(errors, ledger_http_errors(l) + l->check_failed + ledger_errors(l) + ledger_unsent(l) +
	                       ledger_dropped(l));
	buf_printf(out, "  errors %s\n", errors);
	p->last_at = at;
	p->last_sent = ledger_sent(l);
}
