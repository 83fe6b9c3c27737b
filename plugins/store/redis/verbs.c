/* verbs.c - records: get, put, delete, lists, leases. */
#include <errno.h>
#include <string.h>

#include "script.h"
#include "verb.h"

/* --- info and get ---------------------------------------------------------------------------- */

static void tell_info(struct args *a, const void *rq, const struct store *s)
{
	(void)rq;
	args_text(a, s->candidate);
	args_int(a, STORE_FORMAT);
}

static int take_info(void *request, const struct reply *r, struct arena *out, int status)
{
	struct sq_store_info *rq = request;
	const struct reply *id = reply_item(r, 1);

	(void)out;
	if (id->text.len == 0 || id->text.len > SQ_ID_MAX)
		return -EIO;
	memcpy(rq->id, id->text.data, id->text.len + 1);
	rq->now = reply_number(reply_item(r, 2), 0);
	return status;
}

static int check_get(const void *request)
{
	const struct sq_store_get *rq = request;

	return name_ok(rq->id) ? 0 : -EINVAL;
}

static void tell_get(struct args *a, const void *request, const struct store *s)
{
	const struct sq_store_get *rq = request;

	(void)s;
	args_text(a, rq->id);
}

enum {
	AT_ID,
	AT_VERSION,
	AT_FENCE,
	AT_LIFE,
	AT_STATE,
	AT_CREATED,
	AT_UPDATED,
	AT_UNTIL,
	AT_OWNER,
	AT_ADDRESS,
	AT_BODY,
	AT_COUNT
};

static int take_record(const struct reply *r, struct sq_record *ret)
{
	int64_t life = reply_number(reply_item(r, AT_LIFE), -1);

	if (r->count != AT_COUNT || life < SQ_LIVE || life > SQ_TOMBSTONE)
		return -EIO;
	*ret = (struct sq_record){.id = reply_text(r->items[AT_ID]),
	                          .version = (uint64_t)reply_number(r->items[AT_VERSION], 0),
	                          .fence = (uint64_t)reply_number(r->items[AT_FENCE], 0),
	                          .life = (enum sq_life)life,
	                          .state = reply_text(r->items[AT_STATE]),
	                          .created = reply_number(r->items[AT_CREATED], 0),
	                          .updated = reply_number(r->items[AT_UPDATED], 0),
	                          .lease_until = reply_number(r->items[AT_UNTIL], 0),
	                          .owner = reply_text(r->items[AT_OWNER]),
	                          .address = reply_text(r->items[AT_ADDRESS]),
	                          .body = r->items[AT_BODY]->text};
	return 0;
}

static int take_get(void *request, const struct reply *r, struct arena *out, int status)
{
	struct sq_store_get *rq = request;

	(void)out;
	rq->now = reply_number(reply_item(r, 1), 0);
	return take_record(reply_item(r, 2), &rq->record) < 0 ? -EIO : status;
}

/* --- put and delete -------------------------------------------------------------------------- */

static int check_put(const void *request)
{
	const struct sq_store_put *rq = request;
	int r;

	if (!name_ok(rq->id) || !name_ok(rq->state) || !number_ok(rq->version) || !number_ok(rq->fence))
		return -EINVAL;
	if (rq->life != SQ_LIVE && rq->life != SQ_TERMINAL)
		return -EINVAL;
	r = blob_check(rq->body);
	for (uint32_t i = 0; r == 0 && i < rq->part_count; i++)
		r = part_check(&rq->parts[i]);
	return r;
}

static void tell_put(struct args *a, const void *request, const struct store *s)
{
	const struct sq_store_put *rq = request;

	args_text(a, rq->id);
	args_text(a, rq->state);
	args_int(a, (int64_t)rq->version);
	args_int(a, (int64_t)rq->fence);
	args_int(a, rq->life);
	args_int(a, s->conf->retention / SQ_MS);
	args_blob(a, rq->body);
	for (uint32_t i = 0; i < rq->part_count; i++)
		tell_part(a, &rq->parts[i]);
}

static int take_put(void *request, const struct reply *r, struct arena *out, int status)
{
	struct sq_store_put *rq = request;

	(void)out;
	rq->stored = (uint64_t)reply_number(reply_item(r, 1), 0);
	return status;
}

