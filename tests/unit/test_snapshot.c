/* test_snapshot.c - books that were taken away piece by piece are the whole books. */
#include "plugins/role/worker/figures.h"

#include <stdlib.h>

#include "tests/failmalloc.h"
#include "tests/tap.h"

/* One request, in both books: the one that is taken from and one that never was. */
static void request(struct books *a, struct books *b, uint64_t tick, int64_t service)
{
	struct books *all[] = {a, b};

	for (size_t i = 0; i < SQ_LEN(all); i++) {
		struct request_times r = {0};
		int64_t due = (int64_t)tick * SQ_MS;

		books_due(all[i], &r, tick, due, due + 10);
		books_sent(all[i], &r, due + 20, tick > 0);
		if (tick % 7)
			books_answered(all[i], &r, due + 20 + service, 200, true, true, NULL);
		else
			books_broken(all[i], &r, due + 20 + service, ERROR_TIMEOUT, NULL);
	}
}

static bool same(const struct books *a, const struct books *b)
{
	bool good = memcmp(&a->ledger, &b->ledger, sizeof a->ledger) == 0 && a->picked == b->picked &&
	            a->reused == b->reused && a->slowest_count == b->slowest_count &&
	            memcmp(a->slowest, b->slowest, sizeof a->slowest) == 0 &&
	            memcmp(a->errors, b->errors, sizeof a->errors) == 0;

	for (int i = 0; good && i < H_COUNT; i++)
		good = hist_equal(a->hist[i], b->hist[i]) && a->hist[i]->min == b->hist[i]->min &&
		       a->hist[i]->max == b->hist[i]->max && a->hist[i]->sum == b->hist[i]->sum &&
		       a->hist[i]->censored == b->hist[i]->censored;
	return good;
}

static void test_whole(void)
{
	struct books *loop = books_new(0), *whole = books_new(0);
	struct snapshot s = {0};
	uint64_t tick = 0;
	int differ = 0;

	if (!loop || !whole || snapshot_init(&s) < 0)
		abort();
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < round; i++, tick++)
			request(loop, whole, tick, (int64_t)(tick * tick * 977 % 100000000));
		snapshot_take(&s, loop);
		snapshot_add(&s);
		differ += !same(s.total, whole);
	}
	is_int(differ, 0, "each snapshot is what the whole books are");
	is_int(s.total->ledger.scheduled, tick, "  all requests");
	ok(books_closed(s.total), "  and closes as they do");
	is_int(loop->hist[H_LAG]->count, 0, "the loop goes on with empty histograms");
	snapshot_take(&s, loop);
	snapshot_add(&s);
	ok(same(s.total, whole), "taking nothing changes nothing");
	snapshot_fini(&s);
	books_free(loop);
	books_free(whole);
}

/* The thread that was to add them up could not be started, once or several times in a row. */
static void test_left(void)
{
	struct plan plan = {.request_count = 0};
	struct figures f = {0};
	struct report r = {0};
	struct books *whole = books_new(0);

	if (!whole || figures_open(&f, &plan) < 0)
		abort();
	for (uint64_t tick = 0; tick < 40; tick++) {
		request(f.accounts.common, whole, tick, (int64_t)(tick + 1) * SQ_MS);
		figures_take(&f, NULL);
		if (tick % 5 == 4)
			figures_add(&f, &r);
	}
	ok(same(r.books, whole), "what was taken and never added up is not lost");
	figures_take(&f, NULL);
	figures_add(&f, &r);
	ok(same(r.books, whole), "  nor counted twice");
	figures_close(&f);
	books_free(whole);
}

static void test_memory(void)
{
	struct snapshot s;
	unsigned n = 1;
	int r, bad = 0;

	for (;; n++) {
		s = (struct snapshot){0};
		failmalloc_after(n);
		r = snapshot_init(&s);
		snapshot_fini(&s);
		if (!failmalloc_stop())
			break;
		bad += r == 0;
	}
	ok(bad == 0 && n > 2 * H_COUNT, "every failed allocation is told");
}

int main(void)
{
	test_whole();
	test_left();
	test_memory();
	return tap_done();
}
