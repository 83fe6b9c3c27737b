/*
 * rate.h - rates as people write them. Pure.
 *
 * Millionths of a request per second throughout, as in the plan: 0.1/s and 10007/s are both exact.
 */
#ifndef CLI_RATE_H
#define CLI_RATE_H

#include <stdint.h>

#include "core/base/text.h"

#define RATE_ONE 1000000LL

/* "500", "500/s", "30/1m", "0.5/s", "10k", "1.5M/h"; rounded down. 0, -EINVAL or -ERANGE (0, or too large).
 */
int rate_parse(const char *s, int64_t *ret);

/* Plain decimal, for JSON: "500", "0.5", "33.333333". Returns out. */
char *rate_decimal(char out[TEXT_MAX], int64_t rate);
/* For people: "500/s", "0.5/s", "10,007/s". */
char *rate_text(char out[TEXT_MAX], int64_t rate);

#endif
