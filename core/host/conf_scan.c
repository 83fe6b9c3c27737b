/*
 * conf_scan.c - the raw text of a .conf, before libconfig sees it.
 *
 * libconfig 1.5 cuts integers above 2^31-1 down without a word, 1.7 reads 010 as octal, and both
 * take a comment that never ends for a good end of file. So the text is looked through first, as
 * libconfig's own scanner would (comments #, //, slash-star; strings with escapes; @include at
 * the start of a line). Includes are put in place here, so that one text is checked, parsed, and
 * traced back to files and lines.
 */
#include "conf_priv.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define INCLUDE_DEPTH_MAX 8

struct conf_segment {
	unsigned first; /* line of the whole text */
	struct conf_place at; /* where that line stands */
};

struct bracket {
	char open;
	struct conf_place at;
};

struct scan {
	struct conf_text *out;
	struct conf_report *rep;
	unsigned line; /* of the whole text, as written so far */
	struct bracket open[CONF_DEPTH_MAX];
	unsigned depth;
};

/* One file of it. */
struct source {
	const char *path;
	const char *p, *end, *line_start;
	unsigned line, includes; /* how deep in includes it stands; INCLUDE_DEPTH_MAX: may not have any */
};

static int scan_source(struct scan *s, struct source *src);

static struct conf_place here(const struct source *src)
{
	return (struct conf_place){src->path, src->line};
}

static int no_memory(struct scan *s)
{
	s->out->mem->failed = true;
	return -EINVAL;
}

/* Passes text on up to the given byte. */
static void pass(struct scan *s, struct source *src, const char *to)
{
	buf_add(&s->out->text, src->p, (size_t)(to - src->p));
	for (; src->p < to; src->p++) {
		if (*src->p == '\n') {
			src->line++;
			s->line++;
			src->line_start = src->p + 1;
		}
	}
}

static int add_segment(struct scan *s, struct conf_place at)
{
	struct conf_text *t = s->out;
	struct conf_segment *more;

	if (t->segment_count == t->segment_cap) {
		more = realloc(t->segments, (t->segment_cap * 2 + 8) * sizeof *more);
		if (!more)
			return no_memory(s);
		t->segments = more;
		t->segment_cap = t->segment_cap * 2 + 8;
	}
	t->segments[t->segment_count++] = (struct conf_segment){s->line, at};
	return 0;
}

static bool starts(const struct source *src, const char *with)
{
	size_t len = strlen(with);

	return (size_t)(src->end - src->p) >= len && memcmp(src->p, with, len) == 0;
}

static int scan_comment(struct scan *s, struct source *src)
{
	struct conf_place at = here(src);
	const char *end;

	if (!starts(src, "/*")) {
		end = memchr(src->p, '\n', (size_t)(src->end - src->p));
		pass(s, src, end ? end : src->end);
		return 0;
	}
	end = memmem(src->p + 2, (size_t)(src->end - src->p) - 2, "*/", 2);
	if (!end) {
		conf_error(s->rep, at, "this comment is not closed");
		return -EINVAL;
	}
	pass(s, src, end + 2);
	return 0;
}

static int scan_string(struct scan *s, struct source *src)
{
	const char *c = src->p + 1;

	while (c < src->end && *c != '"')
		c += *c == '\\' && c + 1 < src->end && (c[1] == '\\' || c[1] == '"') ? 2 : 1;
	if (c == src->end) {
		conf_error(s->rep, here(src), "this text in quotes is not closed");
		return -EINVAL;
	}
	pass(s, src, c + 1);
	return 0;
}

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '*';
}

static bool is_hex(const char *c, const char *end)
{
	return end - c > 2 && c[0] == '0' && (c[1] == 'x' || c[1] == 'X');
}

/* The end of what starts like a number. */
static const char *number_end(const char *c, const char *end)
{
	bool hex = is_hex(c, end);

	if (*c == '+' || *c == '-')
		c++;
	for (; c < end; c++) {
		bool sign = (*c == '+' || *c == '-') && !hex && (c[-1] == 'e' || c[-1] == 'E');

		if (!isalnum((unsigned char)*c) && *c != '.' && !sign)
			break;
	}
	return c;
}

/* Behind the digits of a number: does it go on as a fraction, or does a name follow ("9e=1")? */
static bool is_fraction(const char *rest)
{
	if (*rest == 'e' || *rest == 'E') {
		rest += rest[1] == '+' || rest[1] == '-' ? 2 : 1;
		return isdigit((unsigned char)*rest);
	}
	return *rest == '.';
}

