/*
 * test_scenarios.c - stories of one test and up to two orchestrators, in virtual time.
 *
 * Runs each file that is named on the command line, or all of tests/scenario. A line is one step; what
 * stands behind # is a comment. A is the first orchestrator, B the second.
 *
 *     setup workers=2 duration=10 drain=1 ttl=2 timeout=5 rate=10 loss=degrade|abort|redistribute mortal
 *     at 1.5                        time passes until then
 *     A takes | adopts              the lease, and the test | refused: it does not get the lease
 *     A refuses                     takes it, to say that it must not run
 *     A crashes | pauses | wakes | stops | is cut off | is back
 *     A store|job works|loses|mute|fails|hangs      how its next request fares (mute: done, unanswered)
 *     w1 dies | mute | talks | sleeps | wakes | slow | ready | unreachable | busy | holds | flows | deaf |
 * hears w1 ahead S cancel presence SECONDS      who started it says that it is there, which counts for so
 * long expect state WORD [REASON] | expect A over|open|out | expect sending|started|resumed|prepared|stops N expect
 * moved N                entries of the slot map | expect until N | expect w1 sent N (ticks) expect ledger
 * sent|dropped|unconfirmed|worker_lost|fenced|aborted N|some expect t0 EPOCH | expect no t0 | expect
 * adoptions N | expect job none|prepared|running
 *
 * Together they have to go through every row of the table of states (lifecycle.c): one that no story tells
 * of is a failure.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tap.h"
#include "tests/unit/world.h"

#define WORDS 8

struct story {
	struct world w;
	struct schedule schedule;
	bool set_up;
	const char *file;
	int line;
	char *word[WORDS + 1];
	int words;
	char problem[300];
};

#define PROBLEM(s, ...) snprintf((s)->problem, sizeof(s)->problem, __VA_ARGS__)

static bool is(const struct story *s, int i, const char *word)
{
	return i < s->words && strcmp(s->word[i], word) == 0;
}

static int64_t seconds(const char *text)
{
	return (int64_t)(strtod(text, NULL) * 1000 + 0.5) * SQ_MS;
}

static enum loss_policy loss_policy(const char *word)
{
	if (strcmp(word, "abort") == 0)
		return LOSS_ABORT;
	return strcmp(word, "redistribute") == 0 ? LOSS_REDISTRIBUTE : LOSS_DEGRADE;
}

static void set_up(struct story *s)
{
	struct test_setup setup = {.workers = 2,
	                           .duration = 10 * SQ_S,
	                           .drain = SQ_S,
	                           .report_timeout = 5 * SQ_S,
	                           .on_loss = LOSS_DEGRADE};
	int64_t ttl = 2 * SQ_S, rate = 10;

	for (int i = 1; i < s->words; i++) {
		char *value = strchr(s->word[i], '=');

		if (value)
			*value++ = '\0';
		if (is(s, i, "workers"))
			setup.workers = (uint32_t)atoi(value);
		else if (is(s, i, "duration"))
			setup.duration = seconds(value);
		else if (is(s, i, "drain"))
			setup.drain = seconds(value);
		else if (is(s, i, "ttl"))
			ttl = seconds(value);
		else if (is(s, i, "timeout"))
			setup.report_timeout = seconds(value);
		else if (is(s, i, "loss"))
			setup.on_loss = loss_policy(value);
		else if (is(s, i, "rate"))
			rate = atoi(value);
		else if (is(s, i, "mortal"))
			setup.mortal = true;
		else
			PROBLEM(s, "no such setting: %s", s->word[i]);
	}
	setup.limits = lifecycle_limits(setup.duration, setup.drain);
	schedule_constant(&s->schedule, rate * 1000000, setup.duration);
	if (s->schedule.total > WORLD_TICKS)
		PROBLEM(s, "too many ticks for this world");
	setup.schedule = &s->schedule;
	world_init(&s->w, &setup, ttl);
	s->set_up = true;
}

static bool set_fate(const struct story *s, enum fate *fate)
{
	static const char *const words[] = {"works", "loses", "mute", "fails", "hangs"};

	for (size_t i = 0; i < SQ_LEN(words); i++)
		if (is(s, 2, words[i])) {
			*fate = (enum fate)i;
			return true;
		}
	return false;
}

static void do_orchestrator(struct story *s, int who)
{
	struct orchestrator *o = &s->w.o[who];
	int r = 0;

	if (is(s, 1, "takes") || is(s, 1, "adopts")) {
		bool refused = is(s, 2, "refused");

		r = is(s, 1, "takes") ? world_deliver(&s->w, who) : world_adopt(&s->w, who);
		if ((r < 0) != refused)
			PROBLEM(s, "the lease was %s", refused ? "granted" : "refused");
	} else if (is(s, 1, "refuses")) {
		if (world_refuse(&s->w, who) < 0)
			PROBLEM(s, "the lease was refused");
	} else if (is(s, 1, "crashes")) {
		world_crash(&s->w, who);
	} else if (is(s, 1, "pauses") || is(s, 1, "wakes")) {
		o->paused = is(s, 1, "pauses");
	} else if (is(s, 1, "stops")) {
		test_shutdown(&o->t, s->w.now);
	} else if (is(s, 1, "is")) {
		o->cut = is(s, 2, "cut");
	} else if (!(is(s, 1, "store") && set_fate(s, &o->store.fate)) &&
	           !(is(s, 1, "job") && set_fate(s, &o->job.fate))) {
		PROBLEM(s, "an orchestrator cannot do that: %s", s->words > 1 ? s->word[1] : "");
	}
}

static void do_worker(struct story *s)
{
	struct worker_process *p = world_worker(&s->w, s->word[0]);

	if (!p)
		p = &s->w.w[atoi(s->word[0] + 1) - 1]; /* before it is born */
	if (is(s, 1, "dies"))
		world_kill(&s->w, p);
	else if (is(s, 1, "mute") || is(s, 1, "talks"))
		p->mute = is(s, 1, "mute");
	else if (is(s, 1, "sleeps"))
		p->asleep = true, p->round_trip = -s->w.now;
	else if (is(s, 1, "wakes"))
		p->asleep = false, p->round_trip += s->w.now;
	else if (is(s, 1, "slow") || is(s, 1, "ready"))
		p->slow = is(s, 1, "slow");
	else if (is(s, 1, "unreachable"))
		p->unreachable = true;
	else if (is(s, 1, "busy"))
		p->busy = true;
	else if (is(s, 1, "holds") || is(s, 1, "flows"))
		p->holds = is(s, 1, "holds");
	else if (is(s, 1, "ahead") && s->words > 2)
		p->ahead = seconds(s->word[2]);
	else if (is(s, 1, "deaf") || is(s, 1, "hears"))
		p->deaf = is(s, 1, "deaf");
	else
		PROBLEM(s, "a worker cannot do that");
}

