/* fuzz_query.c - any text as a query: what is found is a text that fits. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/role/gateway/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts, so that the fuzzer keeps the input. */
static void must(bool good)
{
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char out[16];
	int r;

	memset(out, 'x', sizeof out);
	r = query_get((struct sq_slice){(const char *)data, size}, "name", out, sizeof out);
	must(r == 1 || r == 0 || r == -EINVAL);
	must(r != 1 || memchr(out, '\0', sizeof out));
	return 0;
}
