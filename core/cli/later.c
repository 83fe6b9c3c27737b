/* later.c - what this version cannot do yet. */
#include "later.h"

#include <string.h>

const struct later_row later_rows[] = {
    {LATER_COMMAND, "compare"}, {LATER_COMMAND, "support"}, {LATER_OUTPUT, "html"}, {LATER_OUTPUT, "xml"},
    {LATER_OUTPUT, "md"},       {LATER_OPTION, "--http2"},  {LATER_COMMAND, NULL},
};

bool later_is(enum later_kind kind, const char *name)
{
	for (const struct later_row *row = later_rows; row->name; row++)
		if (row->kind == kind && strcmp(row->name, name) == 0)
			return true;
	return false;
}
