/* test_lifecycle.c - every cell of the transition table, and what must never happen. */
#include "plugins/common/lifecycle.h"

#include <squall/util.h>

#include "tests/tap.h"

static const struct outcome cancelled = {T_CANCELLED, "cancelled"};
static const struct outcome failed = {T_FAILED, "target_unreachable"};

static const struct outcome *brought(enum test_event e)
{
	return e == E_STOP ? &cancelled : NULL;
}

/* What each event makes of each live state when nothing was decided before. "" = no change. */
static const char *const cells[T_COMPLETED][E_EVENTS] = {
    [T_QUEUED] = {[E_OWNED] = "provisioning", [E_STOP] = "cancelled", [E_DEADLINE] = "timed_out"},
    [T_PROVISIONING] = {[E_ALL_READY] = "ready", [E_STOP] = "draining", [E_DEADLINE] = "draining"},
    [T_READY] = {[E_T0_COMMITTED] = "armed", [E_STOP] = "draining", [E_DEADLINE] = "draining"},
    [T_ARMED] = {[E_T0_PASSED] = "running", [E_STOP] = "draining", [E_DEADLINE] = "draining"},
    [T_RUNNING] = {[E_SCHEDULE_OVER] = "draining", [E_STOP] = "draining", [E_DEADLINE] = "draining"},
    [T_DRAINING] = {[E_ALL_GONE] = "completed", [E_DEADLINE] = "completed"},
};

static void test_cells(void)
{
	for (int s = 0; s < T_STATES; s++) {
		bool good = true;

		for (int e = 0; e < E_EVENTS; e++) {
			struct lifecycle l = {(enum test_state)s, {T_STATES, NULL}};
			const char *want = s < T_COMPLETED && cells[s][e]
			                       ? cells[s][e]
			                       : lifecycle_word((enum test_state)s);
			bool changed = lifecycle_apply(&l, (enum test_event)e, brought((enum test_event)e));

			good = good && strcmp(lifecycle_word(l.state), want) == 0 &&
			       changed == (l.state != (enum test_state)s);
			if (strcmp(lifecycle_word(l.state), want) != 0)
				printf("# event %d: %s, want %s\n", e, lifecycle_word(l.state), want);
		}
		ok(good, "every event from %s", lifecycle_word((enum test_state)s));
	}
}

static void test_first_outcome_stays(void)
{
	struct lifecycle l = LIFECYCLE_NEW;

	lifecycle_apply(&l, E_OWNED, NULL);
	lifecycle_apply(&l, E_STOP, &failed);
	is_str(lifecycle_word(l.state), "draining", "a stop with workers waits for them");
	lifecycle_apply(&l, E_STOP, &cancelled);
	lifecycle_apply(&l, E_DEADLINE, NULL);
	is_str(lifecycle_word(l.state), "failed", "the first outcome stays");
	is_str(l.outcome.reason, "target_unreachable", "with its reason");
	ok(!lifecycle_apply(&l, E_OWNED, NULL) && !lifecycle_apply(&l, E_STOP, &cancelled),
	   "an end is final");
}

static void test_words_and_limits(void)
{
	struct lifecycle_limits l = lifecycle_limits(20 * SQ_S, 5 * SQ_S);
	bool good = true;

	for (int s = 0; s < T_STATES; s++) {
		enum test_state state = (enum test_state)s;

		good = good && lifecycle_parse(lifecycle_word(state)) == s;
		good = good && (lifecycle_limit(&l, state) == 0) == lifecycle_terminal(state);
	}
	ok(good, "words read back, and exactly the ends have no deadline");
	ok(lifecycle_parse("gone") < 0, "an unknown word is refused");
	is_int(lifecycle_limit(&l, T_RUNNING), 50 * SQ_S, "running: the duration and 30 s");
}

int main(void)
{
	test_cells();
	test_first_outcome_stays();
	test_words_and_limits();
	return tap_done();
}
