/* redis.c - the store in a Redis: descriptor, options, life and death. */
#include "redis.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "script.h"
#include "verb.h"

#define STORE_MAGIC 0x53525351u
#define DAY (24 * 3600 * SQ_S)

static const struct sq_opt store_opts[] = {
    REDIS_OPTIONS,
    SQ_STRING(
        struct store_conf, key, "total_hits",
        "Key of the counter of all hits, a plain integer. Nothing is reserved ahead: as long as the server "
        "keeps"
        " what it was told (appendonly yes) no number repeats, and none is skipped but by a hit whose answer"
        " was lost.",
        .env = "REDIS_KEY"),
    SQ_DURATION(struct store_conf, retention, "720h", 1 * SQ_S, 3650 * DAY,
                "How long an ended test is kept before it is deleted."),
    SQ_DURATION(
        struct store_conf, tombstone_ttl, "168h", 7 * DAY, 3650 * DAY,
        "How long the name of a deleted test stays taken. Must be longer than any message may wait in a"
        " queue.",
        .flags = SQ_F_EXPERT),
    SQ_OPTS_END};

static struct store *store_of(void *self)
{
	struct store *s = self;

	assert(s && s->magic == STORE_MAGIC);
	return s;
}

/* --- the links --- */

/* A name that nobody has, for a server that has none. */
static int name_store(struct store *s)
{
	unsigned char bytes[16];

	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return -errno;
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(s->candidate + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

/* Another name than before means that the server has lost all that it held. */
static void know(struct store *s, const char *id)
{
	if (*s->id && strcmp(s->id, id) != 0)
		SQ_ERROR(
		    s->host, NULL,
		    "Redis at %s: all that it held is gone, records and counts begin anew: it was flushed, or"
		    " restarted without appendonly",
		    redis_link_place(&s->main));
	snprintf(s->id, sizeof s->id, "%s", id);
}

static int greeted(struct redis_link *l, const struct reply *r, struct sq_err *err)
{
	struct store *s = sq_container(l, struct store, main);
	int64_t format = reply_number(reply_item(r, 3), 0);

	if (format < 1)
		return sq_fail(err, -EIO, "its answer to our script makes no sense");
	if (format > STORE_FORMAT)
		return sq_fail(
		    err, -EINVAL,
		    "what it holds has format %lld, this program reads up to %d: use a newer squall",
		    (long long)format, STORE_FORMAT);
	know(s, reply_text(reply_item(r, 1)));
	return name_store(s) < 0 ? sq_fail(err, -EIO, "no random numbers") : 0;
}

static void ready(struct store *s)
{
	if (!redis_link_is_well(&s->main))
		s->host->ready(s->host->ctx, 0, s->main.why);
	else if (s->hits.stage != REDIS_OFF && !redis_link_is_well(&s->hits))
		s->host->ready(s->host->ctx, 0, s->hits.why);
	else
		s->host->ready(s->host->ctx, 1, NULL);
}

static void main_ready(struct redis_link *l)
{
	ready(sq_container(l, struct store, main));
}

static void hits_ready(struct redis_link *l)
{
	ready(sq_container(l, struct store, hits));
}

static struct sq_slice word(const char *text)
{
	return (struct sq_slice){text, strlen(text)};
}

/* --- life --- */

static int store_check(const void *conf, struct sq_err *err)
{
	const struct store_conf *c = conf;

	if (*c->key == '\0' || strncmp(c->key, "squall:{", 8) == 0)
		return sq_fail(err, -EINVAL, "key \"%s\": use another name (variable REDIS_KEY)", c->key);
	return redis_conf_check(&c->redis, err);
}

static int store_create(const struct sq_host *host, const void *conf, void **ret_self, struct sq_err *err)
{
	struct store *s = calloc(1, sizeof *s);

	_Static_assert(offsetof(struct store_conf, redis) == 0, "REDIS_OPTIONS count on it");
	if (s == NULL || name_store(s) < 0) {
		free(s);
		return sq_fail(err, -ENOMEM, "no memory");
	}
	s->magic = STORE_MAGIC;
	s->host = host;
	s->conf = conf;
	snprintf(s->script_key, sizeof s->script_key, "squall:{%s}:store", s->conf->redis.space);
	s->greet[REDIS_EVAL_HEAD] = word(s->script_key);
	s->greet[REDIS_EVAL_HEAD + 1] = word("info");
	s->greet[REDIS_EVAL_HEAD + 2] = word(s->candidate);
	s->greet[REDIS_EVAL_HEAD + 3] = word("1");
	redis_link_init(&s->main, host, &s->conf->redis);
	s->main.script = store_script;
	s->main.greet = s->greet;
	s->main.greet_count = SQ_LEN(s->greet);
	s->main.greeted = greeted;
	s->main.ready = main_ready;
	/* Adds nothing, and a counter that begins at 0 reads like none. */
	s->greet_hits[0] = word("INCRBY");
	s->greet_hits[1] = word(s->conf->key);
	s->greet_hits[2] = word("0");
	redis_link_init(&s->hits, host, &s->conf->redis);
	s->hits.greet = s->greet_hits;
	s->hits.greet_count = SQ_LEN(s->greet_hits);
	s->hits.ready = hits_ready;
	*ret_self = s;
	return 0;
}

static int store_start(void *self, struct sq_err *err)
{
	struct store *s = store_of(self);

	reap_start(s);
	return redis_link_start(&s->main, err);
}

static void main_drained(struct redis_link *l)
{
	struct store *s = sq_container(l, struct store, main);

	s->host->op_done(s->host->ctx, s->op, 0);
}

static void hits_drained(struct redis_link *l)
{
	redis_link_drain(&sq_container(l, struct store, hits)->main, main_drained);
}

static void store_drain(void *self, struct sq_op *op)
{
	struct store *s = store_of(self);

	s->op = op;
	reap_stop(s);
	redis_link_drain(&s->hits, hits_drained);
}

static void store_destroy(void *self)
{
	struct store *s = store_of(self);

	reap_stop(s);
	redis_link_free(&s->hits);
	redis_link_free(&s->main);
	s->magic = 0;
	free(s);
}

static void probed(struct redis_link *l)
{
	struct store *s = sq_container(l, struct store, main);
	struct sq_op *op = s->op;
	int r = 0;

	if (!redis_link_is_up(l))
		r = sq_fail(s->err, -ENOTCONN, "Redis at %s: %s", redis_link_place(l), l->why);
	l->changed = NULL;
	s->op = NULL;
	s->host->op_done(s->host->ctx, op, r);
}

/* Looks, and so asks no script that writes. */
static void store_probe(void *self, struct sq_op *op, struct sq_err *err)
{
	struct store *s = store_of(self);
	int r;

	s->op = op;
	s->err = err;
	s->main.quiet = true;
	s->main.script = NULL;
	s->main.greet = NULL;
	s->main.greeted = NULL;
	s->main.changed = probed;
	r = redis_link_start(&s->main, err);
	if (r < 0)
		s->host->op_done(s->host->ctx, op, r);
}

/* --- verbs --- */

static int store_info(void *self, struct sq_store_info *rq)
{
	return store_submit(store_of(self), &rq->op, &verb_info);
}

static int store_add(void *self, struct sq_store_count *rq)
{
	return store_count(store_of(self), rq, COUNT_ADD);
}

static int store_read(void *self, struct sq_store_count *rq)
{
	return store_count(store_of(self), rq, COUNT_READ);
}

static int store_reset(void *self, struct sq_store_count *rq)
{
	return store_count(store_of(self), rq, COUNT_RESET);
}

static int store_get(void *self, struct sq_store_get *rq)
{
	return store_submit(store_of(self), &rq->op, &verb_get);
}

static int store_put(void *self, struct sq_store_put *rq)
{
	return store_submit(store_of(self), &rq->op, &verb_put);
}

static int store_list(void *self, struct sq_store_list *rq)
{
	return store_submit(store_of(self), &rq->op, &verb_list);
}

static int store_del(void *self, struct sq_store_delete *rq)
{
	return store_submit(store_of(self), &rq->op, &verb_del);
}

static int store_lease(void *self, struct sq_store_lease *rq)
{
	return store_submit(store_of(self), &rq->op, &verb_lease);
}

static int store_release(void *self, struct sq_store_release *rq)
{
	return store_submit(store_of(self), &rq->op, &verb_release);
}

static int store_append(void *self, struct sq_store_append *rq)
{
	return store_submit(store_of(self), &rq->op, &verb_append);
}

static int store_merge(void *self, struct sq_store_merge *rq)
{
	return store_submit(store_of(self), &rq->op, &verb_merge);
}

static int store_range(void *self, struct sq_store_range *rq)
{
	return store_submit(store_of(self), &rq->op, &verb_range);
}

static int store_part_put(void *self, struct sq_store_part_put *rq)
{
	return store_submit(store_of(self), &rq->op, &verb_part_put);
}

static int store_parts(void *self, struct sq_store_parts *rq)
{
	return store_submit(store_of(self), &rq->op, &verb_parts);
}

/* Its command stands between others that are wanted, so it leaves, or has left. */
static int store_cancel(void *self, struct sq_op *op)
{
	struct sq_op **waiting = op->driver;

	store_of(self);
	*waiting = NULL;
	return 1;
}

static const struct sq_store redis_store = {.size = sizeof(struct sq_store),
                                            .info = store_info,
                                            .add = store_add,
                                            .read = store_read,
                                            .reset = store_reset,
                                            .get = store_get,
                                            .put = store_put,
                                            .list = store_list,
                                            .del = store_del,
                                            .lease = store_lease,
                                            .release = store_release,
                                            .append = store_append,
                                            .merge = store_merge,
                                            .range = store_range,
                                            .part_put = store_part_put,
                                            .parts = store_parts,
                                            .cancel = store_cancel};

SQ_PLUGIN(store, SQ_STORE, redis, .version = PACKAGE_VERSION,
          .summary = "Counters, records and logs in a Redis", .opts = store_opts,
          .conf_size = sizeof(struct store_conf), .check = store_check, .create = store_create,
          .start = store_start, .drain = store_drain, .destroy = store_destroy, .probe = store_probe,
          .vt.store = &redis_store);
