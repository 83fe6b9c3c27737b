/*
 * well_formed.h - what every store refuses with -EINVAL before it looks at its data. Any thread.
 */
#ifndef COMMON_WELL_FORMED_H
#define COMMON_WELL_FORMED_H

#include <errno.h>
#include <string.h>

#include <squall/store.h>

static inline bool name_ok(const char *name)
{
	size_t n;

	if (name == NULL)
		return false;
	n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-");
	return n > 0 && n <= SQ_ID_MAX && name[n] == '\0';
}

/* Versions, fences and sequence numbers are signed in SQLite and Redis: larger ones were never granted. */
static inline bool number_ok(uint64_t n)
{
	return n <= INT64_MAX;
}

/* adds: the verb is add, which takes no negative n. 0 or -EINVAL. */
static inline int count_check(const struct sq_store_count *rq, bool adds)
{
	if (rq->count == 0 || rq->items == NULL)
		return -EINVAL;
	for (unsigned i = 0; i < rq->count; i++) {
		const struct sq_counter *item = &rq->items[i];

		if (!name_ok(item->name) || (item->record && !name_ok(item->record)))
			return -EINVAL;
		if (adds && item->n < 0)
			return -EINVAL;
	}
	return 0;
}

#endif
