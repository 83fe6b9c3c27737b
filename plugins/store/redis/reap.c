/* reap.c - retention: what has ended becomes a tombstone, and tombstones go. */
#include "redis.h"

#define PAUSE (50 * SQ_MS) /* between steps while there is more to do */

/* Every process looks now and then; a tenth of the retention is exact enough. */
static int64_t reap_interval(const struct store *s)
{
	int64_t tenth = s->conf->retention / 10;

	if (tenth < SQ_S)
		return SQ_S;
	return tenth > 60 * SQ_S ? 60 * SQ_S : tenth;
}

static void wait_for(struct store *s, int64_t delay)
{
	if (!s->op)
		s->host->timer_start(s->host->ctx, &s->reap_timer, delay);
}

static void reaped(struct redis_eval *e, const struct reply *r, bool sent)
{
	struct store *s = sq_container(e, struct store, reap);
	bool more = args_status(&s->main, r, sent) == 0 && reply_number(reply_item(r, 1), 0) == 1;

	wait_for(s, more ? PAUSE : reap_interval(s));
}

static void reap_again(struct redis_eval *e)
{
	struct store *s = sq_container(e, struct store, reap);

	wait_for(s, PAUSE);
}

static void reap(struct sq_timer *t)
{
	struct store *s = sq_container(t, struct store, reap_timer);
	struct arena arena = {0};
	struct args a;

	args_init(&a, &arena, s->script_key, "reap", 1);
	args_int(&a, s->conf->tombstone_ttl / SQ_MS);
	if (a.failed || redis_link_eval(&s->main, &s->reap, a.list, a.count) < 0)
		wait_for(s, reap_interval(s));
	arena_free(&arena);
}

void reap_start(struct store *s)
{
	s->reap_timer.fire = reap;
	s->reap.done = reaped;
	s->reap.again = reap_again;
	wait_for(s, reap_interval(s));
}

void reap_stop(struct store *s)
{
	s->host->timer_stop(s->host->ctx, &s->reap_timer);
}
