/* request.c - the plan's requests as bytes. */
#include "request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "plugins/common/digest.h"
#include "core/base/template.h"

/* What one message is made of: a request of the plan, or the plan itself. */
struct source {
	const struct plan *plan;
	const char *method, *path, *body;
	size_t body_len;
	int64_t expect_status;
	const struct plan_header *headers; /* on top of the plan's */
	uint32_t header_count;
	const struct plan_check *checks; /* the same */
	uint32_t check_count;
};

static struct source source_of(const struct plan *p, uint32_t i)
{
	const struct plan_request *r = i < p->request_count ? &p->requests[i] : NULL;

	if (!r)
		return (struct source){.plan = p,
		                       .method = p->method,
		                       .path = p->url.path,
		                       .body = p->body,
		                       .body_len = p->body_len,
		                       .expect_status = p->expect_status};
	return (struct source){.plan = p,
	                       .method = r->method,
	                       .path = r->path,
	                       .body = r->body,
	                       .body_len = r->body_len,
	                       .expect_status = r->expect_status,
	                       .headers = r->headers,
	                       .header_count = r->header_count,
	                       .checks = r->checks,
	                       .check_count = r->check_count};
}

/* --- the head -------------------------------------------------------------------------------- */

static bool list_sets(const struct plan_header *headers, uint32_t count, const char *name)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcasecmp(headers[i].name, name) == 0)
			return true;
	return false;
}

static bool request_sets(const struct source *s, const char *name)
{
	return list_sets(s->plan->headers, s->plan->header_count, name) ||
	       list_sets(s->headers, s->header_count, name);
}

static void add_header(const struct source *s, const char *name, const char *value, struct buf *out)
{
	if (!request_sets(s, name))
		buf_printf(out, "%s: %s\r\n", name, value);
}

/* A header of the request takes the place of the plan's. */
static void add_headers(const struct source *s, struct buf *out)
{
	for (uint32_t i = 0; i < s->plan->header_count; i++)
		if (!list_sets(s->headers, s->header_count, s->plan->headers[i].name))
			buf_printf(out, "%s: %s\r\n", s->plan->headers[i].name, s->plan->headers[i].value);
	for (uint32_t i = 0; i < s->header_count; i++)
		buf_printf(out, "%s: %s\r\n", s->headers[i].name, s->headers[i].value);
}

/* A method that defines a meaning for content says its length even when there is none (RFC 9110, 8.6). */
static bool has_length(const struct source *s)
{
	return s->body || strcmp(s->method, "POST") == 0 || strcmp(s->method, "PUT") == 0 ||
	       strcmp(s->method, "PATCH") == 0;
}

static void write_head(const struct source *s, const char *version, const char *test_id, struct buf *out)
{
	char value[64];

	buf_printf(out, "%s %s HTTP/1.1\r\n", s->method, s->path);
	add_header(s, "Host", s->plan->url.authority, out);
	snprintf(value, sizeof value, "squall/%s", version);
	add_header(s, "User-Agent", value, out);
	if (test_id)
		buf_printf(out, "X-Squall-Test: %s\r\n", test_id);
	if (s->plan->wire.requests_per_connection == 1)
		buf_str(out,
		        "Connection: close\r\n"); /* the target may end it first, and keep the port waiting */
	add_headers(s, out);
	buf_str(out, has_length(s) ? "Content-Length: " : "\r\n");
}

/* --- compiling ------------------------------------------------------------------------------- */

static struct sq_slice slice_of(const struct buf *b)
{
	return (struct sq_slice){b->data, b->len};
}

static size_t message_length(const struct messages *m, const struct message *msg, bool counted,
                             size_t body_len)
{
	return template_length(&msg->head[counted], &m->values) + body_len + 32;
}

/* out has room for message_length(). */
static size_t message_write(const struct messages *m, const struct message *msg, bool counted,
                            size_t body_len, char *out)
{
	char *end = template_render(&msg->head[counted], &m->values, out);

	if (msg->has_length)
		end += sprintf(end, "%zu\r\n\r\n", body_len);
	end = template_render(&msg->body, &m->values, end);
	return (size_t)(end - out);
}

/* Both of its forms at once, when they are the same for every tick. */
static int message_fix(const struct messages *m, struct message *msg)
{
	size_t body_len = template_length(&msg->body, &m->values);

	for (int counted = 0; counted < 2; counted++) {
		struct buf whole = {0};
		char *room = buf_room(&whole, message_length(m, msg, counted, body_len));

		if (!room)
			return -ENOMEM;
		whole.len = message_write(m, msg, counted, body_len, room);
		template_free(&msg->head[counted]);
		buf_free(&msg->text[counted]);
		msg->text[counted] = whole;
	}
	return 0;
}

