/* template.c - compiling text with {{...}}, and rendering it. */
#include "template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/digits.h"
#include "core/base/text.h"
#include "core/base/schedule.h"

#define UUID_LEN 36
#define EXPRESSION_MAX 128

/* --- compiling ------------------------------------------------------------------------------- */

static int read_random(struct piece *p, const char *args, struct sq_err *err)
{
	char low[EXPRESSION_MAX], high[EXPRESSION_MAX], rest;

	if (sscanf(args, "%127s %127s %c", low, high, &rest) != 2 || text_parse_int(low, &p->low) < 0 ||
	    text_parse_int(high, &p->high) < 0 || p->low > p->high ||
	    (uint64_t)p->high - (uint64_t)p->low >= INT64_MAX)
		return sq_fail(err, -EINVAL, "{{random%s}} wants two whole numbers, the lower one first",
		               args);
	p->kind = PIECE_RANDOM;
	return 0;
}

static int read_row(struct piece *p, const char *name, const struct template_data *data, struct sq_err *err)
{
	for (uint32_t i = 0; data && i < data->columns; i++)
		if (strcmp(data->names[i], name) == 0) {
			p->kind = PIECE_ROW;
			p->column = i;
			return 0;
		}
	return sq_fail(err, -EINVAL, "{{row.%s}}: the plan's data has no such column", name);
}

/* What stands between the braces, without blanks around it. */
static int read_expression(struct piece *p, const char *s, const struct template_data *data, uint32_t *place,
                           struct sq_err *err)
{
	int r = 0;

	if (strcmp(s, "seq") == 0)
		p->kind = PIECE_SEQ;
	else if (strcmp(s, "uuid") == 0)
		p->kind = PIECE_UUID;
	else if (strncmp(s, "random", 6) == 0 && (s[6] == ' ' || s[6] == '\0'))
		r = read_random(p, s + 6, err);
	else if (strncmp(s, "row.", 4) == 0)
		r = read_row(p, s + 4, data, err);
	else
		r = sq_fail(
		    err, -EINVAL,
		    "{{%s}} is unknown; there are {{seq}}, {{uuid}}, {{random 1 100}} and {{row.NAME}}; "
		    "{{{{ stands for two braces",
		    s);
	p->place = (*place)++;
	return r;
}

/* s begins behind "{{". Returns the bytes up to behind "}}", or an error. */
static ssize_t take_expression(struct piece *p, struct sq_slice s, const struct template_data *data,
                               uint32_t *place, struct sq_err *err)
{
	const char *end = memmem(s.data, s.len, "}}", 2);
	char text[EXPRESSION_MAX];
	size_t from = 0, to;
	int r;

	if (!end || (to = (size_t)(end - s.data)) >= sizeof text)
		return sq_fail(err, -EINVAL, "\"{{\" without its \"}}\"; {{{{ stands for two braces");
	while (from < to && s.data[from] == ' ')
		from++;
	while (to > from && s.data[to - 1] == ' ')
		to--;
	text_safe(text, sizeof text, s.data + from, to - from);
	r = read_expression(p, text, data, place, err);
	return r < 0 ? r : end + 2 - s.data;
}

/* One piece from the beginning of s; the bytes it took, or an error. */
static ssize_t take_piece(struct piece *p, struct sq_slice s, const struct template_data *data,
                          uint32_t *place, struct sq_err *err)
{
	const char *open = memmem(s.data, s.len, "{{", 2);
	ssize_t n;

	*p = (struct piece){.kind = PIECE_TEXT, .text = s};
	if (!open)
		return (ssize_t)s.len;
	p->text.len = (size_t)(open - s.data);
	if (p->text.len > 0)
		return (ssize_t)p->text.len;
	s.data += 2;
	s.len -= 2;
	if (s.len >= 2 && memcmp(s.data, "{{", 2) == 0) {
		p->text = (struct sq_slice){s.data, 2};
		return 4;
	}
	n = take_expression(p, s, data, place, err);
	return n < 0 ? n : n + 2;
}

