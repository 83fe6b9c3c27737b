/*
 * tests.h - hits of each test, for the audit of its result: counter "hits.ID" of the record ID.
 *
 * The id comes from the header X-Squall-Test, so from anybody: only ids of live records are counted,
 * at most 64 at a time. Hits of an id wait until the store has said whether it is one.
 */
#ifndef TARGET_TESTS_H
#define TARGET_TESTS_H

#include <stdbool.h>

#include <squall/plugin.h>

#define TESTS_MAX 64
#define TESTS_ID_MAX (SQ_ID_MAX - 5) /* "hits." before it */

struct tests;

struct tested {
	struct tests *tests;
	char id[TESTS_ID_MAX + 1], name[SQ_ID_MAX + 1]; /* "" = this place is free */
	enum { TESTED_ASKED, TESTED_LIVE, TESTED_NOT } state;
	int64_t hits; /* not given to the store yet */
	unsigned calls; /* requests to the store that name it */
	int64_t seen; /* its last hit, or when the store answered */
	struct sq_store_get get;
};

struct tests {
	const struct sq_host *host;
	/* A test turned out to be live: its hits can be given to the store. And an answer has come. */
	void (*ready)(void *owner);
	void (*asked)(void *owner, bool begins); /* a request to the store begins, or has ended */
	void *owner;
	struct tested list[TESTS_MAX];
	struct tested *last; /* most hits are of the test of the hit before */
};

void tests_hit(struct tests *t, struct sq_slice id);

/* Hands out what has to be added: at most max items, for which tests_done() has to be called. */
unsigned tests_take(struct tests *t, struct sq_counter *items, unsigned max);
void tests_done(struct tests *t, const struct sq_counter *items, unsigned count);

#endif
