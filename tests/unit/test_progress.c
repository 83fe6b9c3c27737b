/* test_progress.c - the lines of a running load. */
#include <stdlib.h>

#include "plugins/role/worker/progress.h"
#include "tests/tap.h"

static char post[] = "POST";

static void plan_for(struct plan *p, const char *url)
{
	memset(p, 0, sizeof *p);
	url_parse(url, &p->url, NULL);
	p->method = post;
	p->rate = 500 * PLAN_RATE_ONE;
	p->duration = 30 * SQ_S;
}

static void test_headline(void)
{
	char url[1024] = "http://127.0.0.1:8080/hit";
	struct buf out = {0};
	struct plan p;

	plan_for(&p, url);
	progress_headline(&p, "7f3a9b2c-0000-4000-8000-000000000000", &out);
	ok(strstr(out.data, "squall: test 7f3a9b2c  POST http://127.0.0.1:8080/hit  500/s for 30 s\n"),
	   "headline: %s", out.data);
	p.rate = PLAN_RATE_ONE / 2;
	buf_reset(&out);
	progress_headline(&p, "7f3a9b2c-0000-4000-8000-000000000000", &out);
	ok(strstr(out.data, "  0.5"), "a rate below one: %s", out.data);
	memset(url + strlen(url), 'x', 500);
	plan_for(&p, url);
	buf_reset(&out);
	progress_headline(&p, "7f3a9b2c-0000-4000-8000-000000000000", &out);
	ok(out.len <= PROGRESS_COLUMNS + 1, "a long URL is cut: %zu columns", out.len - 1);
	ok(strstr(out.data, "...  500/s"), "and that is shown");
	buf_free(&out);
}

/* Requests first..last-1, 1 ms each; every tenth is a 503. */
static void load(struct books *b, uint64_t first, uint64_t last)
{
	for (uint64_t k = first; k < last; k++) {
		int64_t due = (int64_t)k * 2 * SQ_MS;
		struct request_times r = {0};
		bool bad = k % 10 == 0;

		books_due(b, &r, k, due, due);
		books_sent(b, &r, due, k > 0);
		books_answered(b, &r, due + SQ_MS, bad ? 503 : 200, !bad, true, NULL);
	}
}

static void test_line(void)
{
	struct books *b = books_new(0);
	struct progress p = {.plan = NULL};
	struct request_times lost = {0};
	struct buf out = {0};
	struct plan plan;

	plan_for(&plan, "http://127.0.0.1/");
	p.plan = &plan;
	progress_line(&p, b, SQ_S, &out);
	ok(strncmp(out.data, "1/30 s  0 sent  0", 17) == 0 && !strstr(out.data, "p50"),
	   "no answer yet, no percentile: %s", out.data);
	load(b, 0, 600);
	buf_reset(&out);
	progress_line(&p, b, 2 * SQ_S, &out);
	ok(strncmp(out.data, "2/30 s  600 sent  600", 21) == 0, "what was sent: %s", out.data);
	ok(strstr(out.data, "  p50 1") && strstr(out.data, "  errors 60\n"), "response time and errors");
	load(b, 600, 650);
	books_due(b, &lost, 650, 0, 0);
	books_dropped(b, &lost, DROPPED_PATIENCE);
	buf_reset(&out);
	progress_line(&p, b, 2 * SQ_S + SQ_S / 2, &out);
	ok(strncmp(out.data, "2/30 s  650 sent  100", 21) == 0, "the rate is that of the interval: %s",
	   out.data);
	ok(strstr(out.data, "  errors 66\n"), "what was dropped is an error too");
	buf_free(&out);
	books_free(b);
}

/* The longest line that a real load gives. */
static void test_width(void)
{
	struct books *b = books_new(0);
	struct progress p = {.last_at = 3598 * SQ_S};
	struct buf out = {0};
	struct plan plan;

	plan_for(&plan, "http://127.0.0.1/");
	plan.duration = 3600 * SQ_S;
	p.plan = &plan;
	load(b, 0, 10);
	b->ledger.on_time = p.last_sent = 36000000;
	p.last_sent -= 10000;
	b->ledger.error[ERROR_RESET] = 12345;
	hist_add(b->hist[H_RESPONSE], 1234 * SQ_MS);
	progress_line(&p, b, 3599 * SQ_S, &out);
	ok(out.len <= PROGRESS_COLUMNS + 1, "%zu columns: %s", out.len - 1, out.data);
	buf_free(&out);
	books_free(b);
}

int main(void)
{
	test_headline();
	test_line();
	test_width();
	return tap_done();
}
