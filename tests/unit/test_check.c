/* test_check.c - answers against checks, however they are cut into pieces. */
#include <stdlib.h>

#include "plugins/role/worker/check.h"
#include "tests/tap.h"

static char text[] = "abab", name[] = "Content-Type", json[] = "json";

/* Whether all hold for this body, given in pieces of that size. */
static bool good(const struct plan_check *list, uint32_t count, const char *body, size_t piece, int status,
                 int64_t service, char what[96])
{
	static const struct sq_header headers[] = {{{"content-type", 12}, {"application/json", 16}}};
	struct http_head head = {.header_count = 1};
	struct check_state s;
	struct checks c = {0};
	bool all;

	head.headers[0] = headers[0];
	if (checks_init(&c, list, count) < 0)
		abort();
	checks_begin(&s);
	checks_head(&c, &s, &head);
	for (size_t at = 0, len = strlen(body); at < len; at += piece)
		checks_body(&c, &s, (struct sq_slice){body + at, len - at < piece ? len - at : piece});
	all = !checks_end(&c, &s, status, service, what, 96);
	checks_free(&c);
	return all;
}

static void test_body(void)
{
	static const char *const with[] = {"abab",    "xabab",      "ababa",    "aabab",
	                                   "abaabab", "ab ab abab", "abaababab"};
	static const char *const without[] = {"", "aba", "abaab", "ab ab", "baba bb abba", "aaaabbbb"};
	struct plan_check body = {.kind = CHECK_BODY, .text = text, .text_len = 4};
	char what[96];
	bool right = true;

	for (size_t piece = 1; piece < 6; piece++) {
		for (size_t i = 0; i < SQ_LEN(with); i++)
			right &= good(&body, 1, with[i], piece, 200, 0, what);
		for (size_t i = 0; i < SQ_LEN(without); i++)
			right &= !good(&body, 1, without[i], piece, 200, 0, what);
	}
	ok(right, "a text is found wherever the pieces are cut, and only if it is there");
	is_str(what, "check: the body does not hold abab", "what is missing is said");
}

static void test_others(void)
{
	char what[96];
	struct plan_check status = {.kind = CHECK_STATUS, .low = 200, .high = 204};
	struct plan_check size = {.kind = CHECK_SIZE, .low = 2, .high = 4};
	struct plan_check time = {.kind = CHECK_TIME, .high = SQ_MS};
	struct plan_check header = {.kind = CHECK_HEADER, .name = name, .text = json, .text_len = 4};
	struct plan_check there = {.kind = CHECK_HEADER, .name = name};
	struct plan_check all[] = {status, size, time, header, there};

	ok(good(all, 5, "abc", 2, 204, SQ_MS, what), "all hold, at their bounds");
	ok(!good(&status, 1, "", 1, 205, 0, what), "a status");
	ok(!good(&size, 1, "a", 1, 200, 0, what) && !good(&size, 1, "abcde", 2, 200, 0, what), "a size");
	is_str(what, "check: 5 bytes are not 2 .. 4", "  is said");
	ok(!good(&time, 1, "", 1, 200, SQ_MS + 1, what), "a time");
	json[0] = 'J';
	ok(!good(&header, 1, "", 1, 200, 0, what), "a header's value heeds case");
	json[0] = 'j';
	name[0] = 'D';
	ok(!good(&there, 1, "", 1, 200, 0, what), "a header that is not there");
	is_str(what, "check: header Dontent-Type is missing", "  is said");
}

int main(void)
{
	test_body();
	test_others();
	return tap_done();
}
