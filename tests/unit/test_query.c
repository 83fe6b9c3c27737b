/* test_query.c - parameters of a query, found and decoded. */
#include <errno.h>

#include "plugins/role/gateway/query.h"
#include "tests/tap.h"

int main(void)
{
	static const struct {
		const char *query;
		int found;
		const char *value;
	} cases[] = {
	    {"", 0, NULL},
	    {"a=1", 1, "1"},
	    {"b=2&a=1", 1, "1"},
	    {"a=1&a=2", 1, "1"},
	    {"aa=2", 0, NULL},
	    {"ba=2&a", 0, NULL},
	    {"a", 0, NULL},
	    {"a=", 1, ""},
	    {"&&a=1&&", 1, "1"},
	    {"a=x=y", 1, "x=y"},
	    {"a=%41%7a+%2B%c3%A9", 1, "Az +\xc3\xa9"},
	    {"a=12345678", -EINVAL, NULL},
	    {"a=1234567", 1, "1234567"},
	    {"a=%4", -EINVAL, NULL},
	    {"a=%", -EINVAL, NULL},
	    {"a=%4g", -EINVAL, NULL},
	    {"a=%00", -EINVAL, NULL},
	};

	for (size_t i = 0; i < SQ_LEN(cases); i++) {
		struct sq_slice query = {cases[i].query, strlen(cases[i].query)};
		char out[8] = "";
		int r = query_get(query, "a", out, sizeof out);

		ok(r == cases[i].found && (r < 1 || strcmp(out, cases[i].value) == 0), "\"%s\"",
		   cases[i].query);
	}
	return tap_done();
}
