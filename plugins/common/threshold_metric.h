/* threshold_metric.h - what threshold.c and threshold_judge.c know of a metric. */
#ifndef COMMON_THRESHOLD_METRIC_H
#define COMMON_THRESHOLD_METRIC_H

enum metric_kind {
	METRIC_TIME, /* of a histogram */
	METRIC_FAILED, /* share of the requests whose end is known */
	METRIC_CHECKS, /* share of the checked answers that passed */
	METRIC_REQUESTS, /* counts */
	METRIC_DROPPED,
	METRIC_BYTES_SENT,
	METRIC_BYTES_RECEIVED,
};

struct threshold_metric {
	const char *name;
	enum metric_kind kind;
	int hist; /* enum books_hist, -1 for none */
};

#endif
