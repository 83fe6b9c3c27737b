/* check.c - tap.h for a program of several files: one count for all of them. */
#include "tests/tap.h"

#undef ok
#undef is_int
#undef is_str
#include "check.h"

bool check_ok(bool good, const char *file, int line, const char *what)
{
	return tap_ok(good, file, line, "%s", what);
}

bool check_int(long long got, long long want, const char *file, int line, const char *what)
{
	return tap_int(got, want, file, line, what);
}

bool check_str(const char *got, const char *want, const char *file, int line, const char *what)
{
	return tap_str(got, want, file, line, what);
}

int check_done(void)
{
	return tap_done();
}
