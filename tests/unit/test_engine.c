/*
 * test_engine.c - the engine against a target in the same loop: whatever the target does, the
 * books close, and each request stands in the class where it belongs.
 */
#include <errno.h>

#include "tests/failmalloc.h"
#include "tests/unit/engine_rig.h"

static void test_exact(void)
{
	const struct ledger *l;
	struct bench b;

	bench_open(&b, ANSWERS, 2000, SQ_S / 10);
	l = bench_run(&b);
	is_int(l->ok, 200, "2000/s for 0.1 s: 200 answers");
	is_int(b.target.requests, 200, "and the target saw 200 requests");
	is_int(b.ended, 1, "the end is told once");
	ok(b.books->reused + b.books->opened >= 200 && b.books->opened <= 32, "on few connections");
	is_int(b.books->bytes_sent, 200 * request_len(&b), "bytes sent");
	is_int(b.books->bytes_received, 200 * (sizeof ANSWER - 1), "bytes received");
	bench_close(&b);
}

static void test_share(void)
{
	const struct ledger *l;
	struct bench b;

	bench_open(&b, ANSWERS, 2000, SQ_S / 10);
	slots_free(&b.slots);
	slots_init(&b.slots, 4);
	slots_deal(&b.slots, 1, 4);
	bench_books(&b);
	bench_engine(&b);
	ev_run(b.loop, 0);
	engine_close(b.engine);
	l = &b.books->ledger;
	is_int(l->scheduled, 50, "one of four workers: a quarter of the ticks");
	is_int(l->ok, 50, "all answered");
	bench_close(&b);
}

struct growth {
	struct ev_timer timer;
	struct bench *b;
	struct slots slots;
	uint64_t until_tick;
};

static void grow(EV_P_ struct ev_timer *w, int revents)
{
	struct growth *g = sq_container(w, struct growth, timer);

	(void)loop;
	(void)revents;
	engine_extend(g->b->engine, &g->slots, g->until_tick);
}

/* One of two, whose until_tick is below the end. after: seconds until its share grows, 0 = never. */
static const struct ledger *run_fenced(struct bench *b, struct growth *g, double after, uint64_t until_tick)
{
	g->b = b;
	bench_open(b, ANSWERS, 1000, SQ_S / 5);
	slots_free(&b->slots);
	if (slots_init(&b->slots, 2) < 0)
		abort();
	slots_deal(&b->slots, 0, 2);
	bench_books(b);
	b->until_tick = until_tick;
	if (bench_engine(b) < 0)
		abort();
	ev_timer_init(&g->timer, grow, after, 0);
	if (after > 0)
		ev_timer_start(b->loop, &g->timer);
	ev_run(b->loop, 0);
	engine_close(b->engine);
	ev_timer_stop(b->loop, &g->timer);
	ok(books_closed(b->books), "the books are closed");
	is_int(b->scheduled, 1, "the end of the schedule is told once");
	return &b->books->ledger;
}

static void test_fence(void)
{
	struct growth g = {.until_tick = 200};
	const struct ledger *l;
	struct bench b;

	l = run_fenced(&b, &g, 0, 40);
	is_int(l->ok, 20, "fenced at 40 of 200 ticks: the half of them is sent");
	is_int(l->scheduled, 20, "what is beyond is in none of its classes");
	bench_close(&b);
	l = run_fenced(&b, &g, 0.01, 100);
	is_int(l->ok, 100, "raised in time: all of its share is sent");
	bench_close(&b);
	l = run_fenced(&b, &g, 0.1, 40);
	is_int(l->scheduled, 100, "raised late: the rest is its own");
	ok(l->dropped[DROPPED_FENCED] >= 25 && l->dropped[DROPPED_FENCED] == 100 - l->ok,
	   "what was due meanwhile is dropped, and not caught up with");
	bench_close(&b);
	if (slots_init(&g.slots, 2) < 0)
		abort();
	slots_deal(&g.slots, 1, 2);
	for (uint32_t i = 0; i < g.slots.count; i++)
		g.slots.from[i] = g.slots.from[i] == 0 ? 100 : g.slots.from[i];
	l = run_fenced(&b, &g, 0.01, 200);
	is_int(l->ok, 150, "and the other half from 100 on, when it takes that over");
	bench_close(&b);
	slots_free(&g.slots);
}