/* What is wrong with a number as it stands in the text, or NULL. */
static const char *number_fault(const char *token)
{
	const char *digits = token + (*token == '+' || *token == '-');
	bool hex = is_hex(token, token + strlen(token));
	size_t span = strspn(digits, "0123456789");
	long long v;
	char *end;

	if (!hex && is_fraction(digits + span))
		return NULL; /* a fraction: the option's own type refuses it */
	if (!hex && digits[0] == '0' && isalnum((unsigned char)digits[1]) && digits[1] != 'L')
		return "starts with 0, which some read as octal: write it without";
	errno = 0;
	v = strtoll(token, &end, hex ? 16 : 10);
	if (errno == ERANGE || v < INT_MIN || v > INT_MAX)
		return "is outside -2147483648 .. 2147483647: write large sizes as text, \"4G\"";
	return NULL;
}

static int scan_number(struct scan *s, struct source *src)
{
	const char *end = number_end(src->p, src->end), *fault;
	size_t len = (size_t)(end - src->p);
	char token[64];

	snprintf(token, sizeof token, "%.*s", len < sizeof token ? (int)len : (int)sizeof token - 1, src->p);
	fault = number_fault(token);
	if (!fault) {
		pass(s, src, end);
		return 0;
	}
	conf_error(s->rep, here(src), "%s %s", token, fault);
	buf_str(&s->out->text, "\"" CONF_REFUSED "\"");
	src->p = end;
	return 0;
}

static int open_bracket(struct scan *s, struct source *src)
{
	if (s->depth == CONF_DEPTH_MAX) {
		conf_error(s->rep, here(src), "nested more than %d deep", CONF_DEPTH_MAX);
		return -EINVAL;
	}
	s->open[s->depth++] = (struct bracket){*src->p, here(src)};
	pass(s, src, src->p + 1);
	return 0;
}

static int close_bracket(struct scan *s, struct source *src)
{
	char open = *src->p == '}' ? '{' : *src->p == ')' ? '(' : '[';
	const struct bracket *last = s->depth ? &s->open[s->depth - 1] : NULL;

	if (!last || last->open != open) {
		if (last)
			conf_error(s->rep, here(src), "%c does not close the %c of %s:%u", *src->p,
			           last->open, last->at.file, last->at.line);
		else
			conf_error(s->rep, here(src), "%c closes nothing", *src->p);
		return -EINVAL;
	}
	s->depth--;
	pass(s, src, src->p + 1);
	return 0;
}

/* Reads all of a file, at most one byte over the limit. */
static int read_all(struct scan *s, const char *path, struct conf_place at, struct buf *data)
{
	FILE *f = fopen(path, "re");
	size_t n = 1;
	char *room;
	int e = f ? 0 : errno;

	while (f && n > 0 && data->len <= CONF_BYTES_MAX && (room = buf_room(data, 4096))) {
		n = fread(room, 1, 4096, f);
		data->len += n;
	}
	if (f && ferror(f))
		e = errno;
	if (f)
		fclose(f);
	if (buf_failed(data))
		return no_memory(s);
	if (e == 0)
		return 0;
	if (at.line)
		conf_error(s->rep, at, "cannot read %s: %s", path, strerror(e));
	else
		conf_error(s->rep, at, "cannot be read: %s", strerror(e));
	return -EINVAL;
}

/* path as it was named at that place. */
static int scan_file(struct scan *s, const char *path, struct conf_place at, unsigned includes)
{
	struct source src = {.path = path, .line = 1, .includes = includes};
	struct buf data = {0};
	int r = read_all(s, path, at, &data);

	if (r == 0) {
		src.p = src.line_start = data.data;
		src.end = data.data + data.len;
		r = scan_source(s, &src);
	}
	buf_free(&data);
	return r;
}

/* A relative name starts at the folder of the file that includes. */
static const char *include_path(struct scan *s, const struct source *src, const char *name, size_t len)
{
	const char *slash = strrchr(src->path, '/');
	int dir = slash && *name != '/' ? (int)(slash - src->path) + 1 : 0;

	return conf_printf(s->out->mem, "%.*s%.*s", dir, src->path, (int)len, name);
}

