/* plan_http.c - the method and the headers of a plan: what may be written into a request as it is. */
#include <ctype.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/text.h"
#include "plan_field.h"

#define HEADERS_MAX 64

/* Headers that decide how a message is framed or how the connection lives, and the one that the
 * audit counts by. */
static const struct {
	const char *name, *why;
} forbidden[] = {
    {"Content-Length", "it is computed from the body"},
    {"Transfer-Encoding", "it would contradict the Content-Length that is sent"},
    {"Connection", "connections are squall's to keep and close"},
    {"Keep-Alive", "connections are squall's to keep and close"},
    {"Proxy-Connection", "connections are squall's to keep and close"},
    {"Upgrade", "only HTTP/1.1 is spoken"},
    {"TE", "it is about the connection, which is squall's"},
    {"Trailer", "no trailers are sent"},
    {"Expect", "requests do not wait for 100 Continue"},
    {"X-Squall-Test", "the target's count of this test goes by it"},
};

/* A token (RFC 9110, 5.6.2), as methods are as well. */
bool plan_is_header_name(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] >= 0x80 ||
		    (!isalnum((unsigned char)s[i]) && !strchr("!#$%&'*+-.^_`|~", s[i])) || s[i] == '\0')
			return false;
	return len > 0;
}

/* Whether a field value can be written without ending its line (RFC 9110, 5.5). */
static bool is_value(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)s[i] < ' ' && s[i] != '\t') || s[i] == 0x7f)
			return false;
	return true;
}

/* Methods are case-sensitive; a common one in small letters is a slip. */
static const char *meant_method(const char *s)
{
	static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", NULL};

	for (const char *const *k = known; *k; k++)
		if (strcasecmp(s, *k) == 0 && strcmp(s, *k) != 0)
			return *k;
	return NULL;
}

int plan_read_method(struct json_object *v, const struct plan_field *f, struct plan *p, bool bare,
                     struct plan_problems *problems)
{
	size_t len;
	int r;

	if (!v) {
		p->method = strdup(bare || p->body ? "POST" : "GET");
		return p->method ? 0 : -ENOMEM;
	}
	r = plan_read_string(v, f, &p->method, &len, problems);
	if (r < 0 || !p->method)
		return r;
	if (!plan_is_header_name(p->method, len))
		plan_problem(problems, f->name, "is not a method: use letters, like GET");
	else if (meant_method(p->method))
		plan_problem(problems, f->name, "methods are case-sensitive; did you mean %s?",
		             meant_method(p->method));
	else if (strcmp(p->method, "CONNECT") == 0)
		plan_problem(problems, f->name, "CONNECT opens a tunnel, which is not supported");
	return 0;
}

int plan_read_body(struct json_object *v, const struct plan_field *f, struct plan *p,
                   struct plan_problems *problems)
{
	int r = plan_read_string(v, f, &p->body, &p->body_len, problems);

	if (r < 0 || !p->body || *p->body != '@')
		return r;
	if (p->body[1] == '@') /* with its NUL */
		memmove(p->body, p->body + 1, p->body_len--);
	else
		plan_problem(
		    problems, f->name,
		    "@FILE is for plans that squall run reads; a body that begins with @ is written @@");
	return 0;
}

struct json_object *plan_write_body(const char *body, size_t len)
{
	struct json_object *o;
	char *text;

	if (*body != '@')
		return json_object_new_string_len(body, (int)len);
	text = malloc(len + 1);
	if (!text)
		return NULL;
	*text = '@';
	memcpy(text + 1, body, len);
	o = json_object_new_string_len(text, (int)len + 1);
	free(text);
	return o;
}

static const char *why_forbidden(const char *name)
{
	for (size_t i = 0; i < SQ_LEN(forbidden); i++)
		if (strcasecmp(name, forbidden[i].name) == 0)
			return forbidden[i].why;
	return NULL;
}

static bool is_repeated(const struct plan *p, const char *name)
{
	for (uint32_t i = 0; i < p->header_count; i++)
		if (strcasecmp(p->headers[i].name, name) == 0)
			return true;
	return false;
}

/* Adds the problem with one header; false if there is none. */
static bool refuse_header(const struct plan_field *f, const struct plan *p, const char *name,
                          struct json_object *v, struct plan_problems *problems)
{
	const char *why = why_forbidden(name), *wrong = NULL;
	char shown[64];

	if (!plan_is_header_name(name, strlen(name)))
		wrong = "is not a header name";
	else if (!json_object_is_type(v, json_type_string))
		wrong = "must have a string as its value";
	else if (!is_value(json_object_get_string(v), (size_t)json_object_get_string_len(v)))
		wrong = "has a line break or another control character in its value";
	else if (is_repeated(p, name))
		wrong = "is there twice";
	text_safe(shown, sizeof shown, name, strlen(name));
	if (wrong)
		plan_problem(problems, f->name, "\"%s\" %s", shown, wrong);
	else if (why)
		plan_problem(problems, f->name, "\"%s\" cannot be set: %s", shown, why);
	return wrong || why;
}

static int add_header(struct plan *p, const char *name, const char *value)
{
	struct plan_header *h = &p->headers[p->header_count];

	h->name = strdup(name);
	h->value = strdup(value);
	if (h->name && h->value) {
		p->header_count++;
		return 0;
	}
	free(h->name);
	free(h->value);
	return -ENOMEM;
}

int plan_read_headers(struct json_object *v, const struct plan_field *f, struct plan *p,
                      struct plan_problems *problems)
{
	struct json_object_iter it;
	size_t bytes = 0;

	if (!json_object_is_type(v, json_type_object)) {
		plan_problem(problems, f->name, "must be %s", f->help);
		return 0;
	}
	if (json_object_object_length(v) > HEADERS_MAX) {
		plan_problem(problems, f->name, "are %d; the most is %d", json_object_object_length(v),
		             HEADERS_MAX);
		return 0;
	}
	p->headers = calloc(HEADERS_MAX, sizeof *p->headers);
	if (!p->headers)
		return -ENOMEM;
	json_object_object_foreachC(v, it)
	{
		if (refuse_header(f, p, it.key, it.val, problems))
			continue;
		bytes += strlen(it.key) + (size_t)json_object_get_string_len(it.val);
		if (add_header(p, it.key, json_object_get_string(it.val)) < 0)
			return -ENOMEM;
	}
	if (bytes > (size_t)f->max)
		plan_problem(problems, f->name, "are %zu bytes long; the most is %lld", bytes,
		             (long long)f->max);
	return 0;
}
