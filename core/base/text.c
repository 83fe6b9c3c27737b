/* text.c - numbers and words as people read them. */
#include "text.h"

#include <math.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define WORD_MAX 64
#define HUGE_NUMBER 1e15 /* beyond it digits and commas help nobody and would not fit TEXT_MAX */

/* Thousands commas into the whole part of the plain decimal number in s. */
static void add_commas(char s[TEXT_MAX])
{
	char *from = s + (*s == '-');
	size_t digits = strspn(from, "0123456789");

	while (digits > 3) {
		digits -= 3;
		memmove(from + digits + 1, from + digits, strlen(from + digits) + 1);
		from[digits] = ',';
	}
}

/* v with that many decimals below 1000, above it rounded to four significant digits. */
static void put_number(char out[TEXT_MAX], double v, int decimals)
{
	double step = 1;

	if (!isfinite(v)) {
		strcpy(out, "-");
		return;
	}
	if (fabs(v) >= HUGE_NUMBER) {
		snprintf(out, TEXT_MAX, "%.3e", v);
		return;
	}
	while (fabs(v) / step >= 9999.5)
		step *= 10;
	if (step > 1)
		v = round(v / step) * step;
	snprintf(out, TEXT_MAX, "%.*f", decimals, v);
	add_commas(out);
}

/* Decimals that leave at most `digits` significant ones, and no more than most. What rounds up to
 * the next power of ten counts as there. */
static int decimals_for(double v, int digits, int most)
{
	int decimals = most;

	for (double top = pow(10, digits - most), a = fabs(v); decimals > 0; top *= 10, decimals--)
		if (a < top - 0.5 * pow(10, -decimals))
			break;
	return decimals;
}

static void drop_zeroes(char *s)
{
	size_t len = strlen(s);

	if (!strchr(s, '.'))
		return;
	while (s[len - 1] == '0')
		len--;
	if (s[len - 1] == '.')
		len--;
	s[len] = '\0';
}

static void add_unit(char out[TEXT_MAX], const char *unit)
{
	size_t len = strlen(out);

	snprintf(out + len, TEXT_MAX - len, " %s", unit);
}

char *text_number(char out[TEXT_MAX], double v)
{
	put_number(out, v, v == 0 ? 0 : decimals_for(v, 4, 3));
	return out;
}

char *text_ms(char out[TEXT_MAX], double ms)
{
	put_number(out, ms, decimals_for(ms, 3, 2));
	add_unit(out, "ms");
	return out;
}

char *text_count(char out[TEXT_MAX], uint64_t n)
{
	snprintf(out, TEXT_MAX, "%llu", (unsigned long long)n);
	add_commas(out);
	return out;
}

/* A minute and longer: two whole units, the second only when it is not zero. */
static void put_long(char out[TEXT_MAX], int64_t seconds)
{
	bool hours = seconds >= 3600;
	int64_t small = hours ? (seconds + 30) / 60 : seconds;
	size_t len;

	text_count(out, (uint64_t)(small / 60));
	add_unit(out, hours ? "h" : "min");
	len = strlen(out);
	if (small % 60)
		snprintf(out + len, TEXT_MAX - len, " %d %s", (int)(small % 60), hours ? "min" : "s");
}

char *text_duration(char out[TEXT_MAX], int64_t ns)
{
	static const struct {
		double below, unit; /* ns; below: where rounding would reach the next unit */
		const char *name;
	} units[] = {
	    {999.5, 1, "ns"},
	    {9995, SQ_US, "us"},
	    {999.5 * SQ_MS, SQ_MS, "ms"},
	    {59.95 * SQ_S, SQ_S, "s"},
	};
	double v = fabs((double)ns);

	if (ns == 0)
		return strcpy(out, "0 s");
	for (size_t i = 0; i < SQ_LEN(units); i++)
		if (v < units[i].below) {
			v = (double)ns / units[i].unit;
			put_number(out, v, decimals_for(v, 3, 2));
			drop_zeroes(out);
			add_unit(out, units[i].name);
			return out;
		}
	*out = '-';
	put_long(out + (ns < 0), (int64_t)(v / SQ_S + 0.5));
	return out;
}

char *text_bytes(char out[TEXT_MAX], uint64_t n)
{
	static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
	double v = (double)n / 1000;
	size_t i = 0;

	if (n < 1000) {
		snprintf(out, TEXT_MAX, "%u B", (unsigned)n);
		return out;
	}
	for (; v >= 999.5 && i + 1 < SQ_LEN(units); i++)
		v /= 1000;
	put_number(out, v, decimals_for(v, 3, 1));
	add_unit(out, units[i]);
	return out;
}

char *text_time(char out[TEXT_MAX], int64_t unix_ms)
{
	int64_t ms = (unix_ms % 1000 + 1000) % 1000;
	time_t s = (time_t)(unix_ms / 1000 - (unix_ms % 1000 < 0));
	struct tm tm;
	size_t len;

	if (!gmtime_r(&s, &tm))
		return strcpy(out, "-");
	len = strftime(out, TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + len, TEXT_MAX - len, ".%03dZ", (int)ms);
	return out;
}

static bool same_letter(char a, char b)
{
	return strncasecmp(&a, &b, 1) == 0;
}

/* Changes of one letter, or swaps of two neighbours, that make b of a (optimal string alignment).
 * Both at most WORD_MAX long. */
static size_t distance(const char *a, size_t alen, const char *b, size_t blen)
{
	uint8_t row[3][WORD_MAX + 1], *before = row[0], *last = row[1], *now = row[2], *swap;

	for (size_t j = 0; j <= blen; j++)
		last[j] = (uint8_t)j;
	for (size_t i = 1; i <= alen; i++) {
		now[0] = (uint8_t)i;
		for (size_t j = 1; j <= blen; j++) {
			uint8_t best = (uint8_t)(last[j - 1] + !same_letter(a[i - 1], b[j - 1]));

			if (last[j] + 1 < best)
				best = (uint8_t)(last[j] + 1);
			if (now[j - 1] + 1 < best)
				best = (uint8_t)(now[j - 1] + 1);
			if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
			    same_letter(a[i - 2], b[j - 1]) && before[j - 2] + 1 < best)
				best = (uint8_t)(before[j - 2] + 1);
			now[j] = best;
		}
		swap = before, before = last, last = now, now = swap;
	}
	return last[blen];
}

const char *text_nearest(const char *word, const char *const *words)
{
	size_t len = strlen(word), limit = len / 3 > 1 ? len / 3 : 1, best = limit + 1;
	const char *near = NULL;

	if (len < 2 || len > WORD_MAX)
		return NULL;
	for (; *words; words++) {
		size_t other = strlen(*words), d;

		if (other > WORD_MAX)
			continue;
		d = distance(word, len, *words, other);
		if (d < best) {
			best = d;
			near = *words;
		}
	}
	return near;
}

char *text_safe(char *out, size_t out_size, const char *s, size_t len)
{
	size_t n = len < out_size ? len : out_size - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = s[i] >= ' ' && s[i] <= '~' ? s[i] : '?';
	out[n] = '\0';
	return out;
}
