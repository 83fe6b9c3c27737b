/* reply.c - answers of a Redis: hiredis reads, its objects are made here, inside an arena. */
#include "reply.h"

#include <errno.h>
#include <hiredis.h>
#include <read.h>
#include <stdlib.h>

#include "core/base/text.h"

static const struct reply nil;

static struct reader *reader_of(const redisReadTask *task)
{
	return task->privdata;
}

static bool room_for(struct reader *r, uint64_t items, size_t bytes)
{
	if (items > REPLY_ITEMS_MAX - r->items || bytes > REPLY_BYTES_MAX - r->bytes) {
		r->too_large = true;
		return false;
	}
	r->items += (uint32_t)items;
	r->bytes += bytes;
	return true;
}

static struct reply *make(const redisReadTask *task, enum reply_type type)
{
	struct reply *r = arena_alloc(&reader_of(task)->arena, sizeof *r);

	if (!r)
		return NULL;
	*r = (struct reply){.type = type};
	if (task->parent)
		((struct reply *)task->parent->obj)->items[task->idx] = r;
	return r;
}

static void *make_text(const redisReadTask *task, char *data, size_t len)
{
	enum reply_type type = task->type == REDIS_REPLY_ERROR    ? REPLY_ERROR
	                       : task->type == REDIS_REPLY_STATUS ? REPLY_STATUS
	                                                          : REPLY_TEXT;
	struct reply *r = room_for(reader_of(task), 0, len) ? make(task, type) : NULL;

	if (!r)
		return NULL;
	r->text.data = arena_copy(&reader_of(task)->arena, data, len);
	r->text.len = len;
	return r->text.data ? r : NULL;
}

#if HIREDIS_MAJOR >= 1
typedef size_t array_len;
#else
typedef int array_len;
#endif

static void *make_array(const redisReadTask *task, array_len len)
{
	struct reader *reader = reader_of(task);
	struct reply *r = room_for(reader, (uint64_t)len, 0) ? make(task, REPLY_ARRAY) : NULL;

	if (!r)
		return NULL;
	r->count = (uint32_t)len;
	r->items = arena_alloc(&reader->arena, (r->count + 1) * sizeof *r->items);
	if (!r->items)
		return NULL;
	for (uint32_t i = 0; i < r->count; i++)
		r->items[i] = &nil;
	return r;
}

static void *make_number(const redisReadTask *task, long long number)
{
	struct reply *r = make(task, REPLY_NUMBER);

	if (r)
		r->number = number;
	return r;
}

static void *make_nil(const redisReadTask *task)
{
	return make(task, REPLY_NIL);
}

static void free_none(void *object)
{
	(void)object; /* the arena's */
}

static redisReplyObjectFunctions functions = {.createString = make_text,
                                              .createArray = make_array,
                                              .createInteger = make_number,
                                              .createNil = make_nil,
                                              .freeObject = free_none};

int reader_init(struct reader *r)
{
	*r = (struct reader){.hiredis = redisReaderCreateWithFunctions(&functions)};
	if (!r->hiredis)
		return -ENOMEM;
	r->hiredis->privdata = r;
	return 0;
}

void reader_free(struct reader *r)
{
	if (r->hiredis)
		redisReaderFree(r->hiredis);
	arena_free(&r->arena);
	*r = (struct reader){0};
}

int reader_feed(struct reader *r, const void *data, size_t len)
{
	return redisReaderFeed(r->hiredis, data, len) == REDIS_OK ? 0 : -ENOMEM;
}

static int failed(const struct reader *r)
{
	if (r->hiredis->err != REDIS_ERR_OOM)
		return -EPROTO;
	return r->too_large ? -EMSGSIZE : -ENOMEM;
}

int reader_next(struct reader *r, const struct reply **ret)
{
	void *reply = NULL;

	if (r->hiredis->ridx < 0) { /* between two answers */
		arena_free(&r->arena);
		r->items = 0;
		r->bytes = 0;
	}
	if (redisReaderGetReply(r->hiredis, &reply) != REDIS_OK)
		return failed(r);
	if (!reply)
		return r->hiredis->len - r->hiredis->pos > REPLY_BYTES_MAX ? -EMSGSIZE : 0;
	*ret = reply;
	return 1;
}

const struct reply *reply_item(const struct reply *r, uint32_t i)
{
	return r->type == REPLY_ARRAY && i < r->count ? r->items[i] : &nil;
}

int64_t reply_number(const struct reply *r, int64_t fallback)
{
	int64_t n;

	if (r->type == REPLY_NUMBER)
		return r->number;
	if (r->type != REPLY_TEXT || text_parse_int(r->text.data, &n) < 0)
		return fallback;
	return n;
}

const char *reply_text(const struct reply *r)
{
	return r->text.data ? r->text.data : "";
}
