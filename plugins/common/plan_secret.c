/* plan_secret.c - headers whose values nobody is shown. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/text.h"
#include "doc.h"
#include "plan_field.h"

#define SECRETS_MAX 64 /* as many as there may be headers */

static bool is_named(const struct plan_header *headers, uint32_t count, const char *name)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcasecmp(headers[i].name, name) == 0)
			return true;
	return false;
}

static bool is_sent(const struct plan *p, const char *name)
{
	for (uint32_t i = 0; i < p->request_count; i++)
		if (is_named(p->requests[i].headers, p->requests[i].header_count, name))
			return true;
	return is_named(p->headers, p->header_count, name);
}

/* A name that no header has is a slip that would show the header that was meant. */
static bool refuse_name(const struct plan_field *f, const struct plan *p, struct json_object *v,
                        struct plan_problems *problems)
{
	const char *name = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
	char shown[64];

	if (!name || !plan_is_header_name(name, (size_t)json_object_get_string_len(v))) {
		plan_problem(problems, f->name, "must be %s", f->help);
		return true;
	}
	if (is_sent(p, name))
		return false;
	plan_problem(problems, f->name, "\"%s\" is not one of the headers",
	             text_safe(shown, sizeof shown, name, strlen(name)));
	return true;
}

int plan_read_secret_headers(struct json_object *v, const struct plan_field *f, struct plan *p,
                             struct plan_problems *problems)
{
	size_t count = json_object_is_type(v, json_type_array) ? json_object_array_length(v) : 0;

	if (!json_object_is_type(v, json_type_array)) {
		plan_problem(problems, f->name, "must be %s", f->help);
		return 0;
	}
	if (count > SECRETS_MAX) {
		plan_problem(problems, f->name, "are %zu; the most is %d", count, SECRETS_MAX);
		return 0;
	}
	p->secret_headers = calloc(SECRETS_MAX, sizeof *p->secret_headers);
	if (!p->secret_headers)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct json_object *name = json_object_array_get_idx(v, i);

		if (refuse_name(f, p, name, problems))
			continue;
		p->secret_headers[p->secret_header_count] = strdup(json_object_get_string(name));
		if (!p->secret_headers[p->secret_header_count])
			return -ENOMEM;
		p->secret_header_count++;
	}
	return 0;
}

struct json_object *plan_write_secret_headers(const struct plan *p)
{
	struct json_object *o = json_object_new_array();
	bool good = true;

	for (uint32_t i = 0; good && i < p->secret_header_count; i++)
		good = doc_append(o, json_object_new_string(p->secret_headers[i]));
	return doc_close(o, good);
}

static bool is_always_secret(const char *name)
{
	static const char *const always[] = {"Authorization", "Proxy-Authorization", "Cookie"};

	for (size_t i = 0; i < SQ_LEN(always); i++)
		if (strcasecmp(name, always[i]) == 0)
			return true;
	return false;
}

bool plan_is_secret(const struct plan *p, const char *name)
{
	for (uint32_t i = 0; i < p->secret_header_count; i++)
		if (strcasecmp(name, p->secret_headers[i]) == 0)
			return true;
	return is_always_secret(name);
}

/* more: the names of the document's own list, which may be anything. */
static bool is_secret(const char *name, struct json_object *more)
{
	size_t count = json_object_is_type(more, json_type_array) ? json_object_array_length(more) : 0;

	if (is_always_secret(name))
		return true;
	for (size_t i = 0; i < count; i++) {
		struct json_object *v = json_object_array_get_idx(more, i);

		if (json_object_is_type(v, json_type_string) &&
		    strcasecmp(name, json_object_get_string(v)) == 0)
			return true;
	}
	return false;
}

/* headers: of the plan or of one request. */
static bool hide_headers(struct json_object *headers, struct json_object *more)
{
	struct json_object_iter it;

	if (!json_object_is_type(headers, json_type_object))
		return true;
	json_object_object_foreachC(headers, it)
	{
		if (is_secret(it.key, more) && !json_object_set_string(it.val, "(hidden)"))
			return false;
	}
	return true;
}

bool plan_hide_secrets(struct json_object *doc)
{
	struct json_object *requests = json_object_object_get(doc, "requests"),
	                   *more = json_object_object_get(doc, "secret_headers");
	size_t count = json_object_is_type(requests, json_type_array) ? json_object_array_length(requests)
	                                                              : 0;
	bool good = hide_headers(json_object_object_get(doc, "headers"), more);

	for (size_t i = 0; good && i < count; i++) {
		struct json_object *request = json_object_array_get_idx(requests, i);

		good = !json_object_is_type(request, json_type_object) ||
		       hide_headers(json_object_object_get(request, "headers"), more);
	}
	return good && plan_hide_wire(doc);
}
