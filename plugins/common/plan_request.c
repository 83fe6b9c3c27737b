/* plan_request.c - "requests": several of them, by weight; and whether their templates make sense. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/template.h"
#include "core/base/text.h"
#include "doc.h"
#include "plan_field.h"

#define WEIGHT_MAX 10000
#define WEIGHTS_MAX 100000 /* of all together */
#define PATH_MAX_BYTES 2047

void plan_request_free(struct plan_request *r)
{
	for (uint32_t i = 0; i < r->header_count; i++) {
		free(r->headers[i].name);
		free(r->headers[i].value);
	}
	free(r->headers);
	free(r->name);
	free(r->method);
	free(r->path);
	free(r->body);
	plan_checks_free(r->checks, r->check_count);
}

/* --- one of them ----------------------------------------------------------------------------- */

/* A row of the table for a member of one request, so that what reads the plan's fields reads these too. */
struct member {
	struct plan_field f;
	char name[96];
};

static const struct plan_field *like(struct member *m, const struct plan_request *r, const char *name)
{
	const struct plan_field *f = plan_field(name);

	m->f = f ? *f : (struct plan_field){.max = PATH_MAX_BYTES, .help = "/path?query"};
	snprintf(m->name, sizeof m->name, "requests.%.64s.%s", r->name ? r->name : "?", name);
	m->f.name = m->name;
	return &m->f;
}

static int copy_name(struct json_object *v, const struct plan_field *f, struct plan_request *r,
                     struct plan_problems *problems)
{
	struct plan_field name = {.name = f->name, .help = "the name of a request", .max = 64};
	size_t len = 0;
	int status = plan_read_string(v, &name, &r->name, &len, problems);

	if (status == 0 && r->name && (len == 0 || strlen(r->name) != len))
		plan_problem(problems, f->name, "a name is empty, or holds a NUL character");
	for (size_t i = 0; status == 0 && i < len; i++)
		if ((unsigned char)r->name[i] < ' ' || r->name[i] == 0x7f) {
			plan_problem(problems, f->name, "a name has a control character");
			break;
		}
	return status;
}

static void read_whole(struct json_object *v, const struct plan_field *f, int64_t least, int64_t most,
                       int64_t *ret, struct plan_problems *problems)
{
	int64_t n = json_object_is_type(v, json_type_int) ? json_object_get_int64(v) : -1;

	if (n < least || n > most)
		plan_problem(problems, f->name, "must be a whole number of %lld .. %lld", (long long)least,
		             (long long)most);
	else
		*ret = n;
}

/* Same scheme, host and port as the plan's: connections and what may be loaded go by that. */
static int take_url(struct json_object *v, const struct plan_field *f, const struct plan *p,
                    struct plan_request *r, struct plan_problems *problems)
{
	struct sq_err err;
	struct url url;

	if (url_parse(json_object_get_string(v), &url, &err) < 0)
		plan_problem(problems, f->name, "%s", err.text);
	else if (strcmp(url.host, p->url.host) != 0 || url.port != p->url.port || url.tls != p->url.tls)
		plan_problem(
		    problems, f->name,
		    "is at another place than the plan's url: one test loads one scheme, host and port");
	else
		r->path = strdup(url.path);
	return r->path || problems->count ? 0 : -ENOMEM;
}

static int read_path(struct json_object *o, const struct plan *p, struct plan_request *r,
                     struct plan_problems *problems)
{
	struct json_object *url = json_object_object_get(o, "url"), *path = json_object_object_get(o, "path");
	struct sq_err err;
	struct member m;
	size_t len = 0;
	int status;

	if (url && path)
		plan_problem(problems, like(&m, r, "path")->name, "stands beside url: one of them is enough");
	if (url && json_object_is_type(url, json_type_string))
		return take_url(url, like(&m, r, "url"), p, r, problems);
	if (!path) {
		r->path = strdup(p->url.path ? p->url.path : "/"); /* the plan's may have been refused */
		return r->path ? 0 : -ENOMEM;
	}
	status = plan_read_string(path, like(&m, r, "path"), &r->path, &len, problems);
	if (status < 0 || !r->path)
		return status;
	if (r->path[0] != '/' || strlen(r->path) != len)
		plan_problem(problems, m.f.name, "must begin with /");
	else if (url_check_path(r->path, &err) < 0)
		plan_problem(problems, m.f.name, "%s", err.text);
	return 0;
}

/* Method and body: those of the plan unless the request has its own. A body of its own is posted. */
static int read_content(struct json_object *o, const struct plan *p, struct plan_request *r,
                        struct plan_problems *problems)
{
	struct json_object *method = json_object_object_get(o, "method"),
	                   *body = json_object_object_get(o, "body");
	struct plan part = {0};
	struct member m;
	int status = 0;

