/* fuzz_sse.c - any bytes as a stream of events: what is told does not depend on how they are cut. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/cli/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void note(void *ctx, const char *name, const char *text, size_t len)
{
	struct buf *b = ctx;

	buf_printf(b, "%s %zu ", name, len);
	buf_add(b, text, len);
}

static void feed(const uint8_t *data, size_t size, size_t piece, struct buf *out, char id[64])
{
	struct sse s = {.event = note, .ctx = out};

	for (size_t at = 0, n; at < size; at += n) {
		n = piece < size - at ? piece : size - at;
		sse_feed(&s, (const char *)data + at, n);
	}
	strcpy(id, s.id);
	sse_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = {0}, pieces = {0};
	char id[64], other[64];

	feed(data, size, size, &whole, id);
	feed(data, size, 1, &pieces, other);
	if (whole.len != pieces.len || strcmp(id, other) != 0 ||
	    (whole.len > 0 && memcmp(whole.data, pieces.data, whole.len) != 0))
		abort();
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
