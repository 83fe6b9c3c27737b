/*
 * text.h - numbers and words as people read them, and back.
 *
 * At most four significant digits, thousands separated by commas, units always written.
 * Functions that fill out return it. TEXT_MAX bytes are always enough.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <squall/util.h>

#define TEXT_MAX 48

/* 8.5 us, 0.31 ms, 812 ms, 1.5 s, 18 s, 2 min, 2 min 5 s, 1 h */
char *text_duration(char out[TEXT_MAX], int64_t ns);
char *text_ms(char out[TEXT_MAX], double ms); /* 0.31 ms, 1,204 ms: latency columns keep one unit */
char *text_count(char out[TEXT_MAX], uint64_t n); /* 15,000: exact */
char *text_number(char out[TEXT_MAX], double v); /* 500.0 499.9 55,000 0.123; "-" if not finite */
char *text_bytes(char out[TEXT_MAX], uint64_t n); /* 812 B, 4.1 kB, 1.2 MB (powers of 1000) */
char *text_time(char out[TEXT_MAX], int64_t unix_ms); /* 2026-11-23T09:30:00.123Z */

/* "250ms", "2s", "5m", "1h", "90" (seconds), "1.5s" to ns. 0, -EINVAL or -ERANGE. */
int text_parse_duration(const char *s, int64_t *ret_ns);
/* "500", "64k", "1M", "2G" (powers of 1024). The same. */
int text_parse_size(const char *s, int64_t *ret);
/* A whole decimal number, nothing around it. The same. */
int text_parse_int(const char *s, int64_t *ret);

/* The nearest of the words (closed by NULL) for "did you mean", or NULL when none is near. */
const char *text_nearest(const char *word, const char *const *words);

/* Copies at most out_size-1 bytes, control characters and bytes outside ASCII as '?': for
 * foreign text on its way to a terminal or a log. */
char *text_safe(char *out, size_t out_size, const char *s, size_t len);

#endif
