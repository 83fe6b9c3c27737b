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

/* The same for text that the end of a line is behind. */
static inline struct sq_slice trim_text(const char *from, const char *to)
{
	while (is_space(*from))
		from++;
	while (is_space(to[-1]) && from < to)
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

static void note_one_length(struct scan *s, uint64_t n)
{
	if (s->notes.lengths++ > 0 && (s->kind->strict || n != s->notes.length))
		s->notes.length_error = -HTTP_EFRAMING;
	else
		s->notes.length = n;
}

/* Responses may repeat a length, in several fields or in one (RFC 9112, 6.3, rule 5). */
static void note_length(struct scan *s, struct sq_slice value)
{
	struct sq_slice one;
	uint64_t n;

	if (parse_length(value, &n)) {
		note_one_length(s, n);
		return;
	}
	if (s->kind->strict)
		s->notes.length_error = -HTTP_ELENGTH;
	while (!s->kind->strict && http_next_token(&value, &one)) {
		if (parse_length(one, &n))
			note_one_length(s, n);
		else
			s->notes.length_error = -HTTP_ELENGTH;
	}
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

static inline bool is_same4(const char *s, const char *name)
{
	return (load4(s) | (uint32_t)EACH_BYTE(0x20)) == load4(name);
}

static inline bool is_same8(const char *s, const char *name)
{
	return (load8(s) | EACH_BYTE(0x20)) == load8(name);
}

/* Whether a name of that length, 4 or more, is this one, which is in lower case and of letters and '-': then
 * the bit that makes letters small maps nothing else that a name may hold onto it. The last bytes are
 * compared with some that were already. */
static inline bool is_name(const char *s, const char *name, size_t len)
{
	if (len < 8)
		return is_same4(s, name) && is_same4(s + len - 4, name + len - 4);
	for (size_t i = 0; i + 8 < len; i += 8)
		if (!is_same8(s + i, name + i))
			return false;
	return is_same8(s + len - 8, name + len - 8);
}

/* A field whose name is as long as one of those that matter. Lengths tell them apart. */
static void scan_note(struct scan *s, struct sq_slice name, struct sq_slice value)
{
	switch (name.len) {
	case sizeof "host" - 1:
		if (is_name(name.data, "host", name.len)) {
			s->notes.hosts++;
			s->notes.host = value;
		}
		break;
	case sizeof "expect" - 1:
		if (is_name(name.data, "expect", name.len))
			note_expect(s, value);
		break;
	case sizeof "connection" - 1:
		if (is_name(name.data, "connection", name.len))
			note_connection(s, value);
		break;
	case sizeof "content-length" - 1:
		if (is_name(name.data, "content-length", name.len))
			note_length(s, value);
		break;
	case sizeof "transfer-encoding" - 1:
		if (is_name(name.data, "transfer-encoding", name.len)) {
			s->notes.codings++;
			s->notes.coding = value;
		}
		break;
	}
}

static inline void keep_field(struct scan *s, struct sq_slice name, struct sq_slice value)
{
	if (s->notes.fields < HTTP_HEADERS_MAX)
		s->h->headers[s->notes.fields] = (struct sq_header){name, value};
	s->notes.fields++;
	if (name.len < 32 && (s->kind->lengths >> name.len & 1))
		scan_note(s, name, value);
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
	name_end = s->kind->strict ? scan_word(line, s->end, CHAR_TOKEN) : scan_name(line, s->end);
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
	keep_field(s, (struct sq_slice){line, (size_t)(name_end - line)}, trim(colon + 1, next));
	return next;
}

/* A whole line "name: text", CR LF, and no fold behind it; all others are looked at again. The end of the
 * line is looked for from its beginning, so that the next line need not wait until this name is known. */
static inline const char *scan_field(struct scan *s, const char *line)
{
	const char *const p = scan_text(line, s->end);
	const char *colon;

	if (s->end - p < 3 || memcmp(p, "\r\n", 2) != 0 || is_space(p[2]))
		return scan_odd_field(s, line);
	colon = s->kind->strict ? scan_word(line, s->end, CHAR_TOKEN) : scan_name(line, s->end);
	if (colon == line || *colon != ':')
		return scan_odd_field(s, line);
	keep_field(s, (struct sq_slice){line, (size_t)(colon - line)}, trim_text(colon + 1, p));
	return p + 2;
}

const char *scan_fields(struct scan *s, const char *line)
{
	while (line && line < s->end && *line != '\r' && *line != '\n')
		line = scan_field(s, line);
	return line;
}
