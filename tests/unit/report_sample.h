/* report_sample.h - books with something in every place, from a small random generator. */
#ifndef TESTS_UNIT_REPORT_SAMPLE_H
#define TESTS_UNIT_REPORT_SAMPLE_H

#include <stdlib.h>
#include <string.h>

#include "plugins/common/books.h"

/* A linear congruential generator (Knuth's MMIX constants): the same events on every machine. */
static inline uint64_t sample_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

static inline void sample_answer(struct books *b, struct request_times *r, int64_t now, uint64_t dice)
{
	struct sample s = {.status = dice % 5 ? 200 : 503, .address = "10.1.2.3:8080", .body_len = 4};

	memcpy(s.body,
	       "a\0\xff"
	       "b",
	       4);
	if (dice % 11 == 0) {
		memcpy(s.what, "connection reset", 17);
		books_broken(b, r, now, (enum ledger_error)(dice % ERROR_KINDS), &s);
	} else {
		books_first_byte(b, r, now - (int64_t)(dice % 1000));
		books_answered(b, r, now, s.status, s.status == 200, dice % 7, &s);
	}
}

/* One request of a random fate, into each of the books that are given. */
static inline void sample_request(struct books *const *all, int count, uint64_t tick, uint64_t *state)
{
	int64_t due = (int64_t)tick * SQ_MS, look = due + (int64_t)(sample_random(state) % (3 * SQ_MS));
	int64_t sent = look + (int64_t)(sample_random(state) % SQ_MS);
	int64_t done = sent + 1000 + (int64_t)(sample_random(state) % (500 * SQ_MS));
	uint64_t dice = sample_random(state);

	for (int i = 0; i < count; i++) {
		struct request_times r = {0};
		struct books *b = all[i];

		books_due(b, &r, tick, b->t0 + due, b->t0 + look);
		if (dice % 13 == 0) {
			books_dropped(b, &r, (enum ledger_dropped)(dice % DROPPED_KINDS));
		} else if (dice % 17 == 0) {
			books_unsent(b, &r, r.picked, (enum ledger_unsent)(dice % UNSENT_KINDS), NULL);
		} else if (dice % 19) {
			if (dice % 4 == 0)
				books_connected(b, (int64_t)(dice % 900), (int64_t)(dice % 70000), -1);
			books_sent(b, &r, b->t0 + sent, dice % 4);
			b->bytes_sent += 100;
			b->bytes_received += dice % 3000;
			if (dice % 23)
				sample_answer(b, &r, b->t0 + done, dice);
		} /* else it is pending; of those sent, one in 23 is in flight */
	}
}

#endif
