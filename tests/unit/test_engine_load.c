/* test_engine_load.c - warm-up, the closed model, and several requests with checks, through a real engine. */
#include "plugins/role/worker/closed.h"
#include "tests/unit/engine_rig.h"

static void bench_plan(struct bench *b, int64_t rate, int64_t duration)
{
	bench_open(b, ANSWERS, rate, duration);
	b->plan.rate = rate * PLAN_RATE_ONE;
	b->plan.duration = duration;
	b->plan.seed = 1;
}

static void bench_load(struct bench *b)
{
	plan_schedule(&b->plan, &b->schedule);
	bench_books(b);
	if (bench_engine(b) < 0)
		abort();
	ev_run(b->loop, 0);
	engine_close(b->engine);
	for (uint32_t i = 0; i < b->accounts.count; i++)
		ok(books_closed(b->accounts.load[i]), "the books of the load are closed");
	is_int(b->scheduled, 1, "the end of the schedule is told once");
	is_int(b->ended, 1, "and that of the requests");
}

static void test_warmup(void)
{
	struct bench b;

	bench_plan(&b, 1000, SQ_S / 10);
	b.plan.warmup = SQ_S / 20;
	bench_load(&b);
	ok(books_closed(b.accounts.warmup), "the books of the warm-up are closed");
	is_int(b.accounts.warmup->ledger.ok, 50, "50 requests of warm-up");
	is_int(b.books->ledger.ok, 100, "100 of the load");
	is_int(b.target.requests, 150, "the target saw both");
	is_int(b.target.counted, 100, "but counts the load alone");
	ok(b.books->hist[H_RESPONSE]->count == 100, "the histograms are apart");
	/* They count where they come in: on a machine that stood still for all of the warm-up, behind it. */
	ok(b.accounts.warmup->bytes_received + b.books->bytes_received == 150 * (sizeof ANSWER - 1),
	   "and the bytes, of which none is lost: %llu + %llu of %zu",
	   (unsigned long long)b.accounts.warmup->bytes_received, (unsigned long long)b.books->bytes_received,
	   150 * (sizeof ANSWER - 1));
	ok(b.books->last_sent > 0 && b.books->last_sent < SQ_S, "times count from the load's beginning");
	bench_close(&b);
}

static void stop_now(EV_P_ struct ev_timer *w, int revents)
{
	struct bench *b = w->data;

	(void)loop;
	(void)revents;
	engine_stop(b->engine);
}

static void test_warmup_stop(void)
{
	struct bench b;

	bench_plan(&b, 1000, SQ_S);
	b.plan.warmup = SQ_S;
	ev_timer_init(&b.stop, stop_now, 0.05, 0);
	b.stop.data = &b;
	ev_timer_start(b.loop, &b.stop);
	bench_load(&b);
	ok(books_closed(b.accounts.warmup) && b.accounts.warmup->ledger.scheduled == 1000 &&
	       b.accounts.warmup->ledger.dropped[DROPPED_ABORTED] > 0,
	   "stopped in the warm-up: its ticks are all in its books");
	ok(b.books->ledger.scheduled == 1000 && b.books->ledger.dropped[DROPPED_ABORTED] == 1000,
	   "and those of the load in the load's");
	bench_close(&b);
}

static void bench_closed(struct bench *b, int64_t connections, int64_t duration)
{
	bench_plan(b, 1, duration ? duration : 10 * SQ_S);
	b->plan.rate = 0;
	b->plan.mode = PLAN_CLOSED;
	b->plan.connections = connections;
}

static void test_closed(void)
{
	struct bench b;

	bench_closed(&b, 4, SQ_S / 10);
	bench_load(&b);
	ok(b.books->ledger.ok > 40 && b.books->ledger.ok == b.books->ledger.scheduled,
	   "four connections, as fast as they go: %llu answers", (unsigned long long)b.books->ledger.ok);
	is_int(b.books->opened, 4, "on four connections");
	is_int((int64_t)b.books->ledger.ok, b.target.requests, "as many as the target saw");
	bench_close(&b);

	bench_closed(&b, 4, 0);
	b.plan.max_requests = 333;
	bench_load(&b);
	is_int(b.books->ledger.ok, 333, "as many as were asked for");
	bench_close(&b);

	bench_closed(&b, 2, SQ_S / 5);
	b.plan.think = 20 * SQ_MS;
	bench_load(&b);
	ok(b.books->ledger.ok >= 4 && b.books->ledger.ok <= 22, "think time slows it down: %llu",
	   (unsigned long long)b.books->ledger.ok);
	bench_close(&b);

	bench_closed(&b, 2, SQ_S); /* on a busy machine ten take their time */
	b.plan.warmup = SQ_S / 20;
	b.plan.max_requests = 10;
	bench_load(&b);
	ok(b.accounts.warmup->ledger.ok > 10 && books_closed(b.accounts.warmup),
	   "a warm-up by time: %llu answers", (unsigned long long)b.accounts.warmup->ledger.ok);
	is_int(b.books->ledger.ok, 10, "is not among those that were asked for");
	is_int(b.target.counted, 10, "nor in what the target counts");
	bench_close(&b);
}

