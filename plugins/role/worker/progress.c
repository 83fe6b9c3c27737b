/* progress.c - the lines of a running load. Pure. */
#include "progress.h"

#include <string.h>

#include "core/base/text.h"

void progress_headline(const struct plan *plan, const char *test_id, struct buf *out)
{
	char rate[TEXT_MAX], duration[TEXT_MAX], url[sizeof plan->url.text];
	size_t room = PROGRESS_COLUMNS - strlen("squall: test 12345678      /s for ") - strlen(plan->method);

	text_number(rate, (double)plan->rate / PLAN_RATE_ONE);
	text_duration(duration, plan->duration);
	room -= strlen(rate) + strlen(duration);
	text_safe(url, sizeof url, plan->url.text, strlen(plan->url.text));
	if (strlen(url) > room)
		memcpy(url + room - 3, "...", 4);
	buf_printf(out, "squall: test %.8s  %s %s  %s/s for %s\n", test_id, plan->method, url, rate,
	           duration);
}

void progress_line(struct progress *p, const struct books *b, int64_t at, struct buf *out)
{
	const struct ledger *l = &b->ledger;
	uint64_t sent = ledger_sent(l) + b->in_flight;
	uint64_t errors = ledger_http_errors(l) + ledger_errors(l) + l->check_failed + ledger_unsent(l);
	char count[TEXT_MAX], total[TEXT_MAX], rate[TEXT_MAX], p50[TEXT_MAX], p99[TEXT_MAX], n[TEXT_MAX];
	const struct hist *response = b->hist[H_RESPONSE];

	buf_printf(out, "  %lld/%lld s  %s of %s  %s/s", at / SQ_S, p->plan->duration / SQ_S,
	           text_count(count, sent), text_count(total, p->total),
	           text_number(rate, (double)(sent - p->last_sent) * SQ_S / (double)(at - p->last_at)));
	if (response->count > 0)
		buf_printf(out, "  p50 %s  p99 %s",
		           text_ms(p50, (double)hist_percentile(response, 50) / SQ_MS),
		           text_ms(p99, (double)hist_percentile(response, 99) / SQ_MS));
	buf_printf(out, "  errors %s", text_count(n, errors));
	if (ledger_dropped(l) > 0)
		buf_printf(out, "  dropped %s", text_count(n, ledger_dropped(l)));
	buf_str(out, "\n");
	p->last_at = at;
	p->last_sent = sent;
}
