/* numbers.c - the counters in memory. */
#include "numbers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct number {
	struct number *next; /* in its bucket */
	char name[SQ_ID_MAX + 1], record[SQ_ID_MAX + 1];
	int64_t value; /* the last number given out */
	int64_t reserved; /* numbers up to here are ours on disk */
	int64_t was; /* value before the last reset */
	int64_t pending; /* sum of the items of the request at hand */
	int64_t ask; /* a request waits for so many numbers behind value; -1: none does */
	bool known; /* value and reserved have been read from the disk */
	bool load; /* must become known */
	bool used; /* added to in this process: only then blocks are reserved ahead */
	bool dirty; /* the disk has another value */
	bool reset; /* must become 0 */
};

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
static unsigned bucket_of(const char *name)
{
	uint32_t h = 2166136261u;

	while (*name)
		h = (h ^ (unsigned char)*name++) * 16777619u;
	return h % NUMBERS_BUCKETS;
}

static struct number *number_find(struct numbers *t, const char *name)
{
	struct number *n = t->bucket[bucket_of(name)];

	while (n && strcmp(n->name, name) != 0)
		n = n->next;
	return n;
}

static struct number *number_get(struct numbers *t, const struct sq_counter *item)
{
	struct number *n = number_find(t, item->name);
	unsigned b;

	if (n)
		return n;
	n = calloc(1, sizeof *n);
	if (n == NULL)
		return NULL;
	b = bucket_of(item->name);
	strcpy(n->name, item->name); /* names were checked: SQ_ID_MAX at most */
	strcpy(n->record, item->record ? item->record : "");
	n->ask = -1;
	n->next = t->bucket[b];
	t->bucket[b] = n;
	t->count++;
	return n;
}

static void number_drop(struct numbers *t, struct number *n)
{
	struct number **p = &t->bucket[bucket_of(n->name)];

	while (*p != n)
		p = &(*p)->next;
	*p = n->next;
	t->count--;
	free(n);
}

void numbers_free(struct numbers *t)
{
	for (unsigned b = 0; b < NUMBERS_BUCKETS; b++)
		while (t->bucket[b])
			number_drop(t, t->bucket[b]);
	free(t->rows);
	t->rows = NULL;
	t->row_count = t->row_max = 0;
}

static bool number_low(const struct numbers *t, const struct number *n)
{
	return n->used && n->reserved - n->value < t->block / 2;
}

/* What is missing for n->pending numbers: 0, -EAGAIN, or -ERANGE. */
static int number_lacks(const struct numbers *t, struct number *n)
{
	int64_t end;

	if (__builtin_add_overflow(n->value, n->pending, &end) || end > INT64_MAX - t->block)
		return -ERANGE;
	if (n->known && end <= n->reserved)
		return 0;
	n->ask = n->pending;
	n->load = true;
	return -EAGAIN;
}

/* Two items may name the same counter, so the sums are judged before anything is given out. */
static int take_judge(struct numbers *t, const struct sq_counter *items, unsigned count)
{
	int r = 0, lacks;

	for (unsigned i = 0; i < count; i++) {
		struct number *n = number_get(t, &items[i]);

		if (n == NULL)
			return -ENOMEM;
		n->pending = 0;
	}
	for (unsigned i = 0; i < count; i++) {
		struct number *n = number_find(t, items[i].name);

		if (__builtin_add_overflow(n->pending, items[i].n, &n->pending))
			return -ERANGE;
	}
	for (unsigned i = 0; i < count; i++) {
		lacks = number_lacks(t, number_find(t, items[i].name));
		if (lacks == -ERANGE)
			return lacks;
		r = lacks < 0 ? lacks : r;
	}
	return r;
}

static void number_add(struct numbers *t, struct number *n, struct sq_counter *item)
{
	n->used = true;
	if (item->n > 0)
		n->dirty = t->dirty = true;
	n->value += item->n;
	item->value = n->value;
	if (number_low(t, n))
		t->low = true;
}

/* The way of every hit: one counter, numbers at hand. */
static bool take_fast(struct numbers *t, struct sq_counter *item)
{
	struct number *n = number_find(t, item->name);

	if (n == NULL || !n->known || item->n > n->reserved - n->value)
		return false;
	number_add(t, n, item);
	return true;
}

int numbers_take(struct numbers *t, struct sq_counter *items, unsigned count)
{
	int r;

	if (count == 1 && take_fast(t, items))
		return 0;
	r = take_judge(t, items, count);
	for (unsigned i = 0; r == 0 && i < count; i++)
		number_add(t, number_find(t, items[i].name), &items[i]);
	return r;
}

