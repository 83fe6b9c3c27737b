/*
 * progress.h - what people see while the load runs: a headline, then one line a second.
 */
#ifndef WORKER_PROGRESS_H
#define WORKER_PROGRESS_H

#include <stdint.h>

#include "core/base/buf.h"
#include "plugins/common/books.h"
#include "plugins/common/plan.h"

#define PROGRESS_COLUMNS 80

struct progress {
	const struct plan *plan;
	int64_t last_at; /* ns after T0 of the last line */
	uint64_t last_sent;
};

/* "squall: test 7f3k9m2q  POST http://127.0.0.1:8080/hit  500/s for 30 s" */
void progress_headline(const struct plan *plan, const char *test_id, struct buf *out);

/* "18/30 s  9,000 sent  500.0/s  p50 0.31 ms  p99 1.2 ms  errors 0": rate since the last line,
 * the rest since the beginning. errors: all that went wrong, sent or not. at: ns after T0. */
void progress_line(struct progress *p, const struct books *b, int64_t at, struct buf *out);

#endif
