/* screen.c - where the live view goes. */
#include "screen.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/result_page.h"

#define WIDTH_MIN 20

static bool is_smart(void)
{
	const char *term = getenv("TERM");

	return term && *term && strcmp(term, "dumb") != 0;
}

void screen_resize(struct screen *s)
{
	struct winsize size;

	s->look.width = PAGE_WIDTH;
	if (s->terminal && ioctl(fileno(s->out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		s->look.width = size.ws_col < WIDTH_MIN    ? WIDTH_MIN
		                : size.ws_col < PAGE_WIDTH ? size.ws_col
		                                           : PAGE_WIDTH;
}

void screen_open(struct screen *s, FILE *out)
{
	const char *no_color = getenv("NO_COLOR");

	*s = (struct screen){.out = out};
	s->terminal = isatty(fileno(out)) && is_smart();
	s->look.color = s->terminal && !(no_color && *no_color);
	s->look.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	screen_resize(s);
}

/* Rows that the block takes at the present width, at which a terminal may have broken its lines. */
static unsigned rows_drawn(const struct screen *s)
{
	unsigned rows = 0, column = 0;

	for (size_t i = 0; i < s->drawn.len; i++) {
		char c = s->drawn.data[i];

		if (c == '\n') {
			rows += column > s->look.width ? (column + s->look.width - 1) / s->look.width : 1;
			column = 0;
		} else {
			column += (c & 0xc0) != 0x80;
		}
	}
	return rows;
}

/* In one piece, so that nothing flickers: the block goes, text comes. ECMA-48: cursor up, erase to the
 * end of the screen. */
static void replace(struct screen *s, const struct buf *text)
{
	unsigned rows = rows_drawn(s);
	struct buf out = {0};

	if (rows > 0)
		buf_printf(&out, "\033[%uA\r\033[J", rows);
	if (text && text->len > 0)
		buf_add(&out, text->data, text->len);
	if (out.len > 0)
		fwrite(out.data, 1, out.len, s->out);
	fflush(s->out);
	buf_free(&out);
	buf_reset(&s->drawn);
}

void screen_block(struct screen *s, const struct buf *block)
{
	replace(s, block);
	if (block->len > 0)
		buf_add(&s->drawn, block->data, block->len);
}

void screen_text(struct screen *s, const struct buf *text)
{
	replace(s, text);
}

void screen_close(struct screen *s)
{
	replace(s, NULL);
	buf_free(&s->drawn);
}
