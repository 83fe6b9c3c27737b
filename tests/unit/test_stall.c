/*
 * test_stall.c - the whole engine in virtual time, against a target that stands still, and against
 * what arithmetic says a user would have felt (field notes: T1, T2, T7).
 *
 * The same questions that test_books.c puts to the books alone are put here to all of it: schedule,
 * pacer, dispatch, connections over real sockets, libev and its timers.
 */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <ev.h>

#include "core/base/result_exit.h"
#include "plugins/common/result.h"
#include "plugins/role/worker/clock.h"
#include "plugins/role/worker/engine.h"
#include "tests/tap.h"
#include "tests/unit/virtual.h"

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
#define PEERS 2000
#define FOREVER (100000 * SQ_S)

/* --- the target: answers service ns after a request, but stands still from stall_from to stall_to -- */

struct peer {
	int fd;
	int64_t asked; /* number of its last request, 0 = it left since */
	int64_t done; /* when the answer is due */
};

static struct target {
	int64_t service, stall_from, stall_to; /* the stall counts from T0 */
	int64_t t0;
	int listener, poll;
	struct peer peers[PEERS];
	int peer_count;
	struct {
		int peer;
		int64_t asked;
	} queue[PEERS]; /* ring, in the order of the answers */
	unsigned head, tail;
	int64_t requests;
} target;

static int64_t target_done(int64_t now)
{
	int64_t from = target.t0 + target.stall_from, to = target.t0 + target.stall_to;

	if (now >= to || now + target.service <= from)
		return now + target.service;
	return now >= from ? to + target.service : now + target.service + (to - from);
}

static void target_watch(int fd, int id)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = (uint32_t)id};

	if (epoll_ctl(target.poll, EPOLL_CTL_ADD, fd, &e) < 0)
		abort();
}

