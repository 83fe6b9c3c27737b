/*
 * debug.c - squall run --debug: one request, both sides of it, and where the time went. The request is
 * that of a worker, header by header; the connection is libcurl's.
 */
#include <ctype.h>
#include <curl/curl.h>
#include <json-c/json.h>
#include <string.h>
#include <strings.h>

#include "command.h"
#include "core/base/text.h"
#include "core/base/url.h"
#include "json.h"
#include "plan.h"
#include "say.h"

#define BODY_SHOWN 2048
#define TIMEOUT_MS 30000

struct exchange {
	CURL *easy;
	struct json_object *plan;
	struct curl_slist *headers, *resolve, *connect_to;
	struct body {
		struct buf begin; /* the first BODY_SHOWN bytes */
		uint64_t len; /* of the whole */
	} sent, got;
	char why[CURL_ERROR_SIZE];
};

/* --- what is shown --------------------------------------------------------------------------- */

/* A line of a head; values that others must not read are left out (plan_hide knows which). */
static void print_head_line(struct json_object *plan, char side, const char *line, size_t len)
{
	char text[512];

	while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == '\n'))
		len--;
	text_safe(text, sizeof text, line, len);
	if (plan_is_secret(plan, line, strcspn(text, ":")))
		snprintf(text + strcspn(text, ":"), 16, ": (hidden)");
	printf("%c %s\n", side, text);
}

static void take_part(struct body *b, const char *data, size_t len)
{
	size_t room = BODY_SHOWN - b->begin.len;

	buf_add(&b->begin, data, len < room ? len : room);
	b->len += len;
}

/* Foreign bytes: control characters and what is no ASCII as dots, but for line ends. Shown once. */
static void print_body(struct body *b)
{
	char count[TEXT_MAX];

	for (size_t i = 0; i < b->begin.len; i++) {
		unsigned char c = (unsigned char)b->begin.data[i];

		putchar(c == '\n' || c == '\t' || (c >= ' ' && c <= '~') ? c : '.');
	}
	if (b->begin.len > 0 && b->begin.data[b->begin.len - 1] != '\n')
		putchar('\n');
	if (b->len > b->begin.len)
		printf("... %s bytes in all\n", text_count(count, b->len));
	buf_free(&b->begin);
	b->len = 0;
}

static int take_trace(CURL *easy, curl_infotype kind, char *data, size_t len, void *user)
{
	struct exchange *x = user;
	const char *end;

	(void)easy;
	if (kind == CURLINFO_DATA_OUT)
		take_part(&x->sent, data, len);
	if (kind == CURLINFO_HEADER_IN) {
		print_body(&x->sent);
		print_head_line(x->plan, '<', data, len);
	}
	for (size_t at = 0; kind == CURLINFO_HEADER_OUT && at < len; at += (size_t)(end - (data + at)) + 1) {
		end = memchr(data + at, '\n', len - at);
		end = end ? end : data + len;
		print_head_line(x->plan, '>', data + at, (size_t)(end - (data + at)));
	}
	return 0;
}

static size_t take_body(char *data, size_t size, size_t count, void *user)
{
	struct exchange *x = user;

	take_part(&x->got, data, size * count);
	return size * count;
}

static void print_phases(CURL *easy)
{
	static const struct {
		const char *name;
		CURLINFO end; /* us since the start, 0 = did not happen */
	} phases[] = {
	    {"dns", CURLINFO_NAMELOOKUP_TIME_T},           {"connect", CURLINFO_CONNECT_TIME_T},
	    {"tls", CURLINFO_APPCONNECT_TIME_T},           {"send", CURLINFO_PRETRANSFER_TIME_T},
	    {"first byte", CURLINFO_STARTTRANSFER_TIME_T}, {"receive", CURLINFO_TOTAL_TIME_T},
	};
	curl_off_t before = 0, end;
	char text[TEXT_MAX];

	printf("\n");
	for (size_t i = 0; i < SQ_LEN(phases); i++) {
		if (curl_easy_getinfo(easy, phases[i].end, &end) != CURLE_OK || end == 0)
			continue;
		printf("  %-10s  %s\n", phases[i].name, text_duration(text, (end - before) * SQ_US));
		before = end;
	}
	printf("  %-10s  %s\n", "total", text_duration(text, before * SQ_US));
}

