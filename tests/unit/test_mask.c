/* test_mask.c - what a target sends back of the request's own secrets is not kept. */
#include <stdlib.h>
#include <string.h>

#include "plugins/common/mask.h"
#include "tests/tap.h"

static struct plan *plan_of(const char *headers)
{
	struct plan_problems problems = {0};
	struct plan *p = NULL;
	char text[512];

	snprintf(text, sizeof text, "{\"url\":\"http://h/\",\"headers\":{%s},\"secret_headers\":[\"X-Key\"]}",
	         headers);
	if (plan_read_text(text, strlen(text), NULL, &p, NULL, &problems) < 0)
		abort();
	plan_problems_free(&problems);
	return p;
}

/* What is left of a body under these headers. */
static const char *masked(const char *headers, const char *body)
{
	static char left[sizeof((struct sample *)0)->body + 1];
	struct plan *p = plan_of(headers);
	struct books *b = books_new(0);
	struct sample *s = &b->errors[SAMPLE_HTTP][0];

	b->error_count[SAMPLE_HTTP] = 1;
	s->body_len = (uint16_t)strnlen(body, sizeof s->body);
	memcpy(s->body, body, s->body_len);
	mask_samples(p, b);
	memcpy(left, s->body, s->body_len);
	left[s->body_len] = '\0';
	books_free(b);
	plan_free(p);
	return left;
}

#define KEY "\"X-Key\":\"geheim\""

static void test_words(void)
{
	is_str(masked(KEY, "X-Key: geheim, geheim"), "X-Key: ******, ******", "the value of a secret header");
	is_str(masked(KEY ",\"X-Other\":\"offen\"", "offen"), "offen", "and of no other");
	is_str(masked(KEY ",\"authorization\":\"Basic YTpiCg==\"", "got YTpiCg== by Basic"),
	       "got ******** by Basic", "credentials behind their scheme");
	is_str(masked(KEY ",\"Cookie\":\"session=abcdef; theme=dark\"", "{\"session\":\"abcdef\"}"),
	       "{\"session\":\"******\"}", "the value of a cookie");
	is_str(masked("\"X-Key\":\"abc\"", "abcabc"), "abcabc", "what is too short is everywhere");
	is_str(masked("\"X-Key\":\"{{uuid}}\"", "whatever"), "",
	       "one that is new each time takes all with it");
}

static void test_cut(void)
{
	char body[513], want[513];

	memset(body, '-', sizeof body);
	strcpy(body + 507, "gehei");
	strcpy(want, body);
	memset(want + 507, '*', 5);
	is_str(masked(KEY, body), want, "cut off by the end of what is kept");
}

static void test_all(void)
{
	struct plan *p = plan_of(KEY);
	struct books *b = books_new(0);

	b->slowest_count = b->error_count[ERROR_RESET] = 2;
	strcpy(b->slowest[1].body, "geheim");
	b->slowest[1].body_len = 6;
	strcpy(b->errors[ERROR_RESET][1].what, "said geheim");
	mask_samples(p, b);
	ok(memcmp(b->slowest[1].body, "******", 6) == 0, "in all samples");
	is_str(b->errors[ERROR_RESET][1].what, "said ******", "in the words of an error");
	books_free(b);
	plan_free(p);
}

int main(void)
{
	test_words();
	test_cut();
	test_all();
	return tap_done();
}
