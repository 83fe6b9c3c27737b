/*
 * result_exit.h - the exit code that a result document asks for, the same for the standalone worker
 * and the command line.
 */
#ifndef BASE_RESULT_EXIT_H
#define BASE_RESULT_EXIT_H

#include <stdbool.h>

struct json_object;

enum {
	RESULT_EXIT_PASS = 0,
	RESULT_EXIT_USAGE = 2, /* of the programs that print results; no document asks for it */
	RESULT_EXIT_STOPPED = 97,
	RESULT_EXIT_INVALID = 98,
	RESULT_EXIT_FAIL = 99,
};

/*
 * The exit code that this document asks for (design 12). The first that applies:
 *     97  the test was not completed, unless a threshold ended it: what it measured was not what was asked
 *     98  the generator is invalid, or the ledger does not balance; with strict suspect too; never
 *         with allow_invalid
 *     99  the verdict is "fail": no ok response, or a threshold; with allow_invalid also a threshold that
 *         does not hold on numbers that are not trusted
 *     0
 * A member that is missing counts as the worst that it could say.
 */
int result_exit_code(struct json_object *doc, bool strict, bool allow_invalid);

#endif
