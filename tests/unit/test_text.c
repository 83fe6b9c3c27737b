/* test_text.c - numbers and words as people read them, and the growing buffer under them. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/base/text.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

static void durations(void)
{
	static const struct {
		int64_t ns;
		const char *want;
	} rows[] = {
	    {0, "0 s"},
	    {1, "1 ns"},
	    {999, "999 ns"},
	    {1500, "1.5 us"},
	    {9994, "9.99 us"},
	    {9995, "0.01 ms"},
	    {310 * SQ_US, "0.31 ms"},
	    {1200 * SQ_US, "1.2 ms"},
	    {1230 * SQ_US, "1.23 ms"},
	    {4810 * SQ_US, "4.81 ms"},
	    {9994 * SQ_US, "9.99 ms"},
	    {9996 * SQ_US, "10 ms"},
	    {12340 * SQ_US, "12.3 ms"},
	    {812 * SQ_MS, "812 ms"},
	    {999499 * SQ_US, "999 ms"},
	    {999500 * SQ_US, "1 s"},
	    {1500 * SQ_MS, "1.5 s"},
	    {18 * SQ_S, "18 s"},
	    {59949 * SQ_MS, "59.9 s"},
	    {59950 * SQ_MS, "1 min"},
	    {60 * SQ_S, "1 min"},
	    {90 * SQ_S, "1 min 30 s"},
	    {120 * SQ_S, "2 min"},
	    {3599 * SQ_S, "59 min 59 s"},
	    {3600 * SQ_S, "1 h"},
	    {5400 * SQ_S, "1 h 30 min"},
	    {7199 * SQ_S, "2 h"},
	    {-1500 * SQ_MS, "-1.5 s"},
	    {-90 * SQ_S, "-1 min 30 s"},
	    {INT64_MAX, "2,562,047 h 47 min"},
	    {INT64_MIN, "-2,562,047 h 47 min"},
	};
	char out[TEXT_MAX];

	for (size_t i = 0; i < SQ_LEN(rows); i++)
		is_str(text_duration(out, rows[i].ns), rows[i].want, rows[i].want);
}

static void numbers(void)
{
	static const struct {
		double v;
		const char *number, *ms;
	} rows[] = {
	    {0, "0", "0.00 ms"},
	    {0.123, "0.123", "0.12 ms"},
	    {0.31, "0.310", "0.31 ms"},
	    {0.0004, "0.000", "0.00 ms"},
	    {4.81, "4.810", "4.81 ms"},
	    {9.994, "9.994", "9.99 ms"},
	    {9.996, "9.996", "10.0 ms"},
	    {30, "30.00", "30.0 ms"},
	    {99.94, "99.94", "99.9 ms"},
	    {99.96, "99.96", "100 ms"},
	    {499.9, "499.9", "500 ms"},
	    {500, "500.0", "500 ms"},
	    {999.96, "1,000", "1,000 ms"},
	    {1204, "1,204", "1,204 ms"},
	    {9999.4, "9,999", "9,999 ms"},
	    {9999.6, "10,000", "10,000 ms"},
	    {12344, "12,340", "12,340 ms"},
	    {55000, "55,000", "55,000 ms"},
	    {3600000, "3,600,000", "3,600,000 ms"},
	    {-500, "-500.0", "-500 ms"},
	    {-12344, "-12,340", "-12,340 ms"},
	    {1e300, "1.000e+300", "1.000e+300 ms"},
	};
	char out[TEXT_MAX];

	for (size_t i = 0; i < SQ_LEN(rows); i++) {
		is_str(text_number(out, rows[i].v), rows[i].number, rows[i].number);
		is_str(text_ms(out, rows[i].v), rows[i].ms, rows[i].ms);
	}
	is_str(text_number(out, NAN), "-", "not a number");
	is_str(text_number(out, -INFINITY), "-", "infinity");
}

static void counts_and_bytes(void)
{
	static const struct {
		uint64_t n;
		const char *count, *bytes;
	} rows[] = {
	    {0, "0", "0 B"},
	    {812, "812", "812 B"},
	    {999, "999", "999 B"},
	    {1000, "1,000", "1.0 kB"},
	    {4096, "4,096", "4.1 kB"},
	    {15000, "15,000", "15.0 kB"},
	    {812000, "812,000", "812 kB"},
	    {999499, "999,499", "999 kB"},
	    {999500, "999,500", "1.0 MB"},
	    {1234567, "1,234,567", "1.2 MB"},
	    {UINT64_MAX, "18,446,744,073,709,551,615", "18.4 EB"},
	};
	char out[TEXT_MAX];

	for (size_t i = 0; i < SQ_LEN(rows); i++) {
		is_str(text_count(out, rows[i].n), rows[i].count, rows[i].count);
		is_str(text_bytes(out, rows[i].n), rows[i].bytes, rows[i].bytes);
	}
}

static void times(void)
{
	char out[TEXT_MAX];

	is_str(text_time(out, 1795426200123), "2026-11-23T09:30:00.123Z", "a moment");
	is_str(text_time(out, 0), "1970-01-01T00:00:00.000Z", "the epoch");
	is_str(text_time(out, -1), "1969-12-31T23:59:59.999Z", "before the epoch");
	ok(strlen(text_time(out, INT64_MAX)) < TEXT_MAX, "the last moment: %s", out);
	ok(strlen(text_time(out, INT64_MIN)) < TEXT_MAX, "the first moment: %s", out);
}

typedef int parser(const char *s, int64_t *ret);

static void parses(parser *parse, const char *s, int want, int64_t value)
{
	int64_t got = -77;
	int r = parse(s, &got);

	ok(r == want && got == (r == 0 ? value : -77), "\"%s\" -> %d, %lld", s, r, (long long)got);
}

static void parse_durations(void)
{
	parses(text_parse_duration, "250ms", 0, 250 * SQ_MS);
	parses(text_parse_duration, "2s", 0, 2 * SQ_S);
	parses(text_parse_duration, "5m", 0, 300 * SQ_S);
	parses(text_parse_duration, "1h", 0, 3600 * SQ_S);
	parses(text_parse_duration, "90", 0, 90 * SQ_S);
	parses(text_parse_duration, "0", 0, 0);
	parses(text_parse_duration, "1.5s", 0, 1500 * SQ_MS);
	parses(text_parse_duration, "0.5", 0, 500 * SQ_MS);
	parses(text_parse_duration, "1.25m", 0, 75 * SQ_S);
	parses(text_parse_duration, "0.0000019999999999999999999999999ms", 0, 1);
	parses(text_parse_duration, "9223372036854775807ms", -ERANGE, 0);
	parses(text_parse_duration, "99999999999999999999", -ERANGE, 0);
	parses(text_parse_duration, "9223372036.9s", -ERANGE, 0);
	parses(text_parse_duration, "", -EINVAL, 0);
	parses(text_parse_duration, "s", -EINVAL, 0);
	parses(text_parse_duration, "-1s", -EINVAL, 0);
	parses(text_parse_duration, " 1s", -EINVAL, 0);
	parses(text_parse_duration, "1 s", -EINVAL, 0);
	parses(text_parse_duration, "1.s", -EINVAL, 0);
	parses(text_parse_duration, ".5s", -EINVAL, 0);
	parses(text_parse_duration, "1.2.3s", -EINVAL, 0);
	parses(text_parse_duration, "1d", -EINVAL, 0);
	parses(text_parse_duration, "1S", -EINVAL, 0);
	parses(text_parse_duration, "99999999999999999999x", -EINVAL, 0);
}

static void parse_sizes(void)
{
	parses(text_parse_size, "500", 0, 500);
	parses(text_parse_size, "64k", 0, 65536);
	parses(text_parse_size, "64K", 0, 65536);
	parses(text_parse_size, "1M", 0, 1048576);
	parses(text_parse_size, "2G", 0, 2147483648);
	parses(text_parse_size, "0k", 0, 0);
	parses(text_parse_size, "9223372036854775807", 0, INT64_MAX);
	parses(text_parse_size, "9223372036854775808", -ERANGE, 0);
	parses(text_parse_size, "9223372036854775807k", -ERANGE, 0);
	parses(text_parse_size, "", -EINVAL, 0);
	parses(text_parse_size, "k", -EINVAL, 0);
	parses(text_parse_size, "1kB", -EINVAL, 0);
	parses(text_parse_size, "1T", -EINVAL, 0);
	parses(text_parse_size, "-1", -EINVAL, 0);
	parses(text_parse_size, "1.5k", -EINVAL, 0);
	parses(text_parse_size, "99999999999999999999x", -EINVAL, 0);
}

static void parse_ints(void)
{
	parses(text_parse_int, "0", 0, 0);
	parses(text_parse_int, "-17", 0, -17);
	parses(text_parse_int, "010", 0, 10);
	parses(text_parse_int, "9223372036854775807", 0, INT64_MAX);
	parses(text_parse_int, "-9223372036854775808", 0, INT64_MIN);
	parses(text_parse_int, "-9223372036854775809", -ERANGE, 0);
	parses(text_parse_int, "9223372036854775808", -ERANGE, 0);
	parses(text_parse_int, "", -EINVAL, 0);
	parses(text_parse_int, "-", -EINVAL, 0);
	parses(text_parse_int, "--1", -EINVAL, 0);
	parses(text_parse_int, "+1", -EINVAL, 0);
	parses(text_parse_int, " 1", -EINVAL, 0);
	parses(text_parse_int, "1 ", -EINVAL, 0);
	parses(text_parse_int, "0x10", -EINVAL, 0);
	parses(text_parse_int, "80x", -EINVAL, 0);
}

static void nearest(void)
{
	static const char *const words[] = {"port", "listen", "plugin", "redis", "hits_per_sec", NULL};
	char monster[200];

	is_str(text_nearest("prot", words), "port", "two letters swapped");
	is_str(text_nearest("rediss", words), "redis", "one letter too many");
	is_str(text_nearest("PLUGIN", words), "plugin", "case does not count");
	is_str(text_nearest("hit_per_secs", words), "hits_per_sec", "two changes in a long word");
	ok(!text_nearest("host", words), "host is not near port");
	ok(!text_nearest("p", words), "one letter is near nothing");
	ok(!text_nearest("", words), "nothing is near nothing");
	memset(monster, 'p', sizeof monster - 1);
	monster[sizeof monster - 1] = '\0';
	ok(!text_nearest(monster, words), "a monster is near nothing");
}

static void safe(void)
{
	char out[8];

	is_str(text_safe(out, sizeof out, "a\033[b\x7f", 5), "a?[b?", "control characters");
	is_str(text_safe(out, sizeof out, "z\xc3\xa9\0y", 5), "z???y", "bytes outside ASCII, and a NUL");
	is_str(text_safe(out, sizeof out, "0123456789", 10), "0123456", "cut to the room there is");
	is_str(text_safe(out, 1, "abc", 3), "", "no room at all");
	is_str(text_safe(out, sizeof out, NULL, 0), "", "nothing");
}

static void buffer(void)
{
	struct buf b = {0};
	char *room;

	buf_reset(&b);
	buf_drop(&b, 3);
	ok(b.len == 0 && !b.data, "an empty buffer stays empty");
	buf_add(&b, NULL, 0);
	is_str(b.data, "", "nothing appended is an empty string");
	buf_str(&b, "hello");
	buf_printf(&b, " %s %d", "world", 42);
	is_str(b.data, "hello world 42", "appended");
	buf_drop(&b, 6);
	is_str(b.data, "world 42", "the head is dropped");
	room = buf_room(&b, 1000);
	memset(room, 'x', 1000);
	b.len += 1000;
	buf_str(&b, "end");
	ok(b.len == 1011 && memcmp(b.data + 1006, "xxend", 6) == 0, "bytes put into the room");
	buf_drop(&b, 5000);
	ok(b.len == 0 && *b.data == '\0' && !buf_failed(&b), "more dropped than there is");
	ok(!buf_room(&b, SIZE_MAX) && buf_failed(&b), "an impossible size is refused");
	buf_str(&b, "lost");
	is_str(b.data, "", "after a failure the rest is dropped");
	buf_reset(&b);
	buf_str(&b, "again");
	is_str(b.data, "again", "reset makes it usable");
	buf_free(&b);
	ok(!b.data && b.len == 0, "freed");
}

static void no_memory(void)
{
	bool kept = true;
	unsigned n;

	for (n = 1;; n++) {
		struct buf b = {0};
		bool failed;

		failmalloc_after(n);
		buf_str(&b, "head");
		for (int i = 0; i < 1000; i++)
			buf_printf(&b, "%04d", i);
		failed = failmalloc_stop();
		kept &= buf_failed(&b) == failed && (failed ? b.len < 4004 : b.len == 4004) &&
		        b.len % 4 == 0 && (!b.data || strlen(b.data) == b.len);
		buf_free(&b);
		if (!failed)
			break;
	}
	ok(kept && n > 3, "each of %u allocations failed once: what came before is kept", n - 1);
}

int main(void)
{
	durations();
	numbers();
	counts_and_bytes();
	times();
	parse_durations();
	parse_sizes();
	parse_ints();
	nearest();
	safe();
	buffer();
	no_memory();
	return tap_done();
}