static int scan_include(struct scan *s, struct source *src)
{
	const char *name = src->p + strlen("@include"), *end, *path;
	struct conf_place at = here(src);
	int r;

	while (name < src->end && (*name == ' ' || *name == '\t'))
		name++;
	end = name < src->end && *name == '"' ? memchr(name + 1, '"', (size_t)(src->end - name) - 1) : NULL;
	if (!end || end == name + 1 || memchr(name, '\n', (size_t)(end - name))) {
		conf_error(s->rep, at, "@include takes a file name in quotes");
		return -EINVAL;
	}
	if (src->includes == INCLUDE_DEPTH_MAX) {
		conf_error(s->rep, at, "@include is nested more than %d deep: does a file include itself?",
		           INCLUDE_DEPTH_MAX);
		return -EINVAL;
	}
	path = include_path(s, src, name + 1, (size_t)(end - name) - 1);
	if (!path)
		return -EINVAL;
	r = scan_file(s, path, at, src->includes + 1);
	if (r < 0)
		return r;
	/* The last line of the file may lack its end, and the rest of ours must not join it. */
	buf_str(&s->out->text, "\n");
	s->line++;
	src->p = end + 1;
	return add_segment(s, at);
}

static bool include_here(const struct source *src)
{
	if (!starts(src, "@include"))
		return false;
	for (const char *c = src->line_start; c < src->p; c++) {
		if (*c != ' ' && *c != '\t')
			return false;
	}
	return true;
}

static int scan_one(struct scan *s, struct source *src)
{
	const char *c = src->p;

	if (*c == '#' || starts(src, "//") || starts(src, "/*"))
		return scan_comment(s, src);
	if (*c == '"')
		return scan_string(s, src);
	if (strchr("{([", *c))
		return open_bracket(s, src);
	if (strchr("})]", *c))
		return close_bracket(s, src);
	if (include_here(src))
		return scan_include(s, src);
	if (isdigit((unsigned char)*c) || *c == '+' || *c == '-' || *c == '.')
		return scan_number(s, src);
	if (word_char(*c)) {
		while (c < src->end && word_char(*c))
			c++;
		pass(s, src, c);
	} else {
		pass(s, src, c + 1);
	}
	return 0;
}

static int scan_source(struct scan *s, struct source *src)
{
	size_t left = (size_t)(src->end - src->p);
	int r;

	if (memchr(src->p, '\0', left)) {
		conf_error(s->rep, (struct conf_place){src->path, 0}, "is no text: it holds a zero byte");
		return -EINVAL;
	}
	if (left + s->out->text.len > CONF_BYTES_MAX) {
		conf_error(s->rep, (struct conf_place){src->path, 0},
		           "is larger than %d KiB with what it includes", CONF_BYTES_MAX / 1024);
		return -EINVAL;
	}
	r = add_segment(s, here(src));
	while (r == 0 && src->p < src->end)
		r = scan_one(s, src);
	return r;
}

static int finish(struct scan *s, int r)
{
	if (r == 0 && s->depth > 0) {
		conf_error(s->rep, s->open[s->depth - 1].at, "this %c is not closed",
		           s->open[s->depth - 1].open);
		return -EINVAL;
	}
	buf_add(&s->out->text, "\n", 1);
	if (buf_failed(&s->out->text))
		return no_memory(s);
	return r;
}

int conf_text_read(struct conf_text *t, const char *path, struct conf_report *rep)
{
	struct scan s = {.out = t, .rep = rep, .line = 1};

	return finish(&s, scan_file(&s, path, (struct conf_place){path, 0}, 0));
}

int conf_text_take(struct conf_text *t, const char *name, const char *data, size_t len,
                   struct conf_report *rep)
{
	struct scan s = {.out = t, .rep = rep, .line = 1};
	struct source src = {.path = name,
	                     .p = data,
	                     .end = data + len,
	                     .line_start = data,
	                     .line = 1,
	                     .includes = INCLUDE_DEPTH_MAX};

	return finish(&s, scan_source(&s, &src));
}

struct conf_place conf_text_place(const struct conf_text *t, unsigned line)
{
	const struct conf_segment *seg = t->segments;

	assert(t->segment_count > 0);
	for (unsigned i = 1; i < t->segment_count && t->segments[i].first <= line; i++)
		seg = &t->segments[i];
	return (struct conf_place){seg->at.file, seg->at.line + (line > seg->first ? line - seg->first : 0)};
}

void conf_text_free(struct conf_text *t)
{
	buf_free(&t->text);
	free(t->segments);
	*t = (struct conf_text){0};
}