static void expect_number(struct story *s, const char *what, long got)
{
	long want = s->words > 2 ? strtol(s->word[2], NULL, 10) : -1;

	if (got != want)
		PROBLEM(s, "%s: got %ld, want %ld", what, got, want);
}

static void expect_state(struct story *s)
{
	const char *state = lifecycle_word(s->w.record.s.state);

	if (!is(s, 2, state))
		PROBLEM(s, "the record's state is %s (%s)", state, s->w.record.reason);
	else if (s->words > 3 && !is(s, 3, s->w.record.reason))
		PROBLEM(s, "the record's reason is \"%s\"", s->w.record.reason);
	else if (s->words == 3 && *s->w.record.reason && lifecycle_terminal(s->w.record.s.state))
		PROBLEM(s, "the record has a reason: \"%s\"", s->w.record.reason);
}

static void expect_orchestrator(struct story *s, int who)
{
	const struct orchestrator *o = &s->w.o[who];
	const char *is_now = !o->active || o->t.given_up ? "out" : test_over(&o->t) ? "over" : "open";

	if (!is(s, 2, is_now))
		PROBLEM(s, "it is %s", is_now);
}

static long count(const struct world *w, bool now)
{
	long n = 0;

	for (uint32_t i = 0; i < w->setup.workers; i++)
		n += now ? w->w[i].sending : w->w[i].sent;
	return n;
}