/* Makes sure that all are known. */
static int numbers_know(struct numbers *t, const struct sq_counter *items, unsigned count)
{
	int r = 0;

	for (unsigned i = 0; i < count; i++) {
		struct number *n = number_get(t, &items[i]);

		if (n == NULL)
			return -ENOMEM;
		if (!n->known) {
			n->load = true;
			r = -EAGAIN;
		}
	}
	return r;
}

int numbers_read(struct numbers *t, struct sq_counter *items, unsigned count)
{
	int r = numbers_know(t, items, count);

	for (unsigned i = 0; r == 0 && i < count; i++)
		items[i].value = number_find(t, items[i].name)->value;
	return r;
}

int numbers_mark_reset(struct numbers *t, struct sq_counter *items, unsigned count)
{
	int r = numbers_know(t, items, count);

	for (unsigned i = 0; r == 0 && i < count; i++)
		number_find(t, items[i].name)->reset = true;
	return r;
}

/* A counter that was deleted meanwhile has been 0. */
void numbers_report_reset(struct numbers *t, struct sq_counter *items, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct number *n = number_find(t, items[i].name);

		items[i].value = n ? n->was : 0;
	}
}

/* --- to the disk --- */

static bool rows_reserve(struct numbers *t)
{
	struct number_row *rows;

	if (t->count <= t->row_max)
		return true;
	rows = realloc(t->rows, t->count * sizeof *rows);
	if (rows == NULL)
		return false;
	t->rows = rows;
	t->row_max = t->count;
	return true;
}

/* Whether n has anything for the disk; fills *row. */
static bool number_row(const struct numbers *t, struct number *n, bool closing, struct number_row *row)
{
	*row = (struct number_row){.number = n, .name = n->name, .record = n->record, .act = ROW_SAVE};
	if (!n->known) {
		row->act = ROW_LOAD;
		row->ahead = n->ask >= 0 ? n->ask + t->block - 1 : 0;
		return n->load;
	}
	row->value = n->value;
	row->reserved = n->reserved;
	if (n->reset) {
		row->act = ROW_RESET;
		row->value = 0;
		row->reserved = t->block - 1;
		return true;
	}
	if (closing)
		row->reserved = n->value;
	else if (n->ask >= 0)
		row->reserved = n->value + n->ask + t->block - 1;
	else if (number_low(t, n))
		row->reserved = n->value + t->block - 1;
	return n->dirty || row->reserved != n->reserved;
}

static void numbers_unmark(struct numbers *t)
{
	for (unsigned b = 0; b < NUMBERS_BUCKETS; b++)
		for (struct number *n = t->bucket[b]; n; n = n->next)
			n->reset = false;
}

int numbers_collect(struct numbers *t, bool closing)
{
	t->row_count = 0;
	if (!rows_reserve(t)) {
		numbers_unmark(t);
		return -ENOMEM;
	}
	t->dirty = t->low = false;
	for (unsigned b = 0; b < NUMBERS_BUCKETS; b++)
		for (struct number *n = t->bucket[b]; n; n = n->next)
			if (number_row(t, n, closing, &t->rows[t->row_count]))
				t->row_count++;
	return (int)t->row_count;
}

bool numbers_only_values(const struct numbers *t)
{
	for (unsigned i = 0; i < t->row_count; i++)
		if (t->rows[i].act != ROW_SAVE || t->rows[i].reserved != t->rows[i].number->reserved)
			return false;
	return true;
}

static void row_settle(struct numbers *t, const struct number_row *row)
{
	struct number *n = row->number;

	if (row->gone) {
		number_drop(t, n);
		return;
	}
	if (row->act == ROW_RESET)
		n->was = n->value;
	n->known = true;
	n->reserved = row->reserved;
	if (row->act != ROW_SAVE)
		n->value = row->value;
	n->dirty = n->value != row->value;
	t->dirty |= n->dirty;
	t->low |= number_low(t, n);
}

void numbers_settle(struct numbers *t, int status)
{
	for (unsigned i = 0; i < t->row_count; i++) {
		struct number *n = t->rows[i].number;

		n->ask = -1;
		n->load = n->reset = false;
		if (status >= 0)
			row_settle(t, &t->rows[i]);
	}
	if (status < 0)
		t->dirty = t->low = true; /* tried again later */
	t->row_count = 0;
}
