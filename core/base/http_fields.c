/* http_fields.c - header fields: their lines, their lists, and notes on those that frame a message. */
#include "core/base/http_scan.h"

static inline struct sq_slice trim(const char *from, const char *to)
{
	while (from < to && is_char(*from, CHAR_BLANK))
		from++;
	while (from < to && is_char(to[-1], CHAR_BLANK))
		to--;
	return (struct sq_slice){from, (size_t)(to - from)};
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool http_is_word(struct sq_slice s, const char *word, size_t len)
{
	if (s.len != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (lower(s.data[i]) != lower(word[i]))
			return false;
	return true;
}

bool http_next_token(struct sq_slice *list, struct sq_slice *token)
{
	const char *comma;
	size_t len;

	if (!list->data)
		return false;
	comma = memchr(list->data, ',', list->len);
	len = comma ? (size_t)(comma - list->data) : list->len;
	*token = trim(list->data, list->data + len);
	list->data = comma ? comma + 1 : NULL;
	list->len -= comma ? len + 1 : len;
	return true;
}

bool http_has_token(struct sq_slice value, const char *token)
{
	const size_t len = strlen(token);
	struct sq_slice t;

	while (http_next_token(&value, &t))
		if (http_is_word(t, token, len))
			return true;
	return false;
}

struct sq_slice http_header(const struct http_head *h, const char *name)
{
	const size_t len = strlen(name);

	for (uint32_t i = 0; i < h->header_count; i++)
		if (http_is_word(h->headers[i].name, name, len))
			return h->headers[i].value;
	return (struct sq_slice){NULL, 0};
}

bool http_is_field(const char *name, const char *value)
{
	const char *name_end = name + strlen(name), *value_end = value + strlen(value);

	return name < name_end && scan_while(name, name_end, CHAR_TOKEN) == name_end &&
	       scan_text(value, value_end) == value_end;
}

/* Digits alone, at most INT64_MAX. */
static bool parse_length(struct sq_slice s, uint64_t *ret)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)(s.data[i] - '0');

		if (digit > 9 || n > INT64_MAX / 10 || n * 10 > (uint64_t)INT64_MAX - digit)
			return false;
		n = n * 10 + digit;
	}
	*ret = n;
	return s.len > 0;
}

static void note_one_length(struct scan *s, struct sq_slice value)
{
	uint64_t n;

	if (!parse_length(value, &n))
		s->notes.length_error = -HTTP_ELENGTH;
	else if (s->notes.lengths++ > 0 && (s->kind->strict || n != s->notes.length))
		s->notes.length_error = -HTTP_EFRAMING;
	else
		s->notes.length = n;
}

/* Responses may repeat a length, in several fields or in one (RFC 9112, 6.3, rule 5). */
static void note_length(struct scan *s, struct sq_slice value)
{
	struct sq_slice one;

	if (s->kind->strict)
		note_one_length(s, value);
	else
		while (http_next_token(&value, &one))
			note_one_length(s, one);
}

static void note_connection(struct scan *s, struct sq_slice value)
{
	struct sq_slice option;

	if (value.len == 10 && memcmp(value.data, "keep-alive", 10) == 0) {
		s->notes.keep_alive = true; /* as almost all have it */
		return;
	}
	while (http_next_token(&value, &option)) {
		s->notes.close |= http_is(option, "close");
		s->notes.keep_alive |= http_is(option, "keep-alive");
	}
}

static void note_expect(struct scan *s, struct sq_slice value)
{
	struct sq_slice member;

	while (http_next_token(&value, &member)) {
		if (http_is(member, "100-continue"))
			s->notes.expect_continue = true;
		else if (member.len > 0)
			s->notes.expect_other = true;
	}
}

/* Whether a name of that length is this one, which is in lower case and of letters and '-': then
 * the bit that makes letters small maps nothing else that a name may hold onto it. */
static inline bool is_name(const char *s, const char *name, size_t len)
{
	size_t i = 0;

	for (; i + 8 <= len; i += 8)
		if ((load8(s + i) | EACH_BYTE(0x20)) != load8(name + i))
			return false;
	for (; i < len; i++)
		if ((s[i] | 0x20) != name[i])
			return false;
	return true;
}

/* Lengths tell the names apart that matter; few other fields get as far as a comparison. */
static inline void note_field(struct scan *s, struct sq_slice name, struct sq_slice value)
{
	const struct sq_header field = {name, value}, *f = &field;

	if (s->notes.fields++ < HTTP_HEADERS_MAX)
		s->h->headers[s->h->header_count++] = field;
	switch (f->name.len) {
	case sizeof "host" - 1:
		if (is_name(f->name.data, "host", f->name.len)) {
			s->notes.hosts++;
			s->notes.host = f->value;
		}
		break;
	case sizeof "expect" - 1:
		if (is_name(f->name.data, "expect", f->name.len))
			note_expect(s, f->value);
		break;
	case sizeof "connection" - 1:
		if (is_name(f->name.data, "connection", f->name.len))
			note_connection(s, f->value);
		break;
	case sizeof "content-length" - 1:
		if (is_name(f->name.data, "content-length", f->name.len))
			note_length(s, f->value);
		break;
	case sizeof "transfer-encoding" - 1:
		if (is_name(f->name.data, "transfer-encoding", f->name.len)) {
			s->notes.codings++;
			s->notes.coding = f->value;
		}
		break;
	}
}

/* A line that begins with a space goes on with the value before (RFC 9112, 5.2). */
static const char *skip_folds(struct scan *s, const char *p)
{
	while (p && p < s->end && is_space(*p))
		p = scan_rest(s, p, p, HTTP_EFIELD);
	return p;
}

/* A field that is not as almost all are: folded, cut, faulty, or with white space before its colon. */
static const char *scan_odd_field(struct scan *s, const char *line)
{
	const char *name_end, *colon, *next;

	/* Behind the status line, where it folds nothing and may be ignored (RFC 9112, 2.2), or a fold
	 * that has come later than what it goes on with. */
	if (!s->kind->strict && is_space(*line))
		return skip_folds(s, line);
	name_end = s->kind->strict ? scan_while(line, s->end, CHAR_TOKEN) : scan_name(line, s->end);
	colon = name_end;
	while (!s->kind->strict && colon < s->end && is_space(*colon))
		colon++;
	if (name_end == line || colon == s->end || *colon != ':')
		return scan_fail(s, line, HTTP_EFIELD);
	next = scan_rest(s, line, colon + 1, HTTP_EFIELD);
	if (!s->kind->strict)
		next = skip_folds(s, next);
	if (!next)
		return NULL;
	note_field(s, (struct sq_slice){line, (size_t)(name_end - line)}, trim(colon + 1, next));
	return next;
}

/* A whole line "name: text", CR LF, and no fold behind it; all others are looked at again. */
const char *scan_field(struct scan *s, const char *line)
{
	const char *const end = s->end;
	const char *colon = s->kind->strict ? scan_while(line, end, CHAR_TOKEN) : scan_name(line, end), *p;

	if (colon == line || colon == end || *colon != ':')
		return scan_odd_field(s, line);
	p = scan_text(colon + 1, end);
	if (end - p < 3 || p[0] != '\r' || p[1] != '\n' || is_space(p[2]))
		return scan_odd_field(s, line);
	note_field(s, (struct sq_slice){line, (size_t)(colon - line)}, trim(colon + 1, p));
	return p + 2;
}