static void expect_ledger(struct story *s)
{
	const struct world *w = &s->w;
	struct {
		const char *name;
		uint64_t n;
	} const classes[] = {{"sent", w->ledger.sent},
	                     {"dropped", w->ledger.dropped},
	                     {"unconfirmed", w->ledger.unconfirmed},
	                     {"worker_lost", w->ledger.worker_lost},
	                     {"fenced", w->ledger.fenced},
	                     {"aborted", w->ledger.aborted}};

	for (size_t i = 0; i < SQ_LEN(classes); i++) {
		if (!is(s, 2, classes[i].name))
			continue;
		if (is(s, 3, "some") ? classes[i].n == 0
		                     : s->words < 4 || classes[i].n != strtoull(s->word[3], NULL, 10))
			PROBLEM(s, "ledger: %s is %llu", classes[i].name, (unsigned long long)classes[i].n);
		return;
	}
	PROBLEM(s, "no such class");
}

static void expect_ticks(struct story *s)
{
	const struct worker_process *p = world_worker(&s->w, s->word[1]);
	long n = 0, want = s->words > 3 ? strtol(s->word[3], NULL, 10) : -1;

	for (int k = 0; p && k < WORLD_TICKS; k++)
		n += p->ticks.sent[k];
	if (n != want)
		PROBLEM(s, "%s sent %ld ticks", s->word[1], n);
}

static void expect_none(struct story *s)
{
	if (s->w.record.s.committed)
		PROBLEM(s, "there is a T0");
}

static void do_expect(struct story *s)
{
	static const char *const objects[] = {"none", "prepared", "running"};
	const struct world *w = &s->w;

	if (is(s, 1, "state"))
		expect_state(s);
	else if (is(s, 1, "A") || is(s, 1, "B"))
		expect_orchestrator(s, is(s, 1, "B"));
	else if (is(s, 1, "sending") || is(s, 1, "started"))
		expect_number(s, s->word[1], count(w, is(s, 1, "sending")));
	else if (is(s, 1, "resumed"))
		expect_number(s, "resumed", w->job.resumed);
	else if (is(s, 1, "prepared"))
		expect_number(s, "prepared", w->job.prepared);
	else if (is(s, 1, "stops"))
		expect_number(s, "stops that A asked for", w->o[0].job.stops);
	else if (is(s, 1, "t0"))
		expect_number(s, "epoch of T0", w->record.s.committed ? (long)w->record.s.t0_epoch : 0);
	else if (is(s, 1, "no"))
		expect_none(s);
	else if (is(s, 1, "moved"))
		expect_number(s, "moves", w->record.s.moves);
	else if (is(s, 1, "until"))
		expect_number(s, "until_tick", (long)w->record.s.until_tick);
	else if (is(s, 1, "ledger"))
		expect_ledger(s);
	else if (s->words > 2 && is(s, 2, "sent"))
		expect_ticks(s);
	else if (is(s, 1, "adoptions"))
		expect_number(s, "adoptions", w->record.s.adoptions);
	else if (!is(s, 1, "job"))
		PROBLEM(s, "nothing to expect");
	else if (!is(s, 2, objects[w->job.state]))
		PROBLEM(s, "the object is %s", objects[w->job.state]);
}

static void do_line(struct story *s)
{
	if (is(s, 0, "setup"))
		set_up(s);
	else if (!s->set_up)
		PROBLEM(s, "the first line must be a setup");
	else if (is(s, 0, "at") && s->words == 2)
		world_run(&s->w, seconds(s->word[1]));
	else if (is(s, 0, "A") || is(s, 0, "B"))
		do_orchestrator(s, is(s, 0, "B"));
	else if (is(s, 0, "cancel"))
		world_cancel(&s->w);
	else if (is(s, 0, "presence") && s->words == 2)
		world_presence(&s->w, seconds(s->word[1]));
	else if (is(s, 0, "expect"))
		do_expect(s);
	else if (s->word[0][0] == 'w' && atoi(s->word[0] + 1) > 0 && atoi(s->word[0] + 1) <= WORLD_WORKERS)
		do_worker(s);
	else
		PROBLEM(s, "nobody understands \"%s\"", s->word[0]);
	if (!*s->problem && *s->w.broken)
		PROBLEM(s, "%s", s->w.broken);
}

