/* check.c - an answer against the plan's checks. */
#include "check.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/text.h"

static int prepare(struct check *c)
{
	const char *text = c->of->text;
	size_t len = c->of->text_len, back = 0;

	if (c->of->kind != CHECK_BODY)
		return 0;
	c->back = calloc(len, sizeof *c->back);
	if (!c->back)
		return -ENOMEM;
	for (size_t i = 1; i < len; i++) {
		while (back > 0 && text[i] != text[back])
			back = c->back[back - 1];
		back += text[i] == text[back];
		c->back[i] = (uint16_t)back;
	}
	return 0;
}

int checks_init(struct checks *c, const struct plan_check *list, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct check *check = &c->list[c->count];

		assert(c->count < PLAN_CHECKS_MAX);
		check->of = &list[i];
		if (prepare(check) < 0)
			return -ENOMEM;
		c->watches |= list[i].kind == CHECK_HEADER || list[i].kind == CHECK_BODY ||
		              list[i].kind == CHECK_SIZE;
		c->count++;
	}
	return 0;
}

void checks_free(struct checks *c)
{
	for (uint32_t i = 0; i < c->count; i++)
		free(c->list[i].back);
	*c = (struct checks){0};
}

void checks_begin(struct check_state *s)
{
	*s = (struct check_state){0};
}

static bool header_holds(const struct plan_check *c, const struct http_head *head)
{
	size_t len = strlen(c->name);

	for (uint32_t i = 0; i < head->header_count; i++) {
		const struct sq_header *h = &head->headers[i];

		if (h->name.len == len && strncasecmp(h->name.data, c->name, len) == 0 &&
		    (!c->text || memmem(h->value.data, h->value.len, c->text, c->text_len)))
			return true;
	}
	return false;
}

void checks_head(const struct checks *c, struct check_state *s, const struct http_head *head)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (c->list[i].of->kind == CHECK_HEADER && header_holds(c->list[i].of, head))
			s->held |= 1u << i;
}

static bool find(const struct check *c, uint16_t *matched, struct sq_slice data)
{
	const char *text = c->of->text;
	size_t n = *matched;

	for (size_t i = 0; i < data.len; i++) {
		while (n > 0 && data.data[i] != text[n])
			n = c->back[n - 1];
		n += data.data[i] == text[n];
		if (n == c->of->text_len)
			return true;
	}
	*matched = (uint16_t)n;
	return false;
}

void checks_body(const struct checks *c, struct check_state *s, struct sq_slice data)
{
	s->size += data.len;
	for (uint32_t i = 0; i < c->count; i++)
		if (c->list[i].of->kind == CHECK_BODY && !(s->held & 1u << i) &&
		    find(&c->list[i], &s->matched[i], data))
			s->held |= 1u << i;
}

static bool holds(const struct plan_check *c, bool held, const struct check_state *s, int status,
                  int64_t service)
{
	switch (c->kind) {
	case CHECK_STATUS:
		return status >= c->low && status <= c->high;
	case CHECK_SIZE:
		return s->size >= (uint64_t)c->low && s->size <= (uint64_t)c->high;
	case CHECK_TIME:
		return service <= c->high;
	case CHECK_HEADER:
	case CHECK_BODY:
		break;
	}
	return held;
}

static void describe(const struct plan_check *c, const struct check_state *s, int status, int64_t service,
                     char *what, size_t size)
{
	char text[48], name[40];

	text_safe(text, sizeof text, c->text ? c->text : "", c->text ? c->text_len : 0);
	text_safe(name, sizeof name, c->name ? c->name : "", c->name ? strlen(c->name) : 0);
	switch (c->kind) {
	case CHECK_STATUS:
		snprintf(what, size, "check: the status %d is not %d .. %d", status, (int)c->low,
		         (int)c->high);
		break;
	case CHECK_HEADER:
		snprintf(what, size, "check: header %s %s%s", name, c->text ? "without " : "is missing",
		         text);
		break;
	case CHECK_BODY:
		snprintf(what, size, "check: the body does not hold %s", text);
		break;
	case CHECK_SIZE:
		snprintf(what, size, "check: %llu bytes are not %lld .. %lld", (unsigned long long)s->size,
		         (long long)c->low, (long long)c->high);
		break;
	case CHECK_TIME:
		snprintf(what, size, "check: took %s", text_duration(text, service));
		break;
	}
}

const struct plan_check *checks_end(const struct checks *c, const struct check_state *s, int status,
                                    int64_t service, char *what, size_t size)
{
	for (uint32_t i = 0; i < c->count; i++) {
		const struct plan_check *check = c->list[i].of;

		if (holds(check, s->held & 1u << i, s, status, service))
			continue;
		describe(check, s, status, service, what, size);
		return check;
	}
	return NULL;
}
