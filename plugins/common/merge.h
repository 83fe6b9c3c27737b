/*
 * merge.h - the reports of all workers of one test as one set of books. Pure.
 *
 * Keeps the report with the highest seq of each worker and a running sum; what is merged of all is,
 * cell by cell, what one worker would have written down that saw everything.
 */
#ifndef COMMON_MERGE_H
#define COMMON_MERGE_H

#include <stdbool.h>
#include <stdint.h>

#include "plan.h"
#include "report.h"

struct merger;

struct merger *merger_new(void); /* NULL without memory */
void merger_free(struct merger *m);

/* A copy of the report replaces what is known of its worker; one whose seq is not higher changes
 * nothing. 1: taken, 0: old, -ENOMEM: nothing happened. */
int merger_take(struct merger *m, const struct report *r);

/* Forgets the worker, as if none of its reports had come. */
void merger_drop(struct merger *m, const char *uid);

/* Their books have no histograms (NULL): those are only kept for the sum. */
const struct report *merger_report(const struct merger *m, const char *uid); /* NULL: none came */
uint32_t merger_count(const struct merger *m); /* workers that reported */
const struct report *merger_at(const struct merger *m, uint32_t i); /* in order of first appearance */

/* The sum, valid until the next report is taken. */
const struct books *merger_books(struct merger *m);
const struct books *merger_warmup(struct merger *m); /* NULL: no report has one */
const struct books *merger_request(struct merger *m, uint32_t i); /* NULL: no report has it */
/* Of the machines together: times and counts add up, shares of time are those of the worst, and what
 * no worker could measure stays -1. */
struct health merger_health(const struct merger *m);

#endif