static void test_no_keep_alive(void)
{
	const struct ledger *l;
	struct bench b;

	bench_open(&b, CLOSES, 1000, SQ_S / 20);
	l = bench_run(&b);
	is_int(l->ok, 50, "Connection: close: all are answered");
	is_int(b.books->opened, 50, "each on a connection of its own");
	is_int(b.books->reused, 0, "none is reused");
	bench_close(&b);
	bench_open(&b, RESETS_AFTER, 1000, SQ_S / 20);
	l = bench_run(&b);
	is_int(l->ok + l->error[ERROR_RESET], 50, "reset after the answer: nothing is lost");
	is_int(ledger_sent(l), 50, "all were sent");
	bench_close(&b);
}

static void test_classes(void)
{
	static const struct {
		enum manner manner;
		const char *name;
		uint64_t http, reset, timeout, unsent;
	} cases[] = {
	    {IS_BUSY, "503", 20, 0, 0, 0},
	    {RESETS, "reset", 0, 20, 0, 0},
	    {IS_SILENT, "timeout", 0, 0, 20, 0},
	    {IS_AWAY, "nobody listens", 0, 0, 0, 20},
	};

	for (size_t i = 0; i < SQ_LEN(cases); i++) {
		const struct ledger *l;
		struct bench b;

		bench_open(&b, cases[i].manner, 1000, SQ_S / 50);
		b.plan.timeout = 200 * SQ_MS;
		l = bench_run(&b);
		is_int(l->http_error[503 - LEDGER_STATUS_MIN], cases[i].http, cases[i].name);
		is_int(l->error[ERROR_RESET], cases[i].reset, "  resets");
		is_int(l->error[ERROR_TIMEOUT], cases[i].timeout, "  timeouts");
		is_int(l->unsent[UNSENT_CONNECT], cases[i].unsent, "  not sent");
		is_int(b.books->hist[H_RESPONSE]->censored, cases[i].reset + cases[i].timeout,
		       "  lower bounds");
		bench_close(&b);
	}
}

static void test_scarce(void)
{
	const struct ledger *l;
	struct bench b;

	bench_open(&b, IS_SILENT, 1000, SQ_S / 10);
	b.plan.max_connections = 1;
	b.plan.max_in_flight = 5;
	b.plan.patience = 20 * SQ_MS;
	b.plan.timeout = 60 * SQ_MS;
	l = bench_run(&b);
	ok(l->error[ERROR_TIMEOUT] > 0, "one connection, a silent target: timeouts (%d)",
	   (int)l->error[ERROR_TIMEOUT]);
	ok(l->dropped[DROPPED_PATIENCE] > 0, "patience runs out (%d)", (int)l->dropped[DROPPED_PATIENCE]);
	ok(l->dropped[DROPPED_MAX_IN_FLIGHT] > 0, "max_in_flight is reached (%d)",
	   (int)l->dropped[DROPPED_MAX_IN_FLIGHT]);
	is_int(l->error[ERROR_TIMEOUT] + ledger_dropped(l) + ledger_unsent(l), 100,
	       "and that is all there is");
	bench_close(&b);
	bench_open(&b, ANSWERS, 2000, SQ_S / 20);
	b.plan.max_connections = 1;
	l = bench_run(&b);
	is_int(l->ok, 100, "one connection, a quick target: all wait their turn and are answered");
	is_int(b.books->opened, 1, "on one connection");
	bench_close(&b);
}

static void stop_engine(EV_P_ struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	engine_stop(sq_container(w, struct bench, stop)->engine);
}

