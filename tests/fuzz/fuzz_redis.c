/*
 * fuzz_redis.c - any bytes as answers of a Redis: read, and taken by every verb of the store and by the
 * queue.
 *
 * The first byte chooses the verb. What is read does not depend on how the bytes are cut.
 */
#include <stdlib.h>

#include "plugins/store/redis/verb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct verb *const verbs[] = {&verb_info,  &verb_get,   &verb_put,      &verb_list,
                                           &verb_del,   &verb_lease, &verb_release,  &verb_append,
                                           &verb_merge, &verb_range, &verb_part_put, &verb_parts};

static void show(struct buf *out, const struct reply *r)
{
	buf_printf(out, "%d %lld %zu ", (int)r->type, (long long)r->number, r->text.len);
	buf_add(out, r->text.data, r->text.len);
	for (uint32_t i = 0; i < r->count; i++)
		show(out, r->items[i]);
}

/* Looks at all that was taken. */
static volatile size_t seen;

static void look(const void *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		seen += ((const unsigned char *)data)[i];
}

static void look_at(const struct verb *verb, const void *request)
{
	const struct sq_store_list *list = request;
	const struct sq_store_range *range = request;
	const struct sq_store_parts *parts = request;

	if (verb == &verb_list)
		for (uint32_t i = 0; i < list->count; i++) {
			look(list->records[i].body.data, list->records[i].body.len);
			look(list->records[i].id, strlen(list->records[i].id));
		}
	if (verb == &verb_range)
		for (uint32_t i = 0; i < range->count; i++)
			look(range->entries[i].data.data, range->entries[i].data.len);
	if (verb == &verb_parts)
		for (uint32_t i = 0; i < parts->count; i++)
			look(parts->parts[i].name, strlen(parts->parts[i].name));
}

static void take(const struct verb *verb, const struct reply *r)
{
	static union {
		struct sq_store_info info;
		struct sq_store_get get;
		struct sq_store_put put;
		struct sq_store_list list;
		struct sq_store_lease lease;
		struct sq_store_append append;
		struct sq_store_range range;
		struct sq_store_part_put part_put;
		struct sq_store_parts parts;
	} request;
	struct arena out = {0};

	memset(&request, 0, sizeof request);
	if (verb->take && verb->take(&request, r, &out, 0) == 0)
		look_at(verb, &request);
	arena_free(&out);
}

static void feed(const uint8_t *data, size_t size, size_t piece, const struct verb *verb, struct buf *out)
{
	char host[64];
	int64_t port;
	const struct reply *reply;
	struct reader r;
	int status = reader_init(&r);

	for (size_t at = 0, n; at < size && status >= 0; at += n) {
		n = piece < size - at ? piece : size - at;
		status = reader_feed(&r, data + at, n);
		while (status >= 0 && (status = reader_next(&r, &reply)) > 0) {
			show(out, reply);
			take(verb, reply);
			if (reply->type == REPLY_ERROR && fault_of(reply)->kind == FAULT_MOVED)
				fault_moved(reply, host, sizeof host, &port);
		}
	}
	reader_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = {0}, pieces = {0};
	const struct verb *verb = size ? verbs[data[0] % SQ_LEN(verbs)] : NULL;

	if (size < 2)
		return 0;
	feed(data + 1, size - 1, size, verb, &whole);
	feed(data + 1, size - 1, 1, verb, &pieces);
	if (whole.len != pieces.len || (whole.len > 0 && memcmp(whole.data, pieces.data, whole.len) != 0))
		abort();
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
