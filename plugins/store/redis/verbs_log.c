/* verbs_log.c - logs and parts of records. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "verb.h"

/* --- logs ------------------------------------------------------------------------------------ */

static int check_append(const void *request)
{
	const struct sq_store_append *rq = request;

	if (!name_ok(rq->id) || !name_ok(rq->log) || !number_ok(rq->fence) || !number_ok(rq->at))
		return -EINVAL;
	return blob_check(rq->entry);
}

static void tell_append(struct args *a, const void *request, const struct store *s)
{
	const struct sq_store_append *rq = request;

	(void)s;
	args_text(a, rq->id);
	args_text(a, rq->log);
	args_int(a, (int64_t)rq->fence);
	args_int(a, (int64_t)rq->at);
	args_blob(a, rq->entry);
}

static int take_append(void *request, const struct reply *r, struct arena *out, int status)
{
	struct sq_store_append *rq = request;

	(void)out;
	if (status == 0 || status == -SQ_ECONFLICT)
		rq->seq = (uint64_t)reply_number(reply_item(r, 1), 0);
	return status;
}

static int check_merge(const void *request)
{
	const struct sq_store_merge *rq = request;

	if (!name_ok(rq->id) || !name_ok(rq->log) || !number_ok(rq->fence))
		return -EINVAL;
	if (rq->first == 0 || rq->first > rq->last || !number_ok(rq->last))
		return -EINVAL;
	return blob_check(rq->entry);
}

static void tell_merge(struct args *a, const void *request, const struct store *s)
{
	const struct sq_store_merge *rq = request;

	(void)s;
	args_text(a, rq->id);
	args_text(a, rq->log);
	args_int(a, (int64_t)rq->fence);
	args_int(a, (int64_t)rq->first);
	args_int(a, (int64_t)rq->last);
	args_blob(a, rq->entry);
}

static int check_range(const void *request)
{
	const struct sq_store_range *rq = request;

	if (!name_ok(rq->id) || !name_ok(rq->log) || !number_ok(rq->from))
		return -EINVAL;
	return rq->limit < 1 || rq->limit > 10000 ? -EINVAL : 0;
}

static void tell_range(struct args *a, const void *request, const struct store *s)
{
	const struct sq_store_range *rq = request;

	(void)s;
	args_text(a, rq->id);
	args_text(a, rq->log);
	args_int(a, (int64_t)rq->from);
	args_int(a, rq->limit);
	args_int(a, ANSWER_BYTES);
}

#define DIGITS 19 /* of an entry's number, and a colon behind */

static int take_entry(struct sq_slice s, struct sq_entry *ret)
{
	uint64_t seq = 0;

	if (s.len < DIGITS + 1 || s.data[DIGITS] != ':')
		return -EIO;
	for (int i = 0; i < DIGITS; i++) {
		if (s.data[i] < '0' || s.data[i] > '9')
			return -EIO;
		seq = seq * 10 + (uint64_t)(s.data[i] - '0');
	}
	*ret = (struct sq_entry){seq, {s.data + DIGITS + 1, s.len - DIGITS - 1}};
	return 0;
}

static int take_range(void *request, const struct reply *r, struct arena *out, int status)
{
	struct sq_store_range *rq = request;
	uint32_t count = r->count > 3 ? r->count - 3 : 0;
	struct sq_entry *page = arena_alloc(out, (count + 1) * sizeof *page);

	if (!page)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		if (take_entry(r->items[i + 3]->text, &page[i]) < 0)
			return -EIO;
	rq->last = (uint64_t)reply_number(reply_item(r, 1), 0);
	rq->more = reply_number(reply_item(r, 2), 0) == 1;
	rq->entries = page;
	rq->count = count;
	return status;
}

/* --- parts ----------------------------------------------------------------------------------- */

static int check_part_put(const void *request)
{
	const struct sq_store_part_put *rq = request;

	if (!name_ok(rq->id) || !number_ok(rq->fence))
		return -EINVAL;
	if (rq->remove)
		return name_ok(rq->part.name) ? 0 : -EINVAL;
	return part_check(&rq->part);
}

static void tell_part_put(struct args *a, const void *request, const struct store *s)
{
	const struct sq_store_part_put *rq = request;

	(void)s;
	args_text(a, rq->id);
	args_int(a, (int64_t)rq->fence);
	args_int(a, rq->remove);
	tell_part(a, &rq->part);
}

static int take_part_put(void *request, const struct reply *r, struct arena *out, int status)
{
	struct sq_store_part_put *rq = request;

	(void)out;
	if (status == 0)
		rq->kept = reply_number(reply_item(r, 1), 0) == 1;
	return status;
}

static int check_parts(const void *request)
{
	const struct sq_store_parts *rq = request;

	if (!name_ok(rq->id) || rq->prefix == NULL)
		return -EINVAL;
	return *rq->prefix == '\0' || name_ok(rq->prefix) ? 0 : -EINVAL;
}

static void tell_parts(struct args *a, const void *request, const struct store *s)
{
	const struct sq_store_parts *rq = request;

	(void)s;
	args_text(a, rq->id);
	args_text(a, rq->prefix);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct sq_part *)a)->name, ((const struct sq_part *)b)->name);
}

static int take_parts(void *request, const struct reply *r, struct arena *out, int status)
{
	struct sq_store_parts *rq = request;
	uint32_t count = r->count / 3;
	struct sq_part *parts = arena_alloc(out, (count + 1) * sizeof *parts);

	if (!parts)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		parts[i] = (struct sq_part){.name = reply_text(r->items[3 * i + 1]),
		                            .seq = (uint64_t)reply_number(r->items[3 * i + 2], 0),
		                            .data = reply_item(r, 3 * i + 3)->text};
	qsort(parts, count, sizeof *parts, by_name);
	rq->parts = parts;
	rq->count = count;
	return status;
}

/* --- */

const struct verb verb_append = {"append", false, check_append, tell_append, take_append};
const struct verb verb_merge = {"merge", false, check_merge, tell_merge, NULL};
const struct verb verb_range = {"range", true, check_range, tell_range, take_range};
const struct verb verb_part_put = {"part_put", false, check_part_put, tell_part_put, take_part_put};
const struct verb verb_parts = {"parts", true, check_parts, tell_parts, take_parts};