static void stop_loop(EV_P_ struct ev_timer *w, int revents)
{
	(void)w;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

static void test_stop(void)
{
	const struct ledger *l;
	struct bench b;

	bench_open(&b, ANSWERS, 1000, 60 * SQ_S);
	ev_timer_init(&b.stop, stop_engine, 0.05, 0);
	ev_timer_start(b.loop, &b.stop);
	l = bench_run(&b);
	ok(l->ok > 0, "stopped: some were answered (%d)", (int)l->ok);
	is_int(l->ok + l->dropped[DROPPED_ABORTED], 60000, "the rest of the plan is aborted");
	is_int(b.ended, 1, "and the end is told");
	bench_close(&b);
	bench_open(&b, IS_SILENT, 1000, SQ_S / 50);
	ev_timer_init(&b.stop, stop_loop, 0.1, 0);
	ev_timer_start(b.loop, &b.stop);
	l = bench_run(&b);
	is_int(l->in_flight_at_end, 20, "closed while in flight: unanswered, as lower bounds");
	is_int(b.books->hist[H_SERVICE]->censored, 20, "each of them");
	bench_close(&b);
}

/* A kept-alive connection was reset before the loop could hear of it: the request, of which no byte
 * had left, goes out on another one. */
static void test_stale(void)
{
	struct dispatch d;
	struct bench b;
	int64_t now;

	bench_open(&b, ANSWERS, 1, SQ_S);
	bench_dispatch(&b, &d);
	now = clock_now();
	dispatch_due(&d, &(struct due){.tick = 0, .at = now, .counted = true, .books = b.books}, now);
	dispatch_until_idle(&b, &d);
	is_int(b.books->ledger.ok, 1, "a first request is answered");
	peer_end(&b.target, &b.target.peers[0], true);
	now = clock_now();
	dispatch_due(&d, &(struct due){.tick = 1, .at = now, .counted = true, .books = b.books}, now);
	dispatch_until_idle(&b, &d);
	is_int(b.books->ledger.ok, 2, "its connection is dead: the second is answered on a new one");
	is_int(b.books->opened, 2, "that was opened for it");
	bench_dispatch_end(&b, &d);
}

/* The target's addresses change while connections are idle. */
static void test_moved(void)
{
	struct dispatch d;
	struct bench b;

	bench_open(&b, ANSWERS, 1, SQ_S);
	strcpy(b.addresses.list[0].text, "old");
	bench_dispatch(&b, &d);
	send_one(&b, &d, 0);
	b.addresses.count = 2;
	b.addresses.list[1] = b.addresses.list[0];
	strcpy(b.addresses.list[1].text, "new");
	dispatch_moved(&d);
	send_one(&b, &d, 1);
	is_int(b.books->opened, 1, "its address is still one of them: the connection stays");
	b.addresses.count = 1;
	b.addresses.list[0] = b.addresses.list[1];
	dispatch_moved(&d);
	is_int(d.conn_count, 0, "its address is gone: the idle connection is closed");
	send_one(&b, &d, 2);
	ok(b.books->opened == 2 && b.books->ledger.ok == 3, "the next request goes to the new one");
	b.addresses.count = 0;
	dispatch_moved(&d);
	send_one(&b, &d, 3);
	is_int(b.books->ledger.unsent[UNSENT_DNS], 1, "no address left: unsent{dns}");
	ok(b.books->errors[SAMPLE_UNSENT][0].connect == -1 && b.books->errors[SAMPLE_UNSENT][0].tls == -1,
	   "no phase of a connection was measured");
	b.addresses.count = 1;
	dispatch_moved(&d);
	send_one(&b, &d, 4);
	is_int(b.books->ledger.ok, 4, "there is one again");
	bench_dispatch_end(&b, &d);
}

static void test_used_up(void)
{
	struct dispatch d;
	struct bench b;

	bench_open(&b, ANSWERS, 1, SQ_S);
	b.plan.wire.requests_per_connection = 2;
	bench_dispatch(&b, &d);
	for (uint64_t tick = 0; tick < 5; tick++)
		send_one(&b, &d, tick);
	ok(b.books->opened == 3 && b.books->reused == 2 && b.books->ledger.ok == 5,
	   "two requests on each connection");
	bench_dispatch_end(&b, &d);
}

/* The loop slept through the patience of the first, not of the second. */
static void test_overslept(void)
{
	struct dispatch d;
	struct bench b;
	int64_t now;

	bench_open(&b, ANSWERS, 1, SQ_S);
	bench_dispatch(&b, &d);
	now = clock_now();
	dispatch_due(&d,
	             &(struct due){.tick = 0, .at = now - b.plan.patience, .counted = true, .books = b.books},
	             now);
	dispatch_due(
	    &d, &(struct due){.tick = 1, .at = now - b.plan.patience / 2, .counted = true, .books = b.books},
	    now);
	dispatch_until_idle(&b, &d);
	is_int(b.books->ledger.dropped[DROPPED_PATIENCE], 1, "looked at when its patience was over: dropped");
	is_int(b.books->late_unsent, 1, "by our lateness");
	is_int(b.books->ledger.ok, 1, "looked at before: sent");
	bench_dispatch_end(&b, &d);
}

static void test_no_memory(void)
{
	struct bench b;
	int r, failed = 0;

	bench_open(&b, ANSWERS, 1000, SQ_S / 50);
	bench_books(&b);
	for (unsigned n = 1;; n++) {
		failmalloc_after(n);
		r = bench_engine(&b);
		if (!failmalloc_stop())
			break;
		failed++;
		ok(r == -ENOMEM, "allocation %u fails: no engine", n);
	}
	ok(r == 0 && failed > 0, "with memory there is one");
	/* Requests and connections come from blocks: a request without memory is dropped. */
	failmalloc_after(1);
	ev_run(b.loop, 0);
	ok(failmalloc_stop(), "an allocation failed during the load");
	engine_close(b.engine);
	ok(books_closed(b.books), "the books are closed");
	is_int(b.books->ledger.ok + b.books->ledger.dropped[DROPPED_MAX_IN_FLIGHT], 20, "nothing is lost");
	is_int(b.books->ledger.dropped[DROPPED_MAX_IN_FLIGHT], 1, "the one without memory was dropped");
	bench_close(&b);
}

/* The rest of a request that was sent in part has nowhere to stand: its connection may not be used again,
 * though the target answers before it has read the request. */
static void test_no_memory_for_rest(void)
{
	static char body[8 << 20] = "{{seq}}";
	static char post[] = "POST";
	struct dispatch d;
	struct bench b;

	memset(body + strlen(body), 'a', sizeof body - strlen(body));
	bench_open(&b, ANSWERS, 1, SQ_S);
	b.plan.method = post;
	b.plan.body = body;
	b.plan.body_len = sizeof body;
	bench_dispatch(&b, &d);
	send_one(&b, &d, 1);
	ok(b.books->ledger.ok == 1 && d.conn_count == 0,
	   "answered before it was sent: the connection is closed");
	failmalloc_after(1);
	send_one(&b, &d, 2);
	ok(failmalloc_stop(), "no memory for the rest of the next one");
	is_int(b.books->ledger.error[ERROR_RESET], 1, "it ends as error{reset}");
	is_int(d.conn_count, 0, "and its connection with it");
	ok(strstr(b.books->errors[ERROR_RESET][0].what, "no memory"), "the sample says why");
	send_one(&b, &d, 3);
	is_int(b.books->ledger.ok, 2, "the next one is answered");
	bench_dispatch_end(&b, &d);
}

int main(void)
{
	test_exact();
	test_share();
	test_fence();
	test_no_keep_alive();
	test_classes();
	test_scarce();
	test_stop();
	test_stale();
	test_moved();
	test_used_up();
	test_overslept();
	test_no_memory();
	test_no_memory_for_rest();
	return tap_done();
}