/* --- the request ----------------------------------------------------------------------------- */

static bool add_header(struct exchange *x, const char *name, const char *value)
{
	struct curl_slist *more = NULL;
	struct buf line = {0};

	/* libcurl leaves a header without a value out, unless its name ends in ";". */
	buf_printf(&line, *value ? "%s: %s" : "%s;", name, value);
	if (!buf_failed(&line))
		more = curl_slist_append(x->headers, line.data);
	buf_free(&line);
	x->headers = more ? more : x->headers;
	return more != NULL;
}

static bool add_headers(struct exchange *x, struct json_object *plan)
{
	/* Those that libcurl would add of its own. */
	static const char *const unwanted[] = {"Accept:", "Content-Type:", "Expect:"};
	struct json_object *headers = member_get(plan, "headers");
	struct json_object_iter it;
	struct curl_slist *more;

	for (size_t i = 0; i < SQ_LEN(unwanted); i++) {
		more = curl_slist_append(x->headers, unwanted[i]);
		if (!more)
			return false;
		x->headers = more;
	}
	if (!json_object_is_type(headers, json_type_object))
		return true;
	json_object_object_foreachC(headers, it)
	{
		if (json_object_is_type(it.val, json_type_string) &&
		    !add_header(x, it.key, json_object_get_string(it.val)))
			return false;
	}
	return true;
}

static bool set_body(struct exchange *x, struct json_object *plan, const char *method)
{
	struct json_object *body = member_get(plan, "body");
	bool any = json_object_is_type(body, json_type_string);
	const char *text = any ? json_object_get_string(body) : "";
	int len = any ? json_object_get_string_len(body) : 0, escaped = text[0] == '@'; /* @@ is @ */

	if (!any && strcmp(method, "GET") == 0)
		return true;
	if (strcmp(method, "HEAD") == 0)
		return curl_easy_setopt(x->easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
	if ((any || strcmp(method, "POST") == 0) &&
	    (curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(len - escaped)) !=
	         CURLE_OK ||
	     curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, text + escaped) != CURLE_OK))
		return false;
	return curl_easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
}

/* PEM text of tls.NAME, if any. */
static bool set_pem(struct exchange *x, struct json_object *tls, const char *name, CURLoption option)
{
	struct json_object *text = member_get(tls, name);
	struct curl_blob blob = {.flags = CURL_BLOB_COPY};

	if (!json_object_is_type(text, json_type_string))
		return true;
	blob.data = (void *)(uintptr_t)json_object_get_string(text);
	blob.len = (size_t)json_object_get_string_len(text);
	return curl_easy_setopt(x->easy, option, &blob) == CURLE_OK;
}

