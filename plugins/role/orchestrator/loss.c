/* loss.c - workers that died, fell silent or could not do their part, and what follows (design 4). */
#include <stdio.h>
#include <string.h>

#include "test_parts.h"

#define REPLACED_WITHIN (30 * SQ_S) /* a platform that replaces workers does it in this time */

static bool is_silent(const struct test *t, int64_t now, const struct worker *w)
{
	return now - w->heard > t->setup.report_timeout;
}

bool test_lost(const struct test *t, int64_t now, uint32_t place)
{
	const struct worker *w = &t->workers[place];

	return !w->taken || w->lost || (!w->final && (w->gone || *w->problem || is_silent(t, now, w))) ||
	       (w->final && *w->problem);
}

uint32_t test_count_lost(const struct test *t, int64_t now)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->setup.workers; i++)
		n += test_lost(t, now, i);
	return n;
}

void loss_wake(struct test *t, int64_t gap)
{
	for (uint32_t i = 0; i < t->setup.workers; i++)
		t->workers[i].heard += gap;
}

static bool is_before_start(const struct test *t)
{
	return !t->committed && t->life.state < T_ARMED;
}

/* Nothing was sent yet: whoever comes next may have the place. */
static void free_silent(struct test *t, int64_t now)
{
	for (uint32_t i = 0; i < t->setup.workers; i++)
		if (t->workers[i].taken && is_silent(t, now, &t->workers[i]))
			t->workers[i].taken = false;
}

static void name_lost(const struct test *t, int64_t now, char *out, size_t size)
{
	size_t at = 0;

	*out = '\0';
	for (uint32_t i = 0; i < t->setup.workers && at < size; i++) {
		const struct worker *w = &t->workers[i];

		if (test_lost(t, now, i))
			at += (size_t)snprintf(out + at, size - at, "%s%s (%s)", at ? ", " : "",
			                       *w->name ? w->name : w->uid,
			                       *w->ended     ? w->ended
			                       : w->gone     ? "ended"
			                       : *w->problem ? w->problem
			                                     : "silent");
	}
}

static bool is_bearable(const struct test *t, uint32_t lost, uint32_t most)
{
	switch (t->setup.on_loss) {
	case LOSS_DEGRADE:
		return lost <= most;
	case LOSS_REDISTRIBUTE:
		return spread_spared(t) <= most;
	default:
		return false;
	}
}

void loss_tick(struct test *t, int64_t now)
{
	uint32_t n = t->setup.workers, most = n / 10 > 1 ? n / 10 : 1, lost;
	char names[300];

	if (is_before_start(t)) {
		free_silent(t, now);
		if (t->launch.short_since &&
		    (t->setup.mortal || now - t->launch.short_since >= REPLACED_WITHIN))
			ending_stop(t, now, T_FAILED, "workers_lost", "a worker ended before the start: %s",
			            *t->launch.reason ? t->launch.reason : "its log says why");
		return;
	}
	if (t->life.state != T_ARMED && t->life.state != T_RUNNING)
		return;
	lost = test_count_lost(t, now);
	if (lost == 0 || (lost < n && is_bearable(t, lost, most)))
		return;
	name_lost(t, now, names, sizeof names);
	ending_stop(t, now, T_FAILED, "workers_lost", "%u of %u workers: %s", (unsigned)lost, (unsigned)n,
	            names);
}

void loss_judge(struct test *t, int64_t now)
{
	const enum test_state decided = t->life.outcome.state;
	char names[300];

	if ((decided != T_COMPLETED && decided != T_STATES) || !t->committed || t->halted ||
	    test_count_lost(t, now) < t->setup.workers)
		return;
	name_lost(t, now, names, sizeof names);
	t->life.outcome = (struct outcome){T_FAILED, "workers_lost"};
	snprintf(t->detail, sizeof t->detail, "all %u workers, as was known only at the end: %s",
	         (unsigned)t->setup.workers, names);
}

void test_worker_gone(struct test *t, int64_t now, const char *name, const char *reason)
{
	for (uint32_t i = 0; *name && i < t->setup.workers; i++) {
		struct worker *w = &t->workers[i];

		if (!w->taken || w->gone || strcmp(w->name, name) != 0)
			continue;
		if (is_before_start(t)) {
			w->taken = false;
		} else {
			w->gone = true;
			w->gone_at = now;
			snprintf(w->ended, sizeof w->ended, "%s", reason ? reason : "");
		}
		test_note_news(t);
	}
}

void loss_all_gone(struct test *t, int64_t now)
{
	for (uint32_t i = 0; i < t->setup.workers; i++) {
		struct worker *w = &t->workers[i];

		if (!w->gone)
			w->gone_at = now;
		w->gone = true;
	}
}

void test_job_seen(struct test *t, int64_t now, uint32_t gone, uint32_t alive, const char *reason)
{
	snprintf(t->launch.reason, sizeof t->launch.reason, "%s", reason ? reason : "");
	if (gone == 0 || alive >= t->setup.workers)
		t->launch.short_since = 0;
	else if (t->launch.short_since == 0)
		t->launch.short_since = now;
	test_note_news(t);
}
