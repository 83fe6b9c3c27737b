/*
 * metrics.c - one sorted table of named cells.
 *
 * A process has a few dozen of them and asks for each once, so that a sorted array is enough.
 */
#include "metrics.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct metric {
	int64_t value;
	const char *type; /* "counter", "gauge" */
	char *help;
	char name[]; /* with labels, without the prefix */
};

static struct metric **metrics; /* sorted by family, then labels */
static size_t count, room;
static int64_t nowhere; /* what callers get without memory */

/* Length of the name without its labels. */
static size_t family(const char *name)
{
	return strcspn(name, "{");
}

static int compare(const char *a, const char *b)
{
	size_t la = family(a), lb = family(b);
	int d = memcmp(a, b, la < lb ? la : lb);

	if (d == 0)
		d = la < lb ? -1 : la > lb;
	return d ? d : strcmp(a + la, b + lb);
}

/* Where name is, or where it belongs. */
static size_t place(const char *name, bool *found)
{
	size_t from = 0, to = count;

	*found = false;
	while (from < to) {
		size_t at = (from + to) / 2;
		int d = compare(metrics[at]->name, name);

		if (d == 0) {
			*found = true;
			return at;
		}
		if (d < 0)
			from = at + 1;
		else
			to = at;
	}
	return from;
}

static bool make_room(void)
{
	struct metric **more;

	if (count < room)
		return true;
	more = realloc(metrics, (room + 32) * sizeof *metrics);
	if (!more)
		return false;
	metrics = more;
	room += 32;
	return true;
}

static struct metric *metric_new(const char *name, const char *type, const char *help)
{
	size_t len = strlen(name);
	struct metric *m = calloc(1, sizeof *m + len + 1);

	if (!m)
		return NULL;
	m->help = strdup(help);
	if (!m->help) {
		free(m);
		return NULL;
	}
	m->type = type;
	memcpy(m->name, name, len + 1);
	return m;
}

static int64_t *cell(const char *name, const char *type, const char *help)
{
	bool found;
	size_t at = place(name, &found);
	struct metric *m;

	assert(family(name) > 0 && strspn(name, "abcdefghijklmnopqrstuvwxyz_") == family(name));
	if (found) {
		assert(strcmp(metrics[at]->type, type) == 0);
		return &metrics[at]->value;
	}
	if (!make_room() || !(m = metric_new(name, type, help)))
		return &nowhere;
	memmove(&metrics[at + 1], &metrics[at], (count - at) * sizeof *metrics);
	metrics[at] = m;
	count++;
	return &m->value;
}

int64_t *metrics_counter(const char *name, const char *help)
{
	return cell(name, "counter", help);
}

int64_t *metrics_gauge(const char *name, const char *help)
{
	return cell(name, "gauge", help);
}

static void print_head(struct buf *out, const struct metric *m)
{
	int len = (int)family(m->name);

	buf_printf(out, "# HELP squall_%.*s ", len, m->name);
	for (const char *c = m->help; *c; c++) {
		if (*c == '\\')
			buf_str(out, "\\\\");
		else if (*c == '\n')
			buf_str(out, "\\n");
		else
			buf_add(out, c, 1);
	}
	buf_printf(out, "\n# TYPE squall_%.*s %s\n", len, m->name, m->type);
}

static bool same_family(const struct metric *a, const struct metric *b)
{
	size_t len = family(a->name);

	return len == family(b->name) && memcmp(a->name, b->name, len) == 0;
}

void metrics_print(struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || !same_family(metrics[i - 1], metrics[i]))
			print_head(out, metrics[i]);
		buf_printf(out, "squall_%s %lld\n", metrics[i]->name, (long long)metrics[i]->value);
	}
}

void metrics_free(void)
{
	for (size_t i = 0; i < count; i++) {
		free(metrics[i]->help);
		free(metrics[i]);
	}
	free(metrics);
	metrics = NULL;
	count = room = 0;
}
