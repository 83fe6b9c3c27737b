/*
 * reply.h - answers of a Redis, from bytes to values (hiredis), with bounds. Pure.
 *
 * The bytes are a stranger's: a length that is too large ends the reading, it allocates nothing.
 */
#ifndef REDIS_REPLY_H
#define REDIS_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/util.h>

#include "plugins/common/arena.h"

#define REPLY_BYTES_MAX ((size_t)128 << 20) /* of one answer */
#define REPLY_ITEMS_MAX 1000000 /* of all arrays of one answer */

enum reply_type { REPLY_NIL, REPLY_TEXT, REPLY_STATUS, REPLY_ERROR, REPLY_NUMBER, REPLY_ARRAY };

/* All of it is the reader's, until the next call of reader_next(). */
struct reply {
	enum reply_type type;
	int64_t number; /* REPLY_NUMBER */
	struct sq_slice text; /* REPLY_TEXT, _STATUS, _ERROR; closed by a NUL that is not counted */
	const struct reply **items; /* REPLY_ARRAY; none of them is NULL */
	uint32_t count;
};

struct redisReader;

struct reader {
	struct redisReader *hiredis;
	struct arena arena; /* of the answer that was given last */
	uint32_t items; /* of the one that is being read */
	size_t bytes;
	bool too_large;
};

int reader_init(struct reader *r); /* 0 or -ENOMEM */
void reader_free(struct reader *r); /* also of one that was zeroed only */

/* Bytes that came, in any pieces. 0 or -ENOMEM. */
int reader_feed(struct reader *r, const void *data, size_t len);

/* 1: *ret is the next answer. 0: more bytes are needed. -EPROTO: this is no Redis; -EMSGSIZE: larger than
 * the bounds; -ENOMEM. After a negative one it is of no use any more. */
int reader_next(struct reader *r, const struct reply **ret);

/* The item of an array, or a nil one when it is none or shorter. */
const struct reply *reply_item(const struct reply *r, uint32_t i);
/* A number, also of a text that is a whole decimal one. fallback for anything else. */
int64_t reply_number(const struct reply *r, int64_t fallback);
/* "" for what is no text. */
const char *reply_text(const struct reply *r);

#endif
