/* mask.c - asterisks for secrets. */
#include "mask.h"

#include <string.h>

#define WORD_MIN 4 /* shorter ones are everywhere */

/* One text of a sample. cut: it may go on behind its end. */
struct text {
	char *data;
	size_t len;
	bool cut;
};

static void mask_word(const struct text *t, const char *word, size_t n)
{
	char *at = t->data, *end = t->data + t->len;

	if (n < WORD_MIN)
		return;
	while ((at = memmem(at, (size_t)(end - at), word, n)) != NULL)
		memset(at, '*', n);
	for (size_t k = n - 1 < t->len ? n - 1 : t->len; t->cut && k >= WORD_MIN; k--)
		if (memcmp(end - k, word, k) == 0)
			memset(end - k, '*', k);
}

/* "session=abc; theme=dark": what is behind each '='. */
static void mask_pairs(const struct text *t, const char *value)
{
	while (*value) {
		size_t len = strcspn(value, ";"), name = strcspn(value, "=;");

		if (name < len)
			mask_word(t, value + name + 1, len - name - 1);
		value += len + strspn(value + len, "; ");
	}
}

static void mask_value(const struct text *t, const char *value)
{
	const char *rest = strchr(value, ' ');

	mask_word(t, value, strlen(value));
	if (rest)
		mask_word(t, rest + 1, strlen(rest + 1));
	mask_pairs(t, value);
}

static void mask_sample(struct sample *s, const char *value)
{
	const struct text body = {s->body, s->body_len, s->body_len == sizeof s->body},
	                  what = {s->what, strlen(s->what), strlen(s->what) == sizeof s->what - 1};

	if (strstr(value, "{{"))
		s->body_len = 0;
	mask_value(&body, value);
	mask_value(&what, value);
}

static void mask_header(struct books *b, const char *value)
{
	for (uint32_t i = 0; i < b->slowest_count; i++)
		mask_sample(&b->slowest[i], value);
	for (int kind = 0; kind < SAMPLE_KINDS; kind++)
		for (uint32_t i = 0; i < b->error_count[kind]; i++)
			mask_sample(&b->errors[kind][i], value);
}

static void mask_headers(const struct plan *p, const struct plan_header *headers, uint32_t count,
                         struct books *b)
{
	for (uint32_t i = 0; i < count; i++)
		if (plan_is_secret(p, headers[i].name))
			mask_header(b, headers[i].value);
}

void mask_samples(const struct plan *p, struct books *b)
{
	mask_headers(p, p->headers, p->header_count, b);
	for (uint32_t i = 0; i < p->request_count; i++)
		mask_headers(p, p->requests[i].headers, p->requests[i].header_count, b);
}
