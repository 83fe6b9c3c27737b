/* verbs.c - each verb on records: what is well formed, what the script is told, what it answers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "redis.h"
#include "script.h"

#define BLOB_MAX ((size_t)16 << 20) /* bytes of a body, an entry or a part */
#define ANSWER_BYTES (4 << 20) /* a page of records or entries ends behind this */

struct verb {
	const char *name;
	bool reads; /* changes nothing, so that a lost answer leaves nothing in doubt */
	int (*check)(const void *rq);
	void (*tell)(struct args *a, const void *rq, const struct store *s);
	/* Takes the outputs from an answer of this status: 0, -SQ_ECONFLICT or -SQ_EFINAL. The status, or
	 * -ENOMEM, or -EIO when the answer is none. NULL: there are none. */
	int (*take)(void *rq, const struct reply *r, struct arena *out, int status);
};
static const struct verb verbs[VERB_COUNT];

struct request {
	struct redis_eval eval;
	struct store *store;
	struct sq_op *op; /* NULL: cancelled */
	const struct verb *verb;
};

/* --- what is well formed --------------------------------------------------------------------- */

bool name_ok(const char *name)
{
	size_t n;

	if (name == NULL)
		return false;
	n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-");
	return n > 0 && n <= SQ_ID_MAX && name[n] == '\0';
}

/* Numbers are signed in Redis: larger ones were never granted. */
static bool number_ok(uint64_t n)
{
	return n <= INT64_MAX;
}

static int blob_check(struct sq_slice s)
{
	if (s.data == NULL && s.len > 0)
		return -EINVAL;
	return s.len > BLOB_MAX ? -E2BIG : 0;
}

static int part_check(const struct sq_part *p)
{
	return name_ok(p->name) && number_ok(p->seq) ? blob_check(p->data) : -EINVAL;
}

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

static void tell_part(struct args *a, const struct sq_part *p)
{
	args_text(a, p->name);
	args_int(a, (int64_t)p->seq);
	args_blob(a, p->data);
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

/* --- one request ----------------------------------------------------------------------------- */

static const struct verb verbs[VERB_COUNT] = {
    [VERB_INFO] = {"info", true, NULL, tell_info, take_info},
    [VERB_GET] = {"get", true, check_get, tell_get, take_get},
    [VERB_PUT] = {"put", false, check_put, tell_put, take_put},
    [VERB_LIST] = {"list", true, check_list, tell_list, take_list},
    [VERB_DEL] = {"del", false, check_del, tell_del, NULL},
    [VERB_LEASE] = {"lease", false, check_lease, tell_lease, take_lease},
    [VERB_RELEASE] = {"release", false, check_release, tell_release, NULL},
    [VERB_APPEND] = {"append", false, check_append, tell_append, take_append},
    [VERB_MERGE] = {"merge", false, check_merge, tell_merge, NULL},
    [VERB_RANGE] = {"range", true, check_range, tell_range, take_range},
    [VERB_PART_PUT] = {"part_put", false, check_part_put, tell_part_put, take_part_put},
    [VERB_PARTS] = {"parts", true, check_parts, tell_parts, take_parts},
};

static bool has_outputs(int status)
{
	return status == 0 || status == -SQ_ECONFLICT || status == -SQ_EFINAL;
}

static void answered(struct redis_eval *e, const struct reply *r, bool sent)
{
	struct request *q = sq_container(e, struct request, eval);
	const struct sq_host *host = q->store->host;
	const struct verb *verb = q->verb;
	struct arena out = {0};
	int status = args_status(&q->store->main, r, sent && !verb->reads);
	struct sq_op *op = q->op;

	free(q);
	if (op) {
		if (verb->take && has_outputs(status))
			status = verb->take(op, r, &out, status);
		host->op_done(host->ctx, op, status);
	}
	arena_free(&out);
}

static unsigned most_args(const struct request *q)
{
	const unsigned fixed = 8;

	return q->verb == &verbs[VERB_PUT] ? fixed + 3 * ((struct sq_store_put *)q->op)->part_count : fixed;
}

static int request_send(struct request *q)
{
	struct arena arena = {0};
	struct args a;
	int r;

	args_init(&a, &arena, q->store->script_key, q->verb->name, most_args(q));
	if (!a.failed)
		q->verb->tell(&a, q->op, q->store);
	r = a.failed ? -ENOMEM : redis_link_eval(&q->store->main, &q->eval, a.list, a.count);
	arena_free(&arena);
	return r;
}

static void again(struct redis_eval *e)
{
	struct request *q = sq_container(e, struct request, eval);
	const struct sq_host *host = q->store->host;
	struct sq_op *op = q->op;
	int r = op ? request_send(q) : 0;

	if (op && r == 0)
		return;
	free(q);
	if (op)
		host->op_done(host->ctx, op, r);
}

int store_submit(struct store *s, struct sq_op *op, enum verb_id verb)
{
	struct request *q;
	int r = verbs[verb].check ? verbs[verb].check(op) : 0;

	if (r < 0)
		return r;
	if (!redis_link_is_up(&s->main))
		return -ENOTCONN;
	q = calloc(1, sizeof *q);
	if (!q)
		return -ENOMEM;
	*q = (struct request){
	    .eval = {.done = answered, .again = again}, .store = s, .op = op, .verb = &verbs[verb]};
	r = request_send(q);
	if (r < 0)
		free(q);
	else
		op->driver = &q->op;
	return r;
}
