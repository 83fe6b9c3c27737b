/*
 * check.h - whether an answer is as the plan's checks want it, decided while it comes. Pure.
 *
 * Texts are looked for across the pieces in which a body arrives, without keeping them (Knuth, Morris,
 * Pratt 1977).
 */
#ifndef WORKER_CHECK_H
#define WORKER_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/http_parse.h"
#include "plugins/common/plan.h"

struct checks {
	struct check {
		const struct plan_check *of; /* the plan's */
		uint16_t *back; /* of a text in the body: how much of it still matches after a mismatch */
	} list[PLAN_CHECKS_MAX];
	uint32_t count;
	bool watches; /* head or body have to be looked at */
};

/* Of one answer. */
struct check_state {
	uint32_t held; /* bits: those of the head and the body that hold so far */
	uint64_t size; /* of the body, so far */
	uint16_t matched[PLAN_CHECKS_MAX]; /* bytes of the text that stand at the end of the body so far */
};

/* Adds these; the plan's list outlives it. 0 or -ENOMEM, and both are followed by checks_free. */
int checks_init(struct checks *c, const struct plan_check *list, uint32_t count);
void checks_free(struct checks *c); /* harmless on a zeroed one */

void checks_begin(struct check_state *s);
void checks_head(const struct checks *c, struct check_state *s, const struct http_head *head);
void checks_body(const struct checks *c, struct check_state *s, struct sq_slice data);
/* The answer is whole. The first check that fails, described in what; NULL: all hold. service in ns. */
const struct plan_check *checks_end(const struct checks *c, const struct check_state *s, int status,
                                    int64_t service, char *what, size_t size);

#endif
