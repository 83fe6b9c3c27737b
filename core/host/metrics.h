/*
 * metrics.h - named numbers and their Prometheus text. Loop thread only; one registry per process.
 */
#ifndef HOST_METRICS_H
#define HOST_METRICS_H

#include <stdint.h>

#include "core/base/buf.h"

/* The cell of that name, made at 0 by the first call; the same cell on every later one. name:
 * [a-z_]+ with optional labels behind it: "http_requests_total{listener=\"target\",code=\"200\"}".
 * "squall_" is put before it. Never NULL: without memory a shared cell that is not shown. */
int64_t *metrics_counter(const char *name, const char *help);
int64_t *metrics_gauge(const char *name, const char *help);

/* Text exposition format 0.0.4, by name. */
void metrics_print(struct buf *out);
void metrics_free(void);

#endif