int template_compile(struct template *t, struct sq_slice text, const struct template_data *data,
                     uint32_t *place, struct sq_err *err)
{
	struct template made = {0};
	uint32_t room = 0;
	ssize_t n;

	while (text.len > 0) {
		if (made.count == room) {
			struct piece *more;

			room = room ? room * 2 : 4;
			more = realloc(made.pieces, room * sizeof *more);
			if (!more) {
				template_free(&made);
				return sq_fail(err, -ENOMEM, "no memory");
			}
			made.pieces = more;
		}
		n = take_piece(&made.pieces[made.count], text, data, place, err);
		if (n < 0) {
			template_free(&made);
			return (int)n;
		}
		made.varies |= made.pieces[made.count++].kind != PIECE_TEXT;
		text.data += n;
		text.len -= (size_t)n;
	}
	*t = made;
	return 0;
}

void template_free(struct template *t)
{
	free(t->pieces);
	*t = (struct template){0};
}

/* --- rendering ------------------------------------------------------------------------------- */

static uint64_t draw(uint64_t seed, const struct piece *p, uint64_t tick)
{
	return schedule_mix(schedule_mix(seed + p->place) ^ tick);
}

static int64_t random_of(const struct piece *p, const struct template_values *v)
{
	uint64_t width = (uint64_t)p->high - (uint64_t)p->low + 1;

	return (int64_t)((uint64_t)p->low +
	                 (uint64_t)((unsigned __int128)draw(v->seed, p, v->tick) * width >> 64));
}

static char *put_uuid(char *out, uint64_t a, uint64_t b)
{
	static const char hex[] = "0123456789abcdef";

	a = (a & ~0xf000ULL) | 0x4000; /* version 4 */
	b = (b & ~(3ULL << 62)) | 1ULL << 63; /* variant 10 */
	for (int i = 0; i < 32; i++) {
		uint64_t half = i < 16 ? a : b;

		if (i == 8 || i == 12 || i == 16 || i == 20)
			*out++ = '-';
		*out++ = hex[half >> (60 - i % 16 * 4) & 15];
	}
	return out;
}

static struct sq_slice cell_of(const struct piece *p, const struct template_values *v)
{
	return v->data->cells[v->tick % v->data->rows * v->data->columns + p->column];
}

size_t template_length(const struct template *t, const struct template_values *v)
{
	char number[24];
	size_t len = 0;

	for (uint32_t i = 0; i < t->count; i++) {
		const struct piece *p = &t->pieces[i];

		switch (p->kind) {
		case PIECE_TEXT:
			len += p->text.len;
			break;
		case PIECE_SEQ:
			len += (size_t)(put_digits(number, (int64_t)v->tick) - number);
			break;
		case PIECE_UUID:
			len += UUID_LEN;
			break;
		case PIECE_RANDOM:
			len += (size_t)(put_digits(number, random_of(p, v)) - number);
			break;
		case PIECE_ROW:
			len += cell_of(p, v).len;
			break;
		}
	}
	return len;
}

static char *put_slice(char *out, struct sq_slice s)
{
	if (s.len > 0)
		memcpy(out, s.data, s.len);
	return out + s.len;
}

char *template_render(const struct template *t, const struct template_values *v, char *out)
{
	for (uint32_t i = 0; i < t->count; i++) {
		const struct piece *p = &t->pieces[i];

		switch (p->kind) {
		case PIECE_TEXT:
			out = put_slice(out, p->text);
			break;
		case PIECE_SEQ:
			out = put_digits(out, (int64_t)v->tick);
			break;
		case PIECE_UUID: {
			uint64_t a = draw(v->test, p, v->tick);

			out = put_uuid(out, a, schedule_mix(a ^ v->test));
			break;
		}
		case PIECE_RANDOM:
			out = put_digits(out, random_of(p, v));
			break;
		case PIECE_ROW:
			out = put_slice(out, cell_of(p, v));
			break;
		}
	}
	return out;
}
