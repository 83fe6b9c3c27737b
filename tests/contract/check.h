/*
 * check.h - tap.h for a program of several files: one count for all of them.
 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdbool.h>

bool check_ok(bool good, const char *file, int line, const char *what);
bool check_int(long long got, long long want, const char *file, int line, const char *what);
bool check_str(const char *got, const char *want, const char *file, int line, const char *what);
int check_done(void); /* prints the plan; 1 when something failed */

#define ok(cond, what) check_ok((cond), __FILE__, __LINE__, what)
#define is_int(got, want, what) check_int((long long)(got), (long long)(want), __FILE__, __LINE__, what)
#define is_str(got, want, what) check_str((got), (want), __FILE__, __LINE__, what)

#endif
