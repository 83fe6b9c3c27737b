/*
 * tap.h - the Test Anything Protocol, as much of it as we need. One header, no library.
 *
 * Every check prints a line; the program ends with `return tap_done();`.
 */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 4, 5), unused)) static bool tap_ok(bool good, const char *file, int line,
                                                                 const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", good ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	if (!good) {
		tap_failed++;
		printf("#   failed at %s:%d\n", file, line);
	}
	fflush(stdout);
	return good;
}

__attribute__((unused)) static bool tap_int(long long got, long long want, const char *file, int line,
                                            const char *name)
{
	bool good = tap_ok(got == want, file, line, "%s", name);

	if (!good)
		printf("#   got %lld, want %lld\n", got, want);
	return good;
}

__attribute__((unused)) static bool tap_str(const char *got, const char *want, const char *file, int line,
                                            const char *name)
{
	bool good = tap_ok(got && want && strcmp(got, want) == 0, file, line, "%s", name);

	if (!good)
		printf("#   got  \"%s\"\n#   want \"%s\"\n", got ? got : "(null)", want ? want : "(null)");
	return good;
}

#define ok(cond, ...) tap_ok((cond), __FILE__, __LINE__, __VA_ARGS__)
#define is_int(got, want, name) tap_int((long long)(got), (long long)(want), __FILE__, __LINE__, name)
#define is_str(got, want, name) tap_str((got), (want), __FILE__, __LINE__, name)

__attribute__((unused)) static int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}

__attribute__((unused)) static int tap_skip_all(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	return 0;
}

#endif
