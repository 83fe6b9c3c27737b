/* later.c - what this version cannot do yet. */
#include "later.h"

#include <string.h>

const struct later_row later_rows[] = {
    {LATER_COMMAND, "compare", ""},
    {LATER_COMMAND, "support", ""},
    {LATER_COMMAND, "selftest", ""},

    {LATER_OUTPUT, "html", ""},
    {LATER_OUTPUT, "xml", ""},
    {LATER_OUTPUT, "md", ""},

    {LATER_SCHEME, "https", ""},
    {LATER_OPTION, "-k", ""},
    {LATER_OPTION, "--insecure", ""},
    {LATER_OPTION, "--cacert", ""},
    {LATER_OPTION, "--cert", ""},
    {LATER_OPTION, "--key", ""},
    {LATER_OPTION, "--resolve", ""},
    {LATER_OPTION, "--connect-to", ""},
    {LATER_OPTION, "--unix-socket", ""},
    {LATER_OPTION, "--http2", ""},

    {LATER_LOAD, "connections", "(as fast as the connections go) "},
    {LATER_OPTION, "--stage", ""},
    {LATER_OPTION, "--check", ""},
    {LATER_OPTION, "-n", "(stop after N requests) "},
    {LATER_OPTION, "--requests", "(stop after N requests) "},
    {LATER_FIELD, "stages", ""},
    {LATER_FIELD, "arrival", ""},
    {LATER_FIELD, "mode", ""},
    {LATER_FIELD, "connections", ""},
    {LATER_FIELD, "max_requests", ""},
    {LATER_COMMAND, NULL, NULL},
};

bool later_is(enum later_kind kind, const char *name)
{
	for (const struct later_row *row = later_rows; row->name; row++)
		if (row->kind == kind && strcmp(row->name, name) == 0)
			return true;
	return false;
}