static void target_accept(void)
{
	int fd;

	while ((fd = accept4(target.listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		int i = 0;

		while (i < target.peer_count && target.peers[i].fd >= 0)
			i++;
		if (i == PEERS)
			abort();
		target.peer_count += i == target.peer_count;
		target.peers[i].fd = fd;
		target_watch(fd, i);
	}
}

/* Each read is a request; the answers are due in the order of the requests. */
static void target_read(int id)
{
	struct peer *p = &target.peers[id];
	char request[1024];

	if (recv(p->fd, request, sizeof request, 0) <= 0) {
		close(p->fd);
		*p = (struct peer){.fd = -1};
		return;
	}
	p->asked = ++target.requests;
	p->done = target_done(virtual_now);
	target.queue[target.tail % PEERS].peer = id;
	target.queue[target.tail++ % PEERS].asked = p->asked;
}

static int64_t target_run(void)
{
	struct epoll_event e[64];
	int n;

	while ((n = (int)syscall(SYS_epoll_pwait, target.poll, e, 64, 0, NULL, 8)) > 0)
		for (int i = 0; i < n; i++)
			if (e[i].data.u32 == PEERS)
				target_accept();
			else
				target_read((int)e[i].data.u32);
	for (; target.head != target.tail; target.head++) {
		struct peer *p = &target.peers[target.queue[target.head % PEERS].peer];

		if (p->asked != target.queue[target.head % PEERS].asked)
			continue; /* who asked has left */
		if (p->done > virtual_now)
			return p->done;
		(void)!send(p->fd, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL);
	}
	return VIRTUAL_NEVER;
}

static void target_open(struct address *address)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&address->sa;

	target.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	target.poll = epoll_create1(0);
	un->sun_family = AF_UNIX;
	address->len = sizeof(sa_family_t); /* the kernel finds a name */
	if (bind(target.listener, (struct sockaddr *)un, address->len) < 0)
		abort();
	address->len = sizeof address->sa;
	if (getsockname(target.listener, (struct sockaddr *)un, &address->len) < 0 ||
	    listen(target.listener, 4096) < 0)
		abort();
	target_watch(target.listener, PEERS);
	virtual_world = target_run;
}

static void target_close(void)
{
	for (int i = 0; i < target.peer_count; i++)
		if (target.peers[i].fd >= 0)
			close(target.peers[i].fd);
	close(target.listener);
	close(target.poll);
	virtual_world = NULL;
}

/* --- a run ----------------------------------------------------------------------------------- */

#define RATE 200
#define DURATION (60 * SQ_S)
#define PERIOD (SQ_S / RATE)

struct run {
	int64_t connections, service, stall_from, stall_to; /* from T0 */
	int64_t drain; /* 0 = 30 s */
	int64_t patience, timeout, max_in_flight; /* 0 = as long or many as can be */
	double rate; /* 0 = RATE */
	int64_t stopped_at, stopped_for; /* our own process, 0 = never */
	enum plan_timer timer; /* auto = balanced */
	/* What follows is the run's. */
	struct ev_loop *loop;
	struct ev_timer end, sleep;
	struct plan *plan;
	struct schedule schedule;
	struct slots slots;
	struct messages messages;
	struct accounts accounts;
	struct engine *engine;
	int64_t t0;
};

static void run_end(EV_P_ struct ev_timer *w, int revents)
{
	(void)w;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

/* As drive.c does: the drain begins when the schedule's time is over. */
static void run_scheduled(void *owner)
{
	struct run *r = owner;
	int64_t wait = r->t0 + DURATION + (r->drain ? r->drain : 30 * SQ_S) - clock_now();

	ev_now_update(r->loop);
	ev_timer_init(&r->end, run_end, (double)(wait > 0 ? wait : 0) / SQ_S, 0);
	ev_timer_start(r->loop, &r->end);
}

static void run_ended(void *owner)
{
	ev_break(((struct run *)owner)->loop, EVBREAK_ALL);
}

static void run_sleep(EV_P_ struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	virtual_now += sq_container(w, struct run, sleep)->stopped_for;
}

static struct plan *read_plan(double rate)
{
	struct plan_problems problems = {0};
	struct plan *plan = NULL;
	char text[128];
	int n = snprintf(text, sizeof text, "{\"url\":\"http://x/\",\"hits_per_sec\":%g,\"duration_sec\":60}",
	                 rate);

	if (plan_read_text(text, (size_t)n, NULL, &plan, NULL, &problems) < 0)
		abort();
	plan_problems_free(&problems);
	return plan;
}

static void run_prepare(struct run *r)
{
	r->plan = read_plan(r->rate ? r->rate : RATE);
	r->plan->max_connections = r->connections;
	r->plan->max_in_flight = r->max_in_flight ? r->max_in_flight : 1000000;
	r->plan->timeout = r->timeout ? r->timeout : FOREVER;
	r->plan->wire.connect = r->plan->wire.first_byte = r->plan->timeout;
	r->plan->patience = r->patience ? r->patience : FOREVER;
	target = (struct target){.service = r->service, .stall_from = r->stall_from, .stall_to = r->stall_to};
	r->loop = ev_loop_new(EVFLAG_AUTO);
	r->t0 = target.t0 = clock_now() + SQ_S;
	if (!r->stopped_for)
		return;
	ev_timer_init(&r->sleep, run_sleep, (double)(r->t0 + r->stopped_at - clock_now()) / SQ_S, 0);
	ev_timer_start(r->loop, &r->sleep);
}

static int run_engine(struct run *r, const struct addresses *addresses)
{
	return engine_new(&(struct engine_setup){.loop = r->loop,
	                                         .plan = r->plan,
	                                         .schedule = &r->schedule,
	                                         .slots = &r->slots,
	                                         .until_tick = r->schedule.total,
	                                         .addresses = addresses,
	                                         .messages = &r->messages,
	                                         .timer = r->timer ? r->timer : PLAN_TIMER_BALANCED,
	                                         .t0 = r->t0,
	                                         .accounts = &r->accounts,
	                                         .scheduled = run_scheduled,
	                                         .ended = run_ended,
	                                         .owner = r},
	                  &r->engine);
}

/* Runs to the end. The books are closed; run_free() frees them. */
static struct books *run(struct run *r, const char *name)
{
	struct addresses addresses = {.count = 1};
	struct books *b;

	run_prepare(r);
	target_open(&addresses.list[0]);
	schedule_constant(&r->schedule, r->plan->rate, r->plan->duration);
	if (slots_init(&r->slots, 1) < 0 || messages_init(&r->messages, r->plan, "1", "test") < 0 ||
	    accounts_init(&r->accounts, r->plan) < 0)
		abort();
	slots_deal(&r->slots, 0, 1);
	accounts_begin(&r->accounts, r->t0, 0);
	b = r->accounts.common;
	if (run_engine(r, &addresses) < 0)
		abort();
	ev_run(r->loop, 0);
	engine_close(r->engine);
	target_run();
	ok(books_closed(b) && b->ledger.scheduled == r->schedule.total, "%s: the books close over every tick",
	   name);
	is_int(target.requests, ledger_sent(&b->ledger), "  what the target read is what was sent");
	target_close();
	return b;
}

/* And what the run is asked to do differs from now on: it can be run again. */
static void run_free(struct run *r)
{
	engine_free(r->engine);
	accounts_free(&r->accounts);
	messages_free(&r->messages);
	slots_free(&r->slots);
	plan_free(r->plan);
	ev_loop_destroy(r->loop);
}

/* As exact as it can be: between one request and the next, and the 0.1 % of the histogram. */
static void near(const struct books *b, enum books_hist h, double percent, int64_t want)
{
	int64_t got = hist_percentile(b->hist[h], percent), off = got > want ? got - want : want - got;

	if (!ok(off <= PERIOD + want / 1000, "  %s p%g is %.3f s, to one request", books_hist_name[h],
	        percent, (double)want / 1e9))
		printf("#   got %.6f s\n", (double)got / 1e9);
}

static void at_most(const struct books *b, enum books_hist h, int64_t most)
{
	if (!ok(b->hist[h]->max <= most, "  %s is never more than %.3f ms", books_hist_name[h],
	        (double)most / 1e6))
		printf("#   got %.6f ms\n", (double)b->hist[h]->max / 1e6);
}

/* --- T1: 6 s of 60 in mid-run ---------------------------------------------------------------- */

/* Those 1,200 requests wait evenly between 0 and 6 s, so the slowest 10 % of all are uniform. */
static void test_stall(void)
{
	static const struct {
		enum plan_timer timer;
		const char *name;
		int64_t pickup; /* what it may cost */
	} timers[] = {
	    {PLAN_TIMER_PRECISE, "T1, precise", 10 * SQ_US},
	    {PLAN_TIMER_BALANCED, "T1, balanced", 10 * SQ_US},
	    {PLAN_TIMER_ECONOMY, "T1, economy", SQ_MS + 10 * SQ_US},
	};

	for (size_t i = 0; i < SQ_LEN(timers); i++) {
		struct run r = {.connections = PEERS,
		                .service = SQ_MS,
		                .stall_from = 30 * SQ_S,
		                .stall_to = 36 * SQ_S,
		                .timer = timers[i].timer};
		struct books *b = run(&r, timers[i].name);

		is_int(b->ledger.ok, 12000, "  all are answered");
		near(b, H_RESPONSE, 50, SQ_MS);
		near(b, H_RESPONSE, 95, 3 * SQ_S);
		near(b, H_RESPONSE, 99, 54 * SQ_S / 10);
		near(b, H_RESPONSE, 100, 6 * SQ_S);
		near(b, H_SERVICE, 99, 54 * SQ_S / 10);
		at_most(b, H_PICKUP, timers[i].pickup);
		is_int(b->hist[H_RESPONSE]->censored, 0, "  nothing is a lower bound");
		ok(b->slowest_count == BOOKS_SAMPLES && b->slowest[0].tick == 30 * RATE,
		   "  the slowest was due when the stall began");
		run_free(&r);
	}
}

/* With 20 connections a user feels the same, but the target saw only 20 slow requests: the rest of the
 * time is wait. */
static void test_stall_bounded(void)
{
	struct run r = {
	    .connections = 20, .service = 100 * SQ_US, .stall_from = 30 * SQ_S, .stall_to = 36 * SQ_S};
	struct books *b = run(&r, "T1, 20 connections");

	is_int(b->ledger.ok, 12000, "  all are answered");
	near(b, H_RESPONSE, 95, 3 * SQ_S);
	near(b, H_RESPONSE, 99, 54 * SQ_S / 10);
	near(b, H_RESPONSE, 100, 6 * SQ_S);
	near(b, H_SERVICE, 99, 100 * SQ_US);
	near(b, H_SERVICE, 100, 6 * SQ_S);
	/* The first 20 were sent at once, the others wait evenly between 0 and 5.9 s. */
	near(b, H_LAG, 95, 29 * SQ_S / 10);
	near(b, H_WAIT, 95, 29 * SQ_S / 10);
	at_most(b, H_PICKUP, 100 * SQ_US);
	is_int(b->ledger.late, 0, "  nothing was late by our fault");
	is_int(b->opened, 20, "  no connection is opened beyond the limit");
	run_free(&r);
}

/* It is ourselves that stand still: what the user feels is the same, and it is said whose fault it is. */
static void test_stopped(void)
{
	struct run r = {
	    .connections = PEERS, .service = SQ_MS, .stopped_at = 30 * SQ_S, .stopped_for = 6 * SQ_S};
	struct books *b = run(&r, "our own process stopped for 6 s");

	is_int(b->ledger.ok, 12000, "  all are sent and answered");
	near(b, H_RESPONSE, 95, 3 * SQ_S);
	near(b, H_PICKUP, 95, 3 * SQ_S);
	near(b, H_SERVICE, 99, SQ_MS);
	at_most(b, H_WAIT, 10 * SQ_MS);
	ok(llabs((int64_t)b->ledger.late - 1200) <= 1, "  1,200 were late (%d)", (int)b->ledger.late);
	run_free(&r);
}

/* --- T2: 54 s to beyond the end -------------------------------------------------------------- */

/* What was due at t has waited 65 - t when nobody waits any more. */
static void test_end(void)
{
	struct run r = {.connections = PEERS,
	                .service = SQ_MS,
	                .stall_from = 54 * SQ_S,
	                .stall_to = 1000 * SQ_S,
	                .drain = 5 * SQ_S};
	struct books *b = run(&r, "T2");

	is_int(b->ledger.in_flight_at_end, 1200, "  1,200 are in flight at the end");
	is_int(b->ledger.ok, 10800, "  the others are ok");
	is_int(b->hist[H_RESPONSE]->censored, 1200, "  those in flight are lower bounds");
	is_int(b->hist[H_RESPONSE]->count, 12000, "  and none is left out");
	near(b, H_RESPONSE, 95, 8 * SQ_S);
	near(b, H_RESPONSE, 99, 104 * SQ_S / 10);
	near(b, H_RESPONSE, 100, 11 * SQ_S);
	is_int(b->hist[H_FIRST_BYTE]->censored, 1200, "  they had no first byte");
	is_int(b->hist[H_RECEIVE]->count, 10800, "  and received nothing");
	run_free(&r);
}

static void test_end_bounded(void)
{
	struct run r = {.connections = 20,
	                .service = SQ_MS,
	                .stall_from = 54 * SQ_S,
	                .stall_to = 1000 * SQ_S,
	                .drain = 5 * SQ_S};
	struct books *b = run(&r, "T2, 20 connections");

	is_int(b->ledger.in_flight_at_end, 20, "  those are in flight");
	is_int(b->ledger.dropped[DROPPED_ABORTED], 1180, "  the others were never sent");
	near(b, H_RESPONSE, 100, 11 * SQ_S);
	run_free(&r);

	r.patience = 2 * SQ_S;
	b = run(&r, "T2, patience 2 s");
	is_int(b->ledger.dropped[DROPPED_PATIENCE], 1180, "  who waited gave up");
	is_int(b->late_unsent, 0, "  which was not our lateness");
	run_free(&r);

	r.patience = 0;
	r.max_in_flight = 100;
	b = run(&r, "T2, at most 100 in flight");
	is_int(b->ledger.dropped[DROPPED_MAX_IN_FLIGHT], 1100, "  above that they were dropped");
	is_int(b->ledger.dropped[DROPPED_ABORTED], 80, "  80 were waiting");
	is_int(b->ledger.in_flight_at_end, 20, "  and 20 sent");
	run_free(&r);
}

/* --- time limits ----------------------------------------------------------------------------- */

/* 20 connections, each lost after 1 s of silence and replaced: 20 a second for 6 s. What the target had
 * taken by 36 s it still answers. */
static void test_timeouts(void)
{
	struct run r = {.connections = 20,
	                .service = SQ_MS,
	                .stall_from = 30 * SQ_S,
	                .stall_to = 36 * SQ_S,
	                .timeout = SQ_S};
	struct books *b = run(&r, "T1, timeout 1 s");
	uint64_t timeouts = b->ledger.error[ERROR_TIMEOUT];

	ok(timeouts >= 100 && timeouts <= 120, "  five or six times 20 timed out (%d)", (int)timeouts);
	is_int(b->hist[H_SERVICE]->censored, timeouts, "  each a lower bound");
	is_int(b->ledger.ok + timeouts, 12000, "  and all others were answered");
	ok(llabs(b->hist[H_SERVICE]->max - SQ_S) < 2 * SQ_MS, "  a second each (%.3f ms)",
	   (double)b->hist[H_SERVICE]->max / 1e6);
	is_int(b->opened, 20 + timeouts, "  each cost a connection");
	run_free(&r);
}

/* T7: 90 ms, ten times a second: 90 ms, not the half of it. */
static void test_on_time(void)
{
	struct run r = {.connections = 10, .service = 90 * SQ_MS, .rate = 10};
	struct books *b = run(&r, "T7");

	for (int h = H_SERVICE; h <= H_RESPONSE; h++)
		ok(b->hist[h]->min >= 90 * SQ_MS && b->hist[h]->max <= 90 * SQ_MS + 20 * SQ_US,
		   "  %s: 90 ms, all of them (%.3f .. %.3f)", books_hist_name[h],
		   (double)b->hist[h]->min / 1e6, (double)b->hist[h]->max / 1e6);
	is_int(b->opened, 1, "  on one connection");
	run_free(&r);
}

/* One request every ten seconds. */
static void test_seldom(void)
{
	struct run r = {.connections = 10, .service = 90 * SQ_MS, .rate = 0.1};
	struct books *b = run(&r, "0.1/s");

	ok(r.schedule.total == 6 && b->ledger.ok == 6 && b->ledger.on_time == 6,
	   "  six in a minute, on time");
	ok(b->last_sent >= 50 * SQ_S && b->last_sent < 50 * SQ_S + 20 * SQ_US,
	   "  the last one after 50 s (%.6f)", (double)b->last_sent / 1e9);
	at_most(b, H_LAG, 20 * SQ_US);
	ok(b->hist[H_RESPONSE]->min >= 90 * SQ_MS && b->hist[H_RESPONSE]->max <= 90 * SQ_MS + 40 * SQ_US,
	   "  90 ms, all of them (%.3f .. %.3f)", (double)b->hist[H_RESPONSE]->min / 1e6,
	   (double)b->hist[H_RESPONSE]->max / 1e6);
	is_int(b->opened, 1, "  on one connection");
	run_free(&r);
}

/* --- what is said of it ---------------------------------------------------------------------- */

static int64_t number(struct json_object *doc, const char *a, const char *b)
{
	return json_object_get_int64(json_object_object_get(json_object_object_get(doc, a), b));
}

/* Nothing was ever answered: everything is a lower bound, and nothing is green. */
static void test_never(void)
{
	struct run r = {
	    .connections = PEERS, .stall_to = 1000 * SQ_S, .drain = 5 * SQ_S, .rate = 20, .service = SQ_MS};
	struct books *b = run(&r, "a target that never answers");
	struct health health = {.elapsed = DURATION};
	struct json_object *doc;

	is_int(b->ledger.in_flight_at_end, 1200, "  all are in flight at the end");
	doc = result_write(&(struct result_input){.test_id = "x",
	                                          .state = "completed",
	                                          .plan = r.plan,
	                                          .books = b,
	                                          .health = &health,
	                                          .elapsed = DURATION,
	                                          .planned = 1,
	                                          .armed = 1,
	                                          .reported = 1,
	                                          .audit = "n/a"});
	is_int(number(doc, "ledger", "in_flight_at_end"), 1200, "  the document says so");
	is_int(number(json_object_object_get(doc, "latency_ms"), "response", "censored"), 1200,
	       "  and that its latencies are lower bounds");
	is_str(json_object_get_string(json_object_object_get(doc, "verdict")), "fail", "  it fails");
	is_int(result_exit_code(doc, false, false), RESULT_EXIT_FAIL, "  and so does the exit code");
	json_object_put(doc);
	run_free(&r);
}

int main(void)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur < 2 * PEERS + 100)
		return tap_skip_all("too few file descriptors");
	test_stall();
	test_stall_bounded();
	test_stopped();
	test_end();
	test_end_bounded();
	test_timeouts();
	test_on_time();
	test_seldom();
	test_never();
	return tap_done();
}
