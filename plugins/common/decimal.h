/*
 * decimal.h - numbers of JSON as scaled integers: 0.1 is exactly 100,000 millionths. Pure.
 */
#ifndef COMMON_DECIMAL_H
#define COMMON_DECIMAL_H

#include <stdint.h>

#define DECIMAL_MAX 48 /* bytes, enough for every decimal_text */

/* The JSON number s times 10^digits, rounded half away from 0. 0, -EINVAL (not a number, or NaN or
 * infinity) or -ERANGE. */
int decimal_parse(const char *s, unsigned digits, int64_t *ret);

/* The reverse, without superfluous zeroes: 33333333 with 6 digits is "33.333333". Returns out. */
char *decimal_text(char out[DECIMAL_MAX], int64_t scaled, unsigned digits);

#endif
