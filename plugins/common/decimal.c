/* decimal.c - decimal text to scaled integers and back, without floating point in between. */
#include "decimal.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <squall/util.h>

#define EXPONENT_MAX 100000 /* far beyond any value that fits; keeps the sums below from overflowing */

typedef unsigned __int128 u128;

struct number {
	bool negative;
	u128 digits; /* the value is digits * 10^exponent, but for digits beyond the 30th */
	int exponent;
};

/* Reads a run of digits; those that no longer matter only move the exponent. */
static const char *read_digits(const char *s, struct number *n, bool fraction)
{
	const u128 enough = (u128)1000000000000000000 * 1000000000000;

	for (; isdigit((unsigned char)*s); s++) {
		bool kept = n->digits < enough;

		if (kept)
			n->digits = n->digits * 10 + (unsigned)(*s - '0');
		if (kept == fraction && n->exponent > -EXPONENT_MAX && n->exponent < EXPONENT_MAX)
			n->exponent += fraction ? -1 : 1;
	}
	return s;
}

static const char *read_exponent(const char *s, struct number *n)
{
	bool negative = *s == '-';
	int e = 0;

	if (*s == '-' || *s == '+')
		s++;
	if (!isdigit((unsigned char)*s))
		return NULL;
	for (; isdigit((unsigned char)*s); s++)
		if (e < EXPONENT_MAX)
			e = e * 10 + (*s - '0');
	n->exponent += negative ? -e : e;
	return s;
}

static int read_number(const char *s, struct number *n)
{
	*n = (struct number){.negative = *s == '-'};
	s += n->negative;
	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	s = read_digits(s, n, false);
	if (*s == '.') {
		if (!isdigit((unsigned char)s[1]))
			return -EINVAL;
		s = read_digits(s + 1, n, true);
	}
	if (*s == 'e' || *s == 'E')
		s = read_exponent(s + 1, n);
	return s && *s == '\0' ? 0 : -EINVAL;
}

int decimal_parse(const char *s, unsigned digits, int64_t *ret)
{
	struct number n;
	u128 v, rest = 0, power = 1;
	int shift, r = read_number(s, &n);

	if (r < 0)
		return r;
	v = n.digits;
	shift = n.exponent + (int)digits;
	for (; shift > 0 && v > 0; shift--) {
		v *= 10;
		if (v > INT64_MAX)
			return -ERANGE;
	}
	for (; shift < 0 && v > 0 && power <= n.digits; shift++)
		power *= 10;
	rest = v % power;
	v /= power;
	/* shift < 0: even the leading digit is below a tenth of the last place. */
	if (power > 1 && shift >= 0 && rest >= power - rest)
		v++;
	if (v > INT64_MAX)
		return -ERANGE;
	*ret = n.negative ? -(int64_t)v : (int64_t)v;
	return 0;
}

char *decimal_text(char out[DECIMAL_MAX], int64_t scaled, unsigned digits)
{
	uint64_t v = scaled < 0 ? -(uint64_t)scaled : (uint64_t)scaled, power = 1;
	int len;

	assert(digits < 19);
	for (unsigned i = 0; i < digits; i++)
		power *= 10;
	len = snprintf(out, DECIMAL_MAX, "%s%llu.%0*llu", scaled < 0 ? "-" : "",
	               (unsigned long long)(v / power), (int)digits, (unsigned long long)(v % power));
	while (out[len - 1] == '0' && strchr(out, '.'))
		out[--len] = '\0';
	if (out[len - 1] == '.')
		out[--len] = '\0';
	return out;
}
