/* http_route.c - which handler answers a request: method and path against the tables of a site. */
#include "http_route.h"

#include <assert.h>
#include <string.h>

#include "core/base/http_parse.h"

static bool is(struct sq_slice s, const char *word)
{
	return s.len == strlen(word) && memcmp(s.data, word, s.len) == 0;
}

static struct sq_slice skip(struct sq_slice s, size_t n)
{
	return (struct sq_slice){s.data + n, s.len - n};
}

/* How many bytes stand before the first of these two. */
static size_t span_to(struct sq_slice s, char a, char b)
{
	size_t n = 0;

	while (n < s.len && s.data[n] != a && s.data[n] != b)
		n++;
	return n;
}

void http_route_target(struct sq_slice target, struct sq_slice *path, struct sq_slice *query)
{
	size_t n;

	if (target.data[0] != '/' && !is(target, "*")) {
		n = span_to(target, '/', '/') + 2; /* "http://" */
		target = skip(target, n);
		target = skip(target, span_to(target, '/', '?'));
	}
	n = span_to(target, '?', '?');
	*path = n > 0 ? (struct sq_slice){target.data, n} : (struct sq_slice){"/", 1};
	*query = n < target.len ? skip(target, n + 1) : (struct sq_slice){0};
}

/* Takes "/segment" off the front of a path; the segment itself is returned. */
static struct sq_slice cut_segment(struct sq_slice *path)
{
	struct sq_slice rest = skip(*path, 1);
	struct sq_slice segment = {rest.data, span_to(rest, '/', '/')};

	*path = skip(rest, segment.len);
	return segment;
}

static bool path_fits(const char *pattern, struct sq_slice path, struct sq_slice *params)
{
	struct sq_slice want = {pattern, strlen(pattern)};
	unsigned n = 0;

	while (want.len > 0 && path.len > 0 && path.data[0] == '/') {
		struct sq_slice name = cut_segment(&want), segment = cut_segment(&path);

		if (name.len > 0 && name.data[0] == '{') {
			assert(n < SQ_HTTP_PARAMS);
			if (segment.len == 0)
				return false;
			params[n++] = segment;
		} else if (name.len != segment.len || memcmp(name.data, segment.data, name.len) != 0) {
			return false;
		}
	}
	return want.len == 0 && path.len == 0;
}

static bool find(const struct http_site *sites, struct sq_slice method, struct sq_slice path,
                 struct http_route *ret)
{
	for (const struct http_site *site = sites; site->routes; site++)
		for (const struct sq_route *row = site->routes; row->method; row++) {
			struct http_route r = {.row = row, .self = site->self};

			if (!is(method, row->method) || !path_fits(row->path, path, r.params))
				continue;
			*ret = r;
			return true;
		}
	return false;
}

bool http_route_find(const struct http_site *sites, struct sq_slice method, struct sq_slice path,
                     struct http_route *ret)
{
	static const struct sq_slice get = {"GET", 3};

	return find(sites, method, path, ret) || (is(method, "HEAD") && find(sites, get, path, ret));
}

static void allow_one(struct buf *out, size_t start, const char *method)
{
	struct sq_slice so_far = {out->data + start, out->len - start};

	if (so_far.len > 0 && http_has_token(so_far, method))
		return;
	if (so_far.len > 0)
		buf_str(out, ", ");
	buf_str(out, method);
}

bool http_route_allow(const struct http_site *sites, struct sq_slice path, struct buf *out)
{
	struct sq_slice params[SQ_HTTP_PARAMS];
	bool every = is(path, "*"), found = false;
	size_t start = out->len;

	for (const struct http_site *site = sites; site->routes; site++)
		for (const struct sq_route *row = site->routes; row->method; row++) {
			if (!every && !path_fits(row->path, path, params))
				continue;
			found = true;
			allow_one(out, start, row->method);
			if (strcmp(row->method, "GET") == 0)
				allow_one(out, start, "HEAD");
		}
	return found;
}