static void split(struct story *s, char *line)
{
	char *save, *word;

	line[strcspn(line, "#\n")] = '\0';
	s->words = 0;
	for (word = strtok_r(line, " \t", &save); word && s->words < WORDS;
	     word = strtok_r(NULL, " \t", &save))
		s->word[s->words++] = word;
}

static void run_file(const char *dir, const char *name)
{
	struct story s = {.file = name};
	char path[4096], line[200];
	FILE *f;

	snprintf(path, sizeof path, "%s%s%s", dir, *dir ? "/" : "", name);
	f = fopen(path, "r");
	if (!f)
		PROBLEM(&s, "cannot be read: %s", strerror(errno));
	while (f && !*s.problem && fgets(line, sizeof line, f)) {
		s.line++;
		split(&s, line);
		if (s.words > 0)
			do_line(&s);
	}
	if (f)
		fclose(f);
	ok(!*s.problem && s.set_up, "%s", name);
	if (*s.problem)
		printf("# line %d, %.2f s: %s\n", s.line, (double)s.w.now / SQ_S, s.problem);
	world_free(&s.w);
}

static int is_story(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return len > 4 && strcmp(e->d_name + len - 4, ".scn") == 0;
}

/* --- every row of the table ------------------------------------------------------------------- */

bool __real_lifecycle_apply(struct lifecycle *l, enum test_event e, const struct outcome *how);
bool __wrap_lifecycle_apply(struct lifecycle *l, enum test_event e, const struct outcome *how);

static unsigned told[T_STATES][E_EVENTS]; /* how often an event met a state */

bool __wrap_lifecycle_apply(struct lifecycle *l, enum test_event e, const struct outcome *how)
{
	told[l->state][e]++;
	return __real_lifecycle_apply(l, e, how);
}

/* It changes the state, or decides the end. */
static bool is_row(enum test_state s, enum test_event e)
{
	static const struct outcome end = {T_CANCELLED, "cancelled"};
	struct lifecycle l = {s, {T_STATES, NULL}};

	return __real_lifecycle_apply(&l, e, e == E_STOP ? &end : NULL) || l.outcome.state != T_STATES;
}

/* T0 passes before the deadline of armed, which counts from it: that row is for a fault nobody knows of. */
static bool is_unreachable(enum test_state s, enum test_event e)
{
	return s == T_ARMED && e == E_DEADLINE;
}

static void check_rows(void)
{
	static const char *const events[E_EVENTS] = {[E_OWNED] = "owned",
	                                             [E_ALL_READY] = "all ready",
	                                             [E_T0_COMMITTED] = "T0 committed",
	                                             [E_T0_PASSED] = "T0 passed",
	                                             [E_SCHEDULE_OVER] = "schedule over",
	                                             [E_STOP] = "stop",
	                                             [E_ALL_GONE] = "all gone",
	                                             [E_DEADLINE] = "deadline"};

	for (enum test_state s = 0; s < T_STATES; s++)
		for (enum test_event e = 0; e < E_EVENTS; e++)
			if (is_row(s, e))
				ok((told[s][e] > 0) == !is_unreachable(s, e), "the row %s, %s is in a story",
				   lifecycle_word(s), events[e]);
}

int main(int argc, char **argv)
{
	const char *srcdir = getenv("srcdir");
	struct dirent **found;
	char dir[4000];
	int n;

	for (int i = 1; i < argc; i++)
		run_file("", argv[i]);
	if (argc > 1)
		return tap_done();
	snprintf(dir, sizeof dir, "%s/tests/scenario", srcdir ? srcdir : ".");
	n = scandir(dir, &found, is_story, alphasort);
	ok(n > 0, "there are scenarios in %s", dir);
	for (int i = 0; i < n; i++) {
		run_file(dir, found[i]->d_name);
		free(found[i]);
	}
	if (n >= 0)
		free(found);
	check_rows();
	return tap_done();
}
