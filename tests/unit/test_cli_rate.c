/* test_cli_rate.c - rates as people write them, and when requests are due. */
#include <errno.h>

#include "core/cli/rate.h"
#include "tests/tap.h"

static void parsing(void)
{
	static const struct {
		const char *text;
		int code;
		int64_t rate;
		const char *decimal, *shown;
	} rows[] = {
	    {"500", 0, 500 * RATE_ONE, "500", "500/s"},
	    {"500/s", 0, 500 * RATE_ONE, "500", "500/s"},
	    {"10k", 0, 10000 * RATE_ONE, "10000", "10,000/s"},
	    {"1.5M", 0, 1500000 * RATE_ONE, "1500000", "1,500,000/s"},
	    {"30/1m", 0, RATE_ONE / 2, "0.5", "0.500/s"},
	    {"0.1", 0, RATE_ONE / 10, "0.1", "0.100/s"},
	    {"10/3s", 0, 3333333, "3.333333", "3.333/s"},
	    {"20/3s", 0, 6666666, "6.666666", "6.667/s"},
	    {"2k/100ms", 0, 20000 * RATE_ONE, "20000", "20,000/s"},
	    {"0.000001", 0, 1, "0.000001", "0.000/s"},
	    {"9223372036854", 0, 9223372036854 * RATE_ONE, "9223372036854", "9,223,372,036,854/s"},
	    {"9223372036855", -ERANGE, 0, NULL, NULL},
	    {"9223372036854M", -ERANGE, 0, NULL, NULL},
	    {"1234567890123456789", -ERANGE, 0, NULL, NULL},
	    {"0", -ERANGE, 0, NULL, NULL},
	    {"1/3000000h", -ERANGE, 0, NULL, NULL},
	    {"1/0s", -EINVAL, 0, NULL, NULL},
	    {"", -EINVAL, 0, NULL, NULL},
	    {".5", -EINVAL, 0, NULL, NULL},
	    {"5.", -EINVAL, 0, NULL, NULL},
	    {"0.1234567", -EINVAL, 0, NULL, NULL},
	    {"5/", -EINVAL, 0, NULL, NULL},
	    {"5/x", -EINVAL, 0, NULL, NULL},
	    {"5x", -EINVAL, 0, NULL, NULL},
	    {"5m", -EINVAL, 0, NULL, NULL},
	    {"-5", -EINVAL, 0, NULL, NULL},
	    {"5/11111111111111111111111111111111111111111111111111111111s", -EINVAL, 0, NULL, NULL},
	};
	char text[TEXT_MAX];

	for (size_t i = 0; i < SQ_LEN(rows); i++) {
		int64_t rate = -7;

		is_int(rate_parse(rows[i].text, &rate), rows[i].code, rows[i].text);
		is_int(rate, rows[i].code ? -7 : rows[i].rate, "  in millionths; untouched when refused");
		if (rows[i].code)
			continue;
		is_str(rate_decimal(text, rate), rows[i].decimal, "  as a decimal");
		is_str(rate_text(text, rate), rows[i].shown, "  for people");
	}
}

int main(void)
{
	parsing();
	return tap_done();
}