static bool set_tls(struct exchange *x, struct json_object *tls)
{
	if (!json_object_is_type(tls, json_type_object))
		return true;
	if (json_object_get_boolean(member_get(tls, "insecure"))) {
		curl_easy_setopt(x->easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(x->easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	return set_pem(x, tls, "ca", CURLOPT_CAINFO_BLOB) && set_pem(x, tls, "cert", CURLOPT_SSLCERT_BLOB) &&
	       set_pem(x, tls, "key", CURLOPT_SSLKEY_BLOB);
}

static struct curl_slist *list_of(struct json_object *plan, const char *name)
{
	struct json_object *list = member_get(plan, name);
	struct curl_slist *out = NULL, *more;

	for (size_t i = 0; json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
	     i++) {
		more = curl_slist_append(out, json_object_get_string(json_object_array_get_idx(list, i)));
		out = more ? more : out;
	}
	return out;
}

static bool set_place(struct exchange *x, struct json_object *plan)
{
	const char *path = json_text(plan, "unix_socket");

	x->resolve = list_of(plan, "resolve");
	x->connect_to = list_of(plan, "connect_to");
	return curl_easy_setopt(x->easy, CURLOPT_RESOLVE, x->resolve) == CURLE_OK &&
	       curl_easy_setopt(x->easy, CURLOPT_CONNECT_TO, x->connect_to) == CURLE_OK &&
	       curl_easy_setopt(x->easy, CURLOPT_UNIX_SOCKET_PATH, *path ? path : NULL) == CURLE_OK;
}

static const char *method_of(struct json_object *plan)
{
	const char *method = json_text(plan, "method");

	return *method ? method : member_get(plan, "body") ? "POST" : "GET";
}

static bool set_up(struct exchange *x, struct json_object *plan)
{
	double timeout = TIMEOUT_MS;

	member_number(plan, "timeout_ms", &timeout);
	curl_easy_setopt(x->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(x->easy, CURLOPT_VERBOSE, 1L);
	curl_easy_setopt(x->easy, CURLOPT_DEBUGFUNCTION, take_trace);
	curl_easy_setopt(x->easy, CURLOPT_DEBUGDATA, x);
	curl_easy_setopt(x->easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(x->easy, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(x->easy, CURLOPT_ERRORBUFFER, x->why);
	curl_easy_setopt(x->easy, CURLOPT_TIMEOUT_MS,
	                 (long)(timeout > 0 && timeout < 1e9 ? timeout : TIMEOUT_MS));
	curl_easy_setopt(x->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	return curl_easy_setopt(x->easy, CURLOPT_URL, json_text(plan, "url")) == CURLE_OK &&
	       curl_easy_setopt(x->easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       curl_easy_setopt(x->easy, CURLOPT_PROXY, "") == CURLE_OK &&
	       curl_easy_setopt(x->easy, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
	       curl_easy_setopt(x->easy, CURLOPT_USERAGENT, "squall/" PACKAGE_VERSION) == CURLE_OK &&
	       set_place(x, plan) && set_tls(x, member_get(plan, "tls")) &&
	       set_body(x, plan, method_of(plan)) && add_headers(x, plan) &&
	       curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers) == CURLE_OK;
}

static void explain(const struct exchange *x, CURLcode failed, const char *address)
{
	struct url url;
	const char *where = url_parse(address, &url, NULL) == 0 ? url.authority : address;
	char words[SAY_ERRNO];
	long number = 0;

	curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &number);
	if (failed == CURLE_COULDNT_CONNECT && number)
		say("cannot connect to %s (%s): is the target running there?", where,
		    say_errno(words, (int)number));
	else if (failed == CURLE_PEER_FAILED_VERIFICATION)
		say("no TLS with %s (%s): trust who issued its certificate with --cacert, or accept any with "
		    "-k",
		    where, *x->why ? x->why : curl_easy_strerror(failed));
	else if (failed == CURLE_UNSUPPORTED_PROTOCOL) /* what comes without a status line */
		say("what %s answers is not HTTP: is it the right port?", where);
	else
		say("no whole answer from %s: %s", where, *x->why ? x->why : curl_easy_strerror(failed));
}

/* ok as a run would count it: the status that is expected, else any of 200 .. 399. */
static int judge(CURL *easy, struct json_object *plan)
{
	uint64_t wanted = 0;
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	member_count(plan, "expect_status", &wanted);
	if (wanted ? (uint64_t)status == wanted : status >= 200 && status <= 399)
		return RESULT_EXIT_PASS;
	return RESULT_EXIT_FAIL;
}

static int perform(struct exchange *x, struct json_object *plan)
{
	CURLcode failed = curl_easy_perform(x->easy);

	print_body(&x->sent);
	print_body(&x->got);
	if (failed != CURLE_OK) {
		fflush(stdout);
		explain(x, failed, json_text(plan, "url"));
		return RESULT_EXIT_STOPPED;
	}
	print_phases(x->easy);
	return judge(x->easy, plan);
}

int debug_request(struct json_object *plan)
{
	struct exchange x = {.easy = NULL, .plan = plan};
	int code = RESULT_EXIT_STOPPED;
	struct sq_err err;

	if (plan_take_first(plan, &err) < 0) {
		say("%s", err.text);
		return RESULT_EXIT_USAGE;
	}
	x.easy = curl_easy_init();
	if (x.easy && set_up(&x, plan))
		code = perform(&x, plan);
	else
		say("the request cannot be made: no memory, or something of it is too strange for libcurl");
	curl_easy_cleanup(x.easy);
	curl_slist_free_all(x.headers);
	curl_slist_free_all(x.resolve);
	curl_slist_free_all(x.connect_to);
	buf_free(&x.sent.begin);
	buf_free(&x.got.begin);
	return code;
}