	if (body)
		status = plan_read_body(body, like(&m, r, "body"), &part, problems);
	else if (p->body && !json_object_object_get_ex(o, "body", NULL)) {
		part.body = malloc(p->body_len + 1);
		if (part.body)
			memcpy(part.body, p->body, p->body_len + 1);
		part.body_len = p->body_len;
		status = part.body ? 0 : -ENOMEM;
	}
	if (status == 0 && !method && !body) {
		part.method = strdup(p->method ? p->method : "GET");
		status = part.method ? 0 : -ENOMEM;
	} else if (status == 0) {
		status = plan_read_method(method, like(&m, r, "method"), &part, false, problems);
	}
	r->body = part.body;
	r->body_len = part.body_len;
	r->method = part.method;
	return status;
}

static int read_rest(struct json_object *o, const struct plan *p, struct plan_request *r,
                     struct plan_problems *problems)
{
	struct json_object *v;
	struct plan part = {0};
	struct member m;
	int status = 0;

	r->weight = 1;
	r->expect_status = p->expect_status;
	if ((v = json_object_object_get(o, "weight")))
		read_whole(v, like(&m, r, "weight"), 1, WEIGHT_MAX, &r->weight, problems);
	if ((v = json_object_object_get(o, "expect_status")))
		read_whole(v, like(&m, r, "expect_status"), 0, 999, &r->expect_status, problems);
	if ((v = json_object_object_get(o, "headers")))
		status = plan_read_headers(v, like(&m, r, "headers"), &part, problems);
	r->headers = part.headers;
	r->header_count = part.header_count;
	if (status == 0 && (v = json_object_object_get(o, "checks")))
		status = plan_read_checks(v, like(&m, r, "checks"), &r->checks, &r->check_count, problems);
	if (r->check_count + p->check_count > PLAN_CHECKS_MAX)
		plan_problem(problems, like(&m, r, "checks")->name,
		             "are more than %d conditions, those of the plan included", PLAN_CHECKS_MAX);
	return status;
}

static void refuse_unknown(struct json_object *o, const struct plan_request *r,
                           struct plan_problems *problems)
{
	static const char *const known[] = {"name",    "weight", "method",        "url",    "path",
	                                    "headers", "body",   "expect_status", "checks", NULL};
	struct json_object_iter it;
	struct member m;

	json_object_object_foreachC(o, it)
	{
		bool there = false;

		for (const char *const *k = known; *k; k++)
			there |= strcmp(*k, it.key) == 0;
		if (!there)
			plan_problem(problems, like(&m, r, it.key)->name,
			             "is not a member of a request; there "
			             "are name, weight, method, url, path, "
			             "headers, body, expect_status, checks");
	}
}

static int read_request(struct json_object *o, const struct plan_field *f, struct plan *p,
                        struct plan_request *r, struct plan_problems *problems)
{
	struct json_object *name = json_object_object_get(o, "name");
	int status;

	if (!json_object_is_type(o, json_type_object) || !name) {
		plan_problem(problems, f->name, "must be %s, each with a name", f->help);
		return 0;
	}
	status = copy_name(name, f, r, problems);
	if (status < 0 || !r->name)
		return status;
	for (const struct plan_request *other = p->requests; other < r; other++)
		if (other->name && strcmp(other->name, r->name) == 0)
			plan_problem(problems, f->name, "two have the name \"%.64s\"", r->name);
	refuse_unknown(o, r, problems);
	status = read_path(o, p, r, problems);
	if (status == 0)
		status = read_content(o, p, r, problems);
	return status == 0 ? read_rest(o, p, r, problems) : status;
}

int plan_read_requests(struct json_object *v, const struct plan_field *f, struct plan *p,
                       struct plan_problems *problems)
{
	size_t count = json_object_is_type(v, json_type_array) ? json_object_array_length(v) : 0;
	int64_t weights = 0;
	int status = 0;

	if (!json_object_is_type(v, json_type_array) || count > PLAN_REQUESTS_MAX) {
		plan_problem(problems, f->name, "must be %s, at most %d", f->help, PLAN_REQUESTS_MAX);
		return 0;
	}
	if (count == 0)
		return 0;
	p->requests = calloc(count, sizeof *p->requests);
	if (!p->requests)
		return -ENOMEM;
	p->request_count = (uint32_t)count;
	for (size_t i = 0; status == 0 && i < count; i++) {
		status = read_request(json_object_array_get_idx(v, i), f, p, &p->requests[i], problems);
		weights += p->requests[i].weight;
	}
	if (weights > WEIGHTS_MAX)
		plan_problem(problems, f->name, "have weights of %lld together; the most is %d",
		             (long long)weights, WEIGHTS_MAX);
	return status;
}

/* --- writing --------------------------------------------------------------------------------- */

static struct json_object *write_request(const struct plan_request *r)
{
	struct json_object *o = json_object_new_object();

