/* test_cli_sse.c - server-sent events from bytes cut anywhere. */
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/cli/sse.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

/* Everything that was told, as "NAME=DATA;". */
static void note(void *ctx, const char *name, const char *data, size_t len)
{
	struct buf *b = ctx;

	buf_printf(b, "%s=%s;", name, data);
	if (strlen(data) != len)
		buf_str(b, "LENGTH;");
}

static const struct {
	const char *name, *stream, *want, *id;
} rows[] = {
    {"nothing", "", "", ""},
    {"one event", "data: a\n\n", "message=a;", ""},
    {"its name and id", "event: point\nid: 7\ndata: {}\n\n", "point={};", "7"},
    {"CR LF", "event: x\r\ndata: a\r\n\r\n", "x=a;", ""},
    {"CR alone", "event: x\rdata: a\r\rdata: b\r\r", "x=a;message=b;", ""},
    {"several lines of data", "data: a\ndata: b\ndata\n\n", "message=a\nb\n;", ""},
    {"one space behind the colon goes", "data:  a\n\ndata:b\n\n", "message= a;message=b;", ""},
    {"comments", ": ping\n\n:x\ndata: a\n\n", "message=a;", ""},
    {"no data, no event; the id stays", "event: x\nid: 3\n\n", "", "3"},
    {"the name is of one event", "event: x\ndata: a\n\ndata: b\n\n", "x=a;message=b;", ""},
    {"unknown fields", "retry: 5\nfoo: x\ndata: a\nbar\n\n", "message=a;", ""},
    {"an id that is too long is left out",
     "id: 1\nid: 0123456789012345678901234567890123456789012345678901234567890123456789\ndata: a\n\n",
     "message=a;", "1"},
    {"what is not finished is none", "data: a\n", "", ""},
    {"empty data is an event", "data:\n\n", "message=;", ""},
};

/* Fed in pieces of that many bytes, 0: at once. */
static char *told(const char *stream, size_t piece, struct sse *s)
{
	struct buf got = {0};
	size_t len = strlen(stream);

	buf_str(&got, "");
	*s = (struct sse){.event = note, .ctx = &got};
	for (size_t at = 0, n; at < len; at += n) {
		n = piece && piece < len - at ? piece : len - at;
		sse_feed(s, stream + at, n);
	}
	sse_free(s);
	return got.data;
}

static void streams(void)
{
	struct sse s;

	for (size_t i = 0; i < SQ_LEN(rows); i++)
		for (size_t piece = 0; piece < 4; piece++) {
			char *got = told(rows[i].stream, piece, &s);

			is_str(got, rows[i].want, rows[i].name);
			is_str(s.id, rows[i].id, "  its id");
			free(got);
		}
}

static void long_lines(void)
{
	struct buf got = {0};
	struct sse s = {.event = note, .ctx = &got};
	char *big = malloc(SSE_LINE_MAX);

	memset(big, 'x', SSE_LINE_MAX);
	sse_feed(&s, "data: ", 6);
	sse_feed(&s, big, SSE_LINE_MAX);
	sse_feed(&s, "\ndata: more of it\n\ndata: a\n\n", 29);
	is_str(got.data, "message=a;", "the event of a line that is too long is left out");
	buf_reset(&got);
	for (int i = 0; i < 3; i++) {
		sse_feed(&s, "data: ", 6);
		sse_feed(&s, big, SSE_LINE_MAX / 2);
		sse_feed(&s, "\n", 1);
	}
	sse_feed(&s, "\ndata: b\n\n", 10);
	is_str(got.data, "message=b;", "so is one of too many lines");
	free(big);
	buf_free(&got);
	sse_free(&s);
}

static void restart(void)
{
	struct buf got = {0};
	struct sse s = {.event = note, .ctx = &got};

	sse_feed(&s, "id: 5\nevent: x\ndata: half", 25);
	sse_restart(&s);
	sse_feed(&s, "data: a\n\n", 9);
	is_str(got.data, "message=a;", "a new connection begins anew");
	is_str(s.id, "5", "but for the id");
	buf_free(&got);
	sse_free(&s);
}

/* Without memory an event may get lost, but none is told in part. */
static void memory(void)
{
	int n;

	for (n = 1; n < 100; n++) {
		char out[64] = "";
		struct buf got = {.data = out, .cap = sizeof out};
		struct sse s = {.event = note, .ctx = &got};
		bool failed;

		failmalloc_after((unsigned)n);
		sse_feed(&s, "data: abc\ndata: def\n\n", 21);
		failed = failmalloc_stop();
		ok(strcmp(out, failed ? "" : "message=abc\ndef;") == 0,
		   "allocation %d fails: nothing, not half", n);
		sse_free(&s);
		if (!failed)
			break;
	}
	ok(n > 1 && n < 100, "every allocation was made to fail");
}

int main(void)
{
	streams();
	long_lines();
	restart();
	memory();
	return tap_done();
}
