/*
 * sse.h - a stream of server-sent events (WHATWG HTML, 9.2.6), from bytes cut anywhere. No I/O.
 */
#ifndef CLI_SSE_H
#define CLI_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/buf.h"

#define SSE_LINE_MAX (1 << 20) /* bytes; the event of a longer line is dropped */

struct sse {
	/* name: "message" unless the stream says otherwise; data ends in a NUL behind len. */
	void (*event)(void *ctx, const char *name, const char *data, size_t len);
	void *ctx;
	/* The rest starts zeroed and is the parser's own, but id may be read. */
	char id[64]; /* the last one seen; for Last-Event-ID */
	char name[32];
	struct buf line, data;
	bool has_data, after_cr;
	bool cut; /* the line is too long */
	bool dropped; /* the event is void */
};

void sse_feed(struct sse *s, const char *bytes, size_t len);
void sse_restart(struct sse *s); /* a new connection: what was begun is void, the id stays */
void sse_free(struct sse *s);

#endif