	return doc_close(o, doc_put_text(o, "name", r->name) &&
	                        doc_put_count(o, "weight", (uint64_t)r->weight) &&
	                        doc_put_text(o, "method", r->method) && doc_put_text(o, "path", r->path) &&
	                        doc_put(o, "headers", plan_write_headers(r->headers, r->header_count)) &&
	                        (r->body ? doc_put(o, "body", plan_write_body(r->body, r->body_len))
	                                 : doc_put_null(o, "body")) &&
	                        doc_put_count(o, "expect_status", (uint64_t)r->expect_status) &&
	                        doc_put(o, "checks", plan_write_checks(r->checks, r->check_count)));
}

struct json_object *plan_write_requests(const struct plan *p)
{
	struct json_object *array = json_object_new_array();
	bool good = true;

	for (uint32_t i = 0; good && i < p->request_count; i++)
		good = doc_append(array, write_request(&p->requests[i]));
	return doc_close(array, good);
}

int plan_check_size(const struct plan *p, struct plan_problems *problems)
{
	struct json_object *doc;
	const char *text;
	size_t len = 0;

	if (p->request_count == 0 && !p->data)
		return 0;
	doc = plan_write(p);
	text = doc ? doc_text(doc, &len) : NULL;
	json_object_put(doc);
	if (!text)
		return -ENOMEM;
	if (len > PLAN_TEXT_MAX)
		plan_problem(problems, p->data ? "data" : "requests",
		             "the plan with all that requests inherit is %zu bytes long; the most is %d", len,
		             PLAN_TEXT_MAX);
	return 0;
}

/* --- templates ------------------------------------------------------------------------------- */

enum place { PLACE_PATH, PLACE_HEADER, PLACE_BODY };

/* A cell that ends a line would end the header that it stands in, or the request. */
static bool may_stand(struct sq_slice cell, enum place place)
{
	for (size_t i = 0; i < cell.len; i++) {
		unsigned char c = (unsigned char)cell.data[i];

		if (c == 0x7f || c < ' ' || (place == PLACE_PATH && (c == ' ' || c >= 0x80)))
			return false;
	}
	return true;
}

static void check_cells(const struct template_data *d, uint32_t column, enum place place, const char *name,
                        struct plan_problems *problems)
{
	for (uint32_t i = 0; i < d->rows; i++)
		if (!may_stand(d->cells[(size_t)i * d->columns + column], place)) {
			plan_problem(
			    problems, name, "{{row.%s}}: row %u cannot stand %s: it has %s", d->names[column],
			    i + 1, place == PLACE_PATH ? "in a path" : "in a header",
			    place == PLACE_PATH ? "a blank or another character that must be encoded (%20)"
			                        : "a line break or another control character");
			return;
		}
}

static int check_template(const struct plan *p, const char *text, size_t len, enum place place,
                          const char *name, struct plan_problems *problems)
{
	struct template t = {0};
	struct sq_err err;
	uint32_t n = 0;
	int status;

	if (!text || !memmem(text, len, "{{", 2))
		return 0;
	status = template_compile(&t, (struct sq_slice){text, len}, p->data, &n, &err);
	if (status == -EINVAL)
		plan_problem(problems, name, "%s", err.text);
	for (uint32_t i = 0; i < t.count && place != PLACE_BODY; i++) {
		const struct piece *piece = &t.pieces[i];

		if (piece->kind == PIECE_ROW)
			check_cells(p->data, piece->column, place, name, problems);
		else if (piece->kind == PIECE_TEXT && !may_stand(piece->text, place))
			plan_problem(problems, name,
			             "has a blank or another character outside of {{ }} that "
			             "must be encoded (%%20)");
	}
	template_free(&t);
	return status == -ENOMEM ? status : 0;
}

static int check_headers(const struct plan *p, const struct plan_header *headers, uint32_t count,
                         const char *name, struct plan_problems *problems)
{
	int status = 0;

	for (uint32_t i = 0; status == 0 && i < count; i++)
		status = check_template(p, headers[i].value, strlen(headers[i].value), PLACE_HEADER, name,
		                        problems);
	return status;
}

int plan_check_templates(const struct plan *p, struct plan_problems *problems)
{
	int status = check_template(p, p->url.path, strlen(p->url.path), PLACE_PATH, "url", problems);
	struct member m;

	if (status == 0)
		status = check_headers(p, p->headers, p->header_count, "headers", problems);
	if (status == 0)
		status = check_template(p, p->body, p->body_len, PLACE_BODY, "body", problems);
	for (uint32_t i = 0; status == 0 && i < p->request_count; i++) {
		const struct plan_request *r = &p->requests[i];

		status = check_template(p, r->path, strlen(r->path), PLACE_PATH, like(&m, r, "path")->name,
		                        problems);
		if (status == 0)
			status = check_headers(p, r->headers, r->header_count, like(&m, r, "headers")->name,
			                       problems);
		if (status == 0)
			status = check_template(p, r->body, r->body_len, PLACE_BODY,
			                        like(&m, r, "body")->name, problems);
	}
	return status;
}
