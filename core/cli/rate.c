/* rate.c - rates as people write them. */
#include "rate.h"

#include <errno.h>
#include <string.h>

#include <squall/util.h>

/* A decimal number in millionths; more than six decimals are refused, since they would be lost. */
static int read_millionths(const char **s, int64_t *ret)
{
	size_t whole = strspn(*s, "0123456789"), decimals = 0;
	char digits[TEXT_MAX] = "";
	int r;

	if ((*s)[whole] == '.')
		decimals = strspn(*s + whole + 1, "0123456789");
	if (whole == 0 || ((*s)[whole] == '.' && decimals == 0) || decimals > 6)
		return -EINVAL;
	if (whole > 18)
		return -ERANGE;
	memcpy(digits, *s, whole);
	memcpy(digits + whole, *s + whole + 1, decimals);
	memset(digits + whole + decimals, '0', 6 - decimals);
	r = text_parse_int(digits, ret);
	*s += whole + (decimals ? decimals + 1 : 0);
	return r;
}

/* The k of 10k. */
static int64_t read_multiplier(const char **s)
{
	static const char letters[] = "kM";
	const char *at = **s ? strchr(letters, **s) : NULL;

	if (!at)
		return 1;
	++*s;
	return *at == 'k' ? 1000 : 1000000;
}

/* The time of one round: behind the "/" a duration, or a unit alone. */
static int read_period(const char *s, int64_t *ret)
{
	char text[TEXT_MAX];

	if (*s == '\0') {
		*ret = SQ_S;
		return 0;
	}
	if (*s++ != '/' || *s == '\0' || strlen(s) > TEXT_MAX - 2)
		return -EINVAL;
	snprintf(text, sizeof text, "%s%s", *s >= '0' && *s <= '9' ? "" : "1", s);
	return text_parse_duration(text, ret);
}

int rate_parse(const char *s, int64_t *ret)
{
	unsigned __int128 rate;
	int64_t amount, period;
	int r = read_millionths(&s, &amount);

	if (r < 0)
		return r;
	rate = (unsigned __int128)amount * (uint64_t)read_multiplier(&s) * SQ_S;
	r = read_period(s, &period);
	if (r < 0)
		return r;
	if (period == 0)
		return -EINVAL;
	/* Rounded down: 20/3s for 3 s are 20 requests then, and not the 21 that begin within it. */
	rate /= (uint64_t)period;
	if (rate == 0 || rate > INT64_MAX)
		return -ERANGE;
	*ret = (int64_t)rate;
	return 0;
}

char *rate_decimal(char out[TEXT_MAX], int64_t rate)
{
	int len = snprintf(out, TEXT_MAX, "%lld.%06lld", (long long)(rate / RATE_ONE),
	                   (long long)(rate % RATE_ONE));

	while (out[len - 1] == '0')
		out[--len] = '\0';
	if (out[len - 1] == '.')
		out[len - 1] = '\0';
	return out;
}

char *rate_text(char out[TEXT_MAX], int64_t rate)
{
	if (rate % RATE_ONE == 0)
		text_count(out, (uint64_t)(rate / RATE_ONE));
	else
		text_number(out, (double)rate / RATE_ONE);
	return strcat(out, "/s");
}