/* The plan was read, so that all its templates are good: only memory can be missing. */
static int message_init(const struct messages *m, struct message *msg, const struct source *s,
                        const char *version, const char *test_id)
{
	const struct template_data *data = s->plan->data;
	uint32_t place = 0, again = 0;
	struct sq_err err;
	int r;

	msg->expect_status = s->expect_status;
	msg->to_head = strcmp(s->method, "HEAD") == 0;
	msg->has_length = has_length(s);
	write_head(s, version, NULL, &msg->text[0]);
	write_head(s, version, test_id, &msg->text[1]);
	if (buf_failed(&msg->text[0]) || buf_failed(&msg->text[1]))
		return -ENOMEM;
	r = template_compile(&msg->head[0], slice_of(&msg->text[0]), data, &again, &err);
	r = r < 0 ? r : template_compile(&msg->head[1], slice_of(&msg->text[1]), data, &place, &err);
	r = r < 0 ? r
	          : template_compile(&msg->body, (struct sq_slice){s->body, s->body ? s->body_len : 0}, data,
	                             &place, &err);
	r = r < 0 ? r : checks_init(&msg->checks, s->plan->checks, s->plan->check_count);
	r = r < 0 ? r : checks_init(&msg->checks, s->checks, s->check_count);
	msg->varies = msg->head[0].varies || msg->body.varies;
	return r == 0 && !msg->varies ? message_fix(m, msg) : r;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Evenly: who is furthest behind its share is next. */
static int messages_arrange(struct messages *m, const struct plan *p)
{
	int64_t behind[PLAN_REQUESTS_MAX] = {0};
	uint64_t divisor = 0, sum = 0;

	if (m->count == 1)
		return 0;
	for (uint32_t i = 0; i < m->count; i++)
		divisor = common_divisor((uint64_t)p->requests[i].weight, divisor);
	for (uint32_t i = 0; i < m->count; i++)
		sum += (uint64_t)p->requests[i].weight / divisor;
	m->row = (uint32_t)sum;
	m->order = calloc(m->row, sizeof *m->order);
	if (!m->order)
		return -ENOMEM;
	for (uint32_t at = 0; at < m->row; at++) {
		uint32_t next = 0;

		for (uint32_t i = 0; i < m->count; i++) {
			behind[i] += (int64_t)((uint64_t)p->requests[i].weight / divisor);
			next = behind[i] > behind[next] ? i : next;
		}
		behind[next] -= m->row;
		m->order[at] = (uint16_t)next;
	}
	return 0;
}

/* UUIDs of two tests with the same seed are not the same. */
static uint64_t hash_test(uint64_t seed, const char *test_id)
{
	uint64_t h = schedule_mix(seed);

	for (; *test_id; test_id++)
		h = schedule_mix(h ^ (unsigned char)*test_id);
	return h;
}

int messages_init(struct messages *m, const struct plan *plan, const char *version, const char *test_id)
{
	int r = 0;

	*m = (struct messages){.count = plan->request_count ? plan->request_count : 1,
	                       .seed = (uint64_t)plan->seed};
	m->values = (struct template_values){
	    .seed = m->seed, .test = hash_test(m->seed, test_id), .data = plan->data};
	m->list = calloc(m->count, sizeof *m->list);
	if (!m->list)
		return -ENOMEM;
	for (uint32_t i = 0; r == 0 && i < m->count; i++) {
		struct source s = source_of(plan, i);

		r = message_init(m, &m->list[i], &s, version, test_id);
	}
	if (r == 0)
		r = messages_arrange(m, plan);
	if (r < 0)
		messages_free(m);
	return r < 0 ? -ENOMEM : 0;
}

void messages_free(struct messages *m)
{
	for (uint32_t i = 0; m->list && i < m->count; i++) {
		struct message *msg = &m->list[i];

		for (int counted = 0; counted < 2; counted++) {
			template_free(&msg->head[counted]);
			buf_free(&msg->text[counted]);
		}
		template_free(&msg->body);
		checks_free(&msg->checks);
	}
	free(m->list);
	free(m->order);
	buf_free(&m->rendered);
	*m = (struct messages){0};
}

/* --- for each request ------------------------------------------------------------------------ */

uint32_t messages_choose(const struct messages *m, uint64_t tick)
{
	uint64_t row, turn;

	if (m->count == 1)
		return 0;
	row = tick / m->row;
	turn = schedule_mix(schedule_mix(m->seed) ^ row) % m->row;
	return m->order[(tick % m->row + turn) % m->row];
}

struct sq_slice messages_render(struct messages *m, uint32_t which, uint64_t tick, bool counted)
{
	const struct message *msg = &m->list[which];
	size_t body_len;
	char *room;

	if (!msg->varies)
		return slice_of(&msg->text[counted]);
	m->values.tick = tick;
	body_len = template_length(&msg->body, &m->values);
	buf_reset(&m->rendered);
	room = buf_room(&m->rendered, message_length(m, msg, counted, body_len));
	if (!room)
		return (struct sq_slice){NULL, 0};
	return (struct sq_slice){room, message_write(m, msg, counted, body_len, room)};
}
