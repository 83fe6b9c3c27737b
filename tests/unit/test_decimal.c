/* test_decimal.c - JSON numbers to scaled integers without an error in the last place. */
#include <errno.h>

#include <squall/util.h>

#include "plugins/common/decimal.h"
#include "tests/tap.h"

static void test_parse(void)
{
	static const struct {
		const char *text;
		unsigned digits;
		int result;
		int64_t value;
	} rows[] = {
	    {"500", 6, 0, 500000000},
	    {"0.1", 6, 0, 100000},
	    {"0.3", 9, 0, 300000000},
	    {"10007", 6, 0, 10007000000},
	    {"33.333333333333336", 6, 0, 33333333}, /* 100 / 3 as most languages print it */
	    {"66.666666666666671", 6, 0, 66666667},
	    {"0.0000005", 6, 0, 1}, /* half away from 0 */
	    {"0.00000049999999999999999999999999999999999999999", 6, 0, 0},
	    {"-0.0000005", 6, 0, -1},
	    {"1e3", 6, 0, 1000000000},
	    {"1E+3", 0, 0, 1000},
	    {"2.5e-1", 2, 0, 25},
	    {"25e-1", 0, 0, 3},
	    {"24e-1", 0, 0, 2},
	    {"-0", 6, 0, 0},
	    {"0e999999999999", 6, 0, 0},
	    {"1e-999999999999", 6, 0, 0},
	    {"9e-7", 6, 0, 1},
	    {"9e-8", 6, 0, 0},
	    {"0.00000000000000000000000000000000000000000000000005e49", 1, 0, 5},
	    {"9223372036854775807", 0, 0, INT64_MAX},
	    {"-9223372036854775807", 0, 0, -INT64_MAX},
	    {"123456789012345678901234567890123456789012345678901234567890e-59", 3, 0, 1235},
	    {"9223372036854775808", 0, -ERANGE, 0},
	    {"9223372036854.775808", 6, -ERANGE, 0},
	    {"9223372036854775807.5", 0, -ERANGE, 0},
	    {"1e30", 6, -ERANGE, 0},
	    {"1e999999999999", 6, -ERANGE, 0},
	    {"", 6, -EINVAL, 0},
	    {"-", 6, -EINVAL, 0},
	    {".5", 6, -EINVAL, 0},
	    {"5.", 6, -EINVAL, 0},
	    {"5e", 6, -EINVAL, 0},
	    {"5e+", 6, -EINVAL, 0},
	    {"5x", 6, -EINVAL, 0},
	    {" 5", 6, -EINVAL, 0},
	    {"+5", 6, -EINVAL, 0},
	    {"0x10", 6, -EINVAL, 0},
	    {"NaN", 6, -EINVAL, 0},
	    {"Infinity", 6, -EINVAL, 0},
	    {"-Infinity", 6, -EINVAL, 0},
	};

	for (size_t i = 0; i < SQ_LEN(rows); i++) {
		int64_t got = 0;
		int r = decimal_parse(rows[i].text, rows[i].digits, &got);

		if (!ok(r == rows[i].result && got == rows[i].value, "\"%s\" with %u digits", rows[i].text,
		        rows[i].digits))
			printf("#   got %d, %" PRId64 "\n", r, got);
	}
}

static void test_text(void)
{
	static const struct {
		int64_t value;
		unsigned digits;
		const char *text;
	} rows[] = {
	    {0, 6, "0"},
	    {500000000, 6, "500"},
	    {33333333, 6, "33.333333"},
	    {100000, 6, "0.1"},
	    {1, 6, "0.000001"},
	    {-1500000, 6, "-1.5"},
	    {120, 0, "120"},
	    {INT64_MAX, 0, "9223372036854775807"},
	    {INT64_MIN, 18, "-9.223372036854775808"},
	};
	char out[DECIMAL_MAX];

	for (size_t i = 0; i < SQ_LEN(rows); i++)
		is_str(decimal_text(out, rows[i].value, rows[i].digits), rows[i].text, rows[i].text);
}

static void test_round_trip(void)
{
	char text[DECIMAL_MAX];
	bool same = true;
	int64_t back;

	for (int64_t v = 1; v < INT64_MAX / 7; v = v * 7 + 3)
		for (unsigned digits = 0; digits < 13; digits++)
			same &= decimal_parse(decimal_text(text, v, digits), digits, &back) == 0 && back == v;
	ok(same, "what was written reads back the same");
}

int main(void)
{
	test_parse();
	test_text();
	test_round_trip();
	return tap_done();
}
