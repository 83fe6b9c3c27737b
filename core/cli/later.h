/*
 * later.h - what this version knows by name and cannot do yet, in one table: who adds a feature removes its
 * row.
 */
#ifndef CLI_LATER_H
#define CLI_LATER_H

#include <stdbool.h>
#include <stddef.h>

enum later_kind {
	LATER_COMMAND, /* "compare" */
	LATER_OPTION, /* "--insecure", as it is spelled */
	LATER_OUTPUT, /* "html": the ending of a file of -o */
};

struct later_row {
	enum later_kind kind;
	const char *name;
};
extern const struct later_row later_rows[]; /* closed by a row without name */

#define LATER_WORDS "is not in this version yet"

bool later_is(enum later_kind kind, const char *name);

#endif
