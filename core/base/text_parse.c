/* text_parse.c - numbers with units, back from text. */
#include "text.h"

#include <errno.h>
#include <string.h>

struct unit {
	const char *name;
	int64_t size;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* At least one digit. Advances *s behind them. */
static int read_whole(const char **s, int64_t *ret)
{
	int64_t v = 0;
	int r = 0;

	if (!is_digit(**s))
		return -EINVAL;
	for (; is_digit(**s); ++*s)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, **s - '0', &v))
			r = -ERANGE;
	*ret = v;
	return r;
}

/* The digits behind a point as that part of unit, rounded down. */
static int read_fraction(const char **s, int64_t unit, int64_t *ret)
{
	__int128 v = 0, scale = 1;

	if (!is_digit(**s))
		return -EINVAL;
	for (; is_digit(**s); ++*s)
		if (scale < SQ_S * SQ_S) { /* what is left out is below 1 of any unit */
			v = v * 10 + (**s - '0');
			scale *= 10;
		}
	*ret = (int64_t)(v * unit / scale);
	return 0;
}

int text_parse_int(const char *s, int64_t *ret)
{
	bool negative = *s == '-';
	int64_t v = 0;
	int r;

	if (negative && strcmp(s, "-9223372036854775808") == 0) { /* has no positive counterpart */
		*ret = INT64_MIN;
		return 0;
	}
	s += negative;
	r = read_whole(&s, &v);
	if (*s)
		return -EINVAL;
	if (r == 0)
		*ret = negative ? -v : v;
	return r;
}

int text_parse_size(const char *s, int64_t *ret)
{
	static const char letters[] = "kmg";
	const char *unit;
	int64_t v;
	int r = read_whole(&s, &v);

	if (r != -EINVAL && *s) {
		unit = strchr(letters, *s | 0x20);
		if (!unit || s[1])
			return -EINVAL;
		if (__builtin_mul_overflow(v, INT64_C(1) << 10 * (unit - letters + 1), &v))
			r = -ERANGE;
	}
	if (r == 0)
		*ret = v;
	return r;
}

int text_parse_duration(const char *s, int64_t *ret_ns)
{
	static const struct unit units[] = {
	    {"ms", SQ_MS}, {"s", SQ_S}, {"", SQ_S}, {"m", 60 * SQ_S}, {"h", 3600 * SQ_S},
	};
	const struct unit *unit = NULL;
	const char *point;
	int64_t v, part = 0;
	int r = read_whole(&s, &v);

	if (r == -EINVAL)
		return r;
	point = s;
	if (*s == '.')
		s += 1 + strspn(s + 1, "0123456789");
	for (size_t i = 0; i < SQ_LEN(units) && !unit; i++)
		if (strcmp(s, units[i].name) == 0)
			unit = &units[i];
	if (!unit)
		return -EINVAL;
	if (*point++ == '.' && read_fraction(&point, unit->size, &part) < 0)
		return -EINVAL;
	if (r < 0 || __builtin_mul_overflow(v, unit->size, &v) || __builtin_add_overflow(v, part, &v))
		return -ERANGE;
	*ret_ns = v;
	return 0;
}
