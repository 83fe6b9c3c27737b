/* say.c - errors and notes for people. */
#include "say.h"

#include <string.h>
#include <unistd.h>

#include "core/base/result_page.h"
#include "core/base/text.h"

char *say_errno(char out[SAY_ERRNO], int number)
{
	snprintf(out, SAY_ERRNO, "%s", strerror(number));
	if (*out >= 'A' && *out <= 'Z' && out[1] >= 'a')
		*out |= 0x20;
	return out;
}

static void wrap(const char *text, struct buf *out)
{
	struct page p = {.out = out};

	page_begin(&p, "squall:", strlen("squall: "), NULL);
	page_say(&p, "%s", text);
}

void say(const char *fmt, ...)
{
	char raw[1024], text[1024];
	struct buf out = {0};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof raw, fmt, ap);
	va_end(ap);
	text_safe(text, sizeof text, raw, strlen(raw));
	if (isatty(STDERR_FILENO))
		wrap(text, &out);
	else
		buf_printf(&out, "squall: %s\n", text);
	if (!buf_failed(&out))
		fwrite(out.data, 1, out.len, stderr);
	buf_free(&out);
}