static void test_closed_share(void)
{
	uint64_t connections = 0, requests = 0;
	struct slots s;

	for (uint32_t w = 0; w < 7; w++) {
		struct closed c;

		slots_init(&s, 7);
		slots_deal(&s, w, 7);
		if (closed_init(&c, &s, 100, 1001, 0, 5) < 0)
			abort();
		connections += c.size;
		requests += c.left;
		ok((c.size == 14 || c.size == 15) && closed_first(&c) == 5, "a fair share of 100 over 7");
		closed_free(&c);
		slots_free(&s);
	}
	is_int(connections, 100, "all connections have a worker, once");
	is_int(requests, 1001, "and all requests");
}

static void test_closed_order(void)
{
	struct slots s;
	struct closed c;

	slots_init(&s, 1);
	slots_deal(&s, 0, 1);
	if (closed_init(&c, &s, 3, 0, 10, 0) < 0)
		abort();
	closed_take(&c);
	closed_take(&c);
	closed_take(&c);
	ok(closed_first(&c) == INT64_MAX, "all have something to do");
	closed_give(&c, 500, true);
	closed_give(&c, 100, false);
	closed_give(&c, 300, true);
	is_int(closed_first(&c), 310, "the one that thinks shortest is first");
	closed_take(&c);
	is_int(closed_first(&c), 510, "then the next");
	closed_take(&c);
	is_int(closed_first(&c), 100 + CLOSED_RETRY, "who had no connection waits");
	closed_free(&c);
	slots_free(&s);
}

/* The target is away: it is not asked as fast as the machine can. */
static void test_closed_away(void)
{
	struct bench b;

	bench_closed(&b, 3, SQ_S / 4);
	target_close(&b.target);
	target_open(&b.target, b.loop, IS_AWAY);
	b.addresses.list[0] = b.target.address;
	bench_load(&b);
	ok(b.books->ledger.unsent[UNSENT_CONNECT] >= 3 && b.books->ledger.unsent[UNSENT_CONNECT] <= 9,
	   "three connections, asked for every 100 ms: %llu",
	   (unsigned long long)b.books->ledger.unsent[UNSENT_CONNECT]);
	bench_close(&b);
}

static char name_a[] = "a", name_b[] = "b", get[] = "GET", path_a[] = "/a", path_b[] = "/b?x={{seq}}",
            hi[] = "hi", none[] = "none";

static void test_requests(void)
{
	struct plan_check good = {.kind = CHECK_BODY, .text = hi, .text_len = 2};
	struct plan_check bad = {.kind = CHECK_BODY, .text = none, .text_len = 4};
	struct plan_request requests[] = {
	    {.name = name_a, .weight = 30, .method = get, .path = path_a, .checks = &good, .check_count = 1},
	    {.name = name_b, .weight = 10, .method = get, .path = path_b, .checks = &bad, .check_count = 1},
	};
	struct bench b;

	bench_plan(&b, 2000, SQ_S / 10);
	b.plan.requests = requests;
	b.plan.request_count = 2;
	bench_load(&b);
	is_int(b.accounts.load[0]->ledger.ok, 150, "three of four are the first: exactly");
	is_int(b.accounts.load[1]->ledger.check_failed, 50, "one of four the second, whose check fails");
	is_int(b.accounts.common->ledger.scheduled, 0, "no request is in the common books");
	ok(b.accounts.common->opened > 0 && b.accounts.common->bytes_sent > 0, "but connections and bytes");
	is_str(b.accounts.load[1]->errors[SAMPLE_CHECK][0].what, "check: the body does not hold none",
	       "and the sample says which check");
	is_int(b.accounts.load[1]->errors[SAMPLE_CHECK][0].request, 1, "of which request");
	bench_close(&b);
}

int main(void)
{
	test_warmup();
	test_warmup_stop();
	test_closed();
	test_closed_share();
	test_closed_order();
	test_closed_away();
	test_requests();
	return tap_done();
}
