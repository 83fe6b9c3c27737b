/* test_merge.c - the books of many workers together are the books of one that did all. */
#include <stdlib.h>

#include "plugins/common/books.h"
#include "plugins/common/slots.h"
#include "tests/tap.h"

#define ONE 1000000LL
#define WORKERS 7
#define T0 (5 * SQ_S)

static int64_t mix(uint64_t k) /* a number that depends on the tick alone */
{
	k *= 0x9e3779b97f4a7c15ULL;
	return (int64_t)(k >> 40);
}

static void sent_one(struct books *b, struct request_times *r, int64_t x)
{
	struct sample s = {.status = (int)(x % 1000), .body_len = (uint16_t)(x % 512)};

	books_sent(b, r, r->picked + x % 5000, x % 3 == 0);
	b->bytes_sent += (uint64_t)x % 300;
	b->bytes_received += (uint64_t)x % 7000;
	if (x % 4 == 0)
		books_first_byte(b, r, r->sent + 1 + x % 100);
	switch (x % 20) {
	case 0:
		books_broken(b, r, r->sent + 1000 + x, (enum ledger_error)(x / 20 % ERROR_KINDS), &s);
		break;
	case 1:
		books_unanswered(b, r, r->sent + 1000 + x);
		break;
	case 2:
		books_answered(b, r, r->sent + 1000 + x, 500 + (int)(x % 100), false, true, &s);
		break;
	case 3:
		books_answered(b, r, r->sent + 1000 + x, 200, true, false, &s);
		break;
	default:
		books_answered(b, r, r->sent + 1000 + x, 200 + (int)(x % 7), true, true, &s);
	}
}

/* The life of one request follows from its tick alone. */
static void live(struct books *b, const struct schedule *s, uint64_t tick)
{
	int64_t due = b->t0 + schedule_due(s, tick);
	struct request_times r = {0};
	int64_t x = mix(tick);

	books_due(b, &r, tick, due, due + x % (2 * SQ_MS));
	if (x % 17 == 0)
		books_dropped(b, &r, (enum ledger_dropped)(x / 17 % DROPPED_KINDS));
	else if (x % 17 == 1)
		books_unsent(b, &r, r.picked + x % 1000, (enum ledger_unsent)(x / 17 % UNSENT_KINDS), NULL);
	else
		sent_one(b, &r, x);
	if (x % 50 == 0) {
		books_connected(b, x % 3 ? -1 : x, x, x % 5 ? -1 : x);
		books_handshake(b, x % 2);
	}
}

static void compare_hists(const struct books *a, const struct books *b)
{
	for (int i = 0; i < H_COUNT; i++) {
		const struct hist *x = a->hist[i], *y = b->hist[i];

		ok(hist_equal(x, y) && x->count > 0 && x->censored == y->censored && x->min == y->min &&
		       x->max == y->max && x->sum == y->sum,
		   "%s: the same cell by cell", books_hist_name[i]);
	}
}

static bool same_sample(const struct sample *a, const struct sample *b)
{
	return a->tick == b->tick && a->offset == b->offset && a->response == b->response &&
	       a->service == b->service && a->pickup == b->pickup && a->wait == b->wait &&
	       a->first_byte == b->first_byte && a->status == b->status && a->body_len == b->body_len;
}

static bool same_samples(const struct books *a, const struct books *b)
{
	bool same = a->slowest_count == b->slowest_count && a->slowest_count == BOOKS_SAMPLES;

	for (unsigned i = 0; i < BOOKS_SAMPLES; i++)
		same &= same_sample(&a->slowest[i], &b->slowest[i]);
	for (int kind = 0; kind < SAMPLE_KINDS; kind++) {
		same &= a->error_count[kind] == b->error_count[kind] && a->error_count[kind] == BOOKS_SAMPLES;
		for (unsigned i = 0; i < BOOKS_SAMPLES; i++)
			same &= same_sample(&a->errors[kind][i], &b->errors[kind][i]);
	}
	return same;
}

static void compare(const struct books *a, const struct books *b)
{
	ok(memcmp(&a->ledger, &b->ledger, sizeof a->ledger) == 0, "the same ledger");
	compare_hists(a, b);
	ok(memcmp(a->status, b->status, sizeof a->status) == 0, "the same statuses");
	ok(a->opened == b->opened && a->reused == b->reused && a->tls_full == b->tls_full &&
	       a->tls_resumed == b->tls_resumed && a->tls_full > 0, "the same connections");
	ok(a->bytes_sent == b->bytes_sent && a->bytes_received == b->bytes_received, "the same bytes");
	ok(a->picked == b->picked && a->picked == 30021, "the same looks");
	ok(a->late_unsent == b->late_unsent && a->late_unsent > 0, "the same late ones that were not sent");
	ok(a->last_sent == b->last_sent && a->last_sent > 0, "the same end of sending");
	ok(same_samples(a, b), "the same samples in the same order");
}

int main(void)
{
	struct books *one = books_new(T0), *up = books_new(T0), *down = books_new(T0), *each[WORKERS];
	struct schedule s;

	schedule_constant(&s, 10007 * ONE, 3 * SQ_S);
	for (uint64_t k = 0; k < s.total; k++)
		live(one, &s, k);
	for (uint32_t w = 0; w < WORKERS; w++) {
		struct slots mine;

		each[w] = books_new(T0 + w); /* every machine has a clock of its own */
		if (slots_init(&mine, WORKERS) < 0)
			return 1;
		slots_deal(&mine, w, WORKERS);
		for (uint64_t k = slots_next(&mine, 0); k < s.total; k = slots_next(&mine, k + 1))
			live(each[w], &s, k);
		ok(books_closed(each[w]), "worker %u closes", w);
		slots_free(&mine);
	}
	for (int w = 0; w < WORKERS; w++) {
		books_merge(up, each[w]);
		books_merge(down, each[WORKERS - 1 - w]);
	}
	is_int(one->ledger.scheduled, 30021, "one worker has all 30,021 ticks");
	ok(books_closed(one) && books_closed(up), "both close");
	compare(one, up);
	compare(one, down);
	for (int w = 0; w < WORKERS; w++)
		books_free(each[w]);
	books_free(one);
	books_free(up);
	books_free(down);
	return tap_done();
}
