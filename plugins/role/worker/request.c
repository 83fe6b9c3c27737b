/* request.c - the bytes of a request from the plan. */
#include "request.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool request_sets(const struct plan *plan, const char *name)
{
	for (uint32_t i = 0; i < plan->header_count; i++)
		if (strcasecmp(plan->headers[i].name, name) == 0)
			return true;
	return false;
}

static void request_header(const struct plan *plan, const char *name, const char *value, struct buf *out)
{
	if (!request_sets(plan, name))
		buf_printf(out, "%s: %s\r\n", name, value);
}

/* A method that defines a meaning for content says its length even when there is none (RFC 9110, 8.6). */
static bool request_has_length(const struct plan *plan)
{
	return plan->body || strcmp(plan->method, "POST") == 0 || strcmp(plan->method, "PUT") == 0 ||
	       strcmp(plan->method, "PATCH") == 0;
}

int request_render(const struct plan *plan, const char *version, const char *test_id, struct buf *out)
{
	char value[64];

	buf_printf(out, "%s %s HTTP/1.1\r\n", plan->method, plan->url.path);
	request_header(plan, "Host", plan->url.authority, out);
	snprintf(value, sizeof value, "squall/%s", version);
	request_header(plan, "User-Agent", value, out);
	buf_printf(out, "X-Squall-Test: %s\r\n", test_id);
	if (plan->wire.requests_per_connection == 1)
		buf_str(out,
		        "Connection: close\r\n"); /* the target may end it first, and keep the port waiting */
	if (request_has_length(plan))
		buf_printf(out, "Content-Length: %zu\r\n", plan->body ? plan->body_len : 0);
	for (uint32_t i = 0; i < plan->header_count; i++)
		buf_printf(out, "%s: %s\r\n", plan->headers[i].name, plan->headers[i].value);
	buf_str(out, "\r\n");
	if (plan->body)
		buf_add(out, plan->body, plan->body_len);
	return buf_failed(out) ? -ENOMEM : 0;
}