static int check_del(const void *request)
{
	const struct sq_store_delete *rq = request;

	return name_ok(rq->id) ? 0 : -EINVAL;
}

static void tell_del(struct args *a, const void *request, const struct store *s)
{
	const struct sq_store_delete *rq = request;

	(void)s;
	args_text(a, rq->id);
}

/* --- lists ----------------------------------------------------------------------------------- */

static int check_list(const void *request)
{
	const struct sq_store_list *rq = request;

	if (rq->state && !name_ok(rq->state))
		return -EINVAL;
	if (rq->limit < 1 || rq->limit > 1000 || rq->cursor == NULL || strlen(rq->cursor) > 19)
		return -EINVAL;
	return rq->cursor[strspn(rq->cursor, "0123456789")] == '\0' ? 0 : -EINVAL;
}

static void tell_list(struct args *a, const void *request, const struct store *s)
{
	const struct sq_store_list *rq = request;

	(void)s;
	args_text(a, rq->state ? rq->state : "");
	args_int(a, rq->live_only);
	args_int(a, rq->unleased_only);
	args_int(a, rq->heads_only);
	args_text(a, rq->cursor);
	args_int(a, rq->limit);
	args_int(a, ANSWER_BYTES);
}

static int take_list(void *request, const struct reply *r, struct arena *out, int status)
{
	struct sq_store_list *rq = request;
	uint32_t count = r->count > 3 ? r->count - 3 : 0;
	struct sq_record *page = arena_alloc(out, (count + 1) * sizeof *page);

	if (!page)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		if (take_record(r->items[i + 3], &page[i]) < 0)
			return -EIO;
	rq->now = reply_number(reply_item(r, 1), 0);
	rq->next = reply_text(reply_item(r, 2));
	rq->records = page;
	rq->count = count;
	return status;
}

/* --- leases ---------------------------------------------------------------------------------- */

static int check_lease(const void *request)
{
	const struct sq_store_lease *rq = request;

	if (!name_ok(rq->id) || !name_ok(rq->owner) || !number_ok(rq->fence))
		return -EINVAL;
	if (rq->address == NULL || strlen(rq->address) > 255)
		return -EINVAL;
	return rq->ttl < 100 * SQ_MS || rq->ttl > 3600 * SQ_S ? -EINVAL : 0;
}

/* A ms more, for the script's clock is rounded down: nobody else gets it before the owner has let go. */
static void tell_lease(struct args *a, const void *request, const struct store *s)
{
	const struct sq_store_lease *rq = request;

	(void)s;
	args_text(a, rq->id);
	args_text(a, rq->owner);
	args_text(a, rq->address);
	args_int(a, (rq->ttl + SQ_MS - 1) / SQ_MS + 1);
	args_int(a, (int64_t)rq->fence);
}

static int take_lease(void *request, const struct reply *r, struct arena *out, int status)
{
	struct sq_store_lease *rq = request;

	(void)out;
	if (status == -SQ_ECONFLICT) {
		rq->until = reply_number(reply_item(r, 1), 0);
		rq->holder = reply_text(reply_item(r, 2));
		rq->holder_address = reply_text(reply_item(r, 3));
	} else if (status == 0) {
		rq->fence = (uint64_t)reply_number(reply_item(r, 1), 0);
		rq->version = (uint64_t)reply_number(reply_item(r, 2), 0);
		rq->until = reply_number(reply_item(r, 3), 0);
	}
	return status;
}

static int check_release(const void *request)
{
	const struct sq_store_release *rq = request;

	return name_ok(rq->id) && number_ok(rq->fence) ? 0 : -EINVAL;
}

static void tell_release(struct args *a, const void *request, const struct store *s)
{
	const struct sq_store_release *rq = request;

	(void)s;
	args_text(a, rq->id);
	args_int(a, (int64_t)rq->fence);
}

/* --- */

const struct verb verb_info = {"info", true, NULL, tell_info, take_info};
const struct verb verb_get = {"get", true, check_get, tell_get, take_get};
const struct verb verb_put = {"put", false, check_put, tell_put, take_put};
const struct verb verb_list = {"list", true, check_list, tell_list, take_list};
const struct verb verb_del = {"del", false, check_del, tell_del, NULL};
const struct verb verb_lease = {"lease", false, check_lease, tell_lease, take_lease};
const struct verb verb_release = {"release", false, check_release, tell_release, NULL};
