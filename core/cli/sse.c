/* sse.c - a stream of server-sent events. */
#include "sse.h"

#include <stdio.h>
#include <string.h>

static void dispatch(struct sse *s)
{
	/* An event without data is none (9.2.6). What memory did not hold is not an event either. */
	if (s->has_data && !s->dropped && !buf_failed(&s->data)) {
		buf_str(&s->data, "");
		s->event(s->ctx, *s->name ? s->name : "message", s->data.data, s->data.len);
	}
	buf_reset(&s->data);
	*s->name = '\0';
	s->has_data = s->dropped = false;
}

static void take_field(struct sse *s, const char *name, const char *value)
{
	if (strcmp(name, "data") == 0) {
		if (s->has_data)
			buf_str(&s->data, "\n");
		buf_str(&s->data, value);
		s->has_data = true;
		s->dropped |= s->data.len > SSE_LINE_MAX;
	} else if (strcmp(name, "event") == 0) {
		snprintf(s->name, sizeof s->name, "%s", value);
	} else if (strcmp(name, "id") == 0 && strlen(value) < sizeof s->id) {
		strcpy(s->id, value);
	}
}

static void take_line(struct sse *s)
{
	char *line = s->line.data, *value;

	if (s->cut || buf_failed(&s->line)) {
		s->dropped = true;
	} else if (s->line.len == 0) {
		dispatch(s);
	} else if (*line != ':') { /* else a comment */
		value = line + strcspn(line, ":");
		if (*value)
			*value++ = '\0';
		take_field(s, line, value + (*value == ' '));
	}
	buf_reset(&s->line);
	s->cut = false;
}

static void take_text(struct sse *s, const char *text, size_t len)
{
	s->cut |= s->line.len + len > SSE_LINE_MAX;
	if (!s->cut)
		buf_add(&s->line, text, len);
}

/* A line ends with CR, LF or CR LF, of which the LF may come in the next bytes. */
void sse_feed(struct sse *s, const char *bytes, size_t len)
{
	size_t from = 0;

	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\n' && bytes[i] != '\r') {
			s->after_cr = false;
			continue;
		}
		if (bytes[i] == '\n' && s->after_cr) {
			s->after_cr = false;
		} else {
			take_text(s, bytes + from, i - from);
			take_line(s);
			s->after_cr = bytes[i] == '\r';
		}
		from = i + 1;
	}
	take_text(s, bytes + from, len - from);
}

void sse_restart(struct sse *s)
{
	buf_reset(&s->line);
	buf_reset(&s->data);
	*s->name = '\0';
	s->has_data = s->after_cr = s->cut = s->dropped = false;
}

void sse_free(struct sse *s)
{
	buf_free(&s->line);
	buf_free(&s->data);
}
