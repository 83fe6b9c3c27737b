/* counters.c - the verbs add, read and reset. */
#include "counters.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "record.h"

/* Values are on the disk within 100 ms: the rest of it is the disk's. */
#define WRITE_BACK (80 * SQ_MS)
#define WRITE_BACK_AGAIN (1 * SQ_S) /* after a failure */
#define LOCK_FILE "counters.lock"

struct waiter {
	struct waiter *next;
	struct sq_store_count *rq;
	enum count_verb verb;
	bool flying; /* a reset: the flush that is on its way does it */
};

static void write_back(struct sq_timer *t);
static int flush_run(struct db *db, struct job *j);
static void flush_done(struct job *j);

/* What is reserved must be on the disk for good; values alone may be lost with the power, for
 * then the counter goes on behind its block. */
static const struct verb verb_flush = {.mode = DB_WRITE, .run = flush_run};
static const struct verb verb_values = {.mode = DB_RELAXED, .run = flush_run};

void counters_init(struct counters *c, const struct sq_host *host, struct batch *batch, int64_t block)
{
	c->host = host;
	c->batch = batch;
	c->numbers.block = block;
	c->lock = -1;
	c->last = &c->first;
	c->flush.done = flush_done;
	c->write_back.fire = write_back;
}

void counters_free(struct counters *c)
{
	if (c->write_back_set)
		c->host->timer_stop(c->host->ctx, &c->write_back);
	while (c->first) {
		struct waiter *w = c->first;

		c->first = w->next;
		free(w);
	}
	numbers_free(&c->numbers);
	if (c->lock >= 0)
		close(c->lock);
	c->lock = -1;
}

/* --- ownership --- */

static void lock_refused(struct counters *c, int fd, const char *path)
{
	char pid[16] = "";
	ssize_t n = pread(fd, pid, sizeof pid - 1, 0);

	if (n > 0)
		pid[strcspn(pid, "\n")] = '\0';
	if (!c->refused)
		SQ_ERROR(c->host, NULL,
		         "the counters of %s belong to another process (pid %s): stop it, or give this one a"
		         " state_dir of its own",
		         path, pid[0] ? pid : "unknown");
	c->refused = true;
}

/* The lock ends with the process, however it ends. */
static int counters_own(struct counters *c)
{
	char path[PATH_MAX], pid[16];
	int fd, r = 0;

	if (c->lock >= 0)
		return 0;
	snprintf(path, sizeof path, "%s/" LOCK_FILE, c->host->state_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = errno == EWOULDBLOCK ? -EBUSY : -errno;
		if (r == -EBUSY)
			lock_refused(c, fd, c->host->state_dir);
		close(fd);
		return r;
	}
	c->lock = fd;
	c->refused = false;
	/* The pid is for the message above alone, so a full disk does not matter here. */
	snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) == 0 && pwrite(fd, pid, strlen(pid), 0) < 0)
		SQ_DEBUG(c->host, NULL, "cannot write %s: %s", path, strerror(errno));
	return 0;
}

/* --- flushes --- */

static void row_load(struct db *db, struct number_row *row)
{
	struct query q = db_query(db, SQL_COUNTER_GET);

	query_text(&q, row->name);
	row->value = query_row(&q) > 0 ? column_int(&q, 1) : 0;
	query_end(&q);
	row->reserved = row->value > INT64_MAX - row->ahead ? row->value : row->value + row->ahead;
	q = db_query(db, SQL_COUNTER_MAKE);
	query_text(&q, row->name);
	query_text(&q, row->record[0] ? row->record : NULL);
	query_int(&q, row->value);
	query_int(&q, row->reserved);
	query_run(&q);
}

/* A counter that was deleted with its record is not made again. */
static void row_save(struct db *db, struct number_row *row)
{
	struct query q = db_query(db, SQL_COUNTER_SET);

	query_text(&q, row->name);
	query_int(&q, row->value);
	query_int(&q, row->reserved);
	row->gone = query_run(&q) == 0;
}

static int flush_run(struct db *db, struct job *j)
{
	struct numbers *t = &sq_container(j, struct counters, flush)->numbers;

	for (unsigned i = 0; i < t->row_count && db->error == 0; i++) {
		if (t->rows[i].act == ROW_LOAD)
			row_load(db, &t->rows[i]);
		else
			row_save(db, &t->rows[i]);
	}
	return db->error;
}

/* 0 also when there is nothing to write. */
static int flush_start(struct counters *c)
{
	struct waiter *w = c->first;
	int r;

	if (c->flying)
		return 0;
	if (w && w->verb == COUNT_RESET)
		w->flying = numbers_mark_reset(&c->numbers, w->rq->items, w->rq->count) == 0;
	r = numbers_collect(&c->numbers, c->closing);
	if (r <= 0)
		return r;
	c->flush.verb = numbers_only_values(&c->numbers) ? &verb_values : &verb_flush;
	c->flying = true;
	batch_add(c->batch, &c->flush);
	return 0;
}

static void write_back(struct sq_timer *t)
{
	struct counters *c = sq_container(t, struct counters, write_back);

	c->write_back_set = false;
	if (flush_start(c) < 0)
		c->numbers.dirty = true;
}

/* What the last request or flush left to do later. */
static void counters_tidy(struct counters *c)
{
	if (c->numbers.low && !c->failing && !c->flying && flush_start(c) == 0)
		return;
	if (c->numbers.dirty && !c->write_back_set && !c->closing) {
		c->write_back_set = true;
		c->host->timer_start(c->host->ctx, &c->write_back,
		                     c->failing ? WRITE_BACK_AGAIN : WRITE_BACK);
	}
}

/* --- requests --- */

/* From memory: 0 with all outputs set, -EAGAIN when the disk is needed first, or a refusal. */
static int count_try(struct counters *c, enum count_verb verb, struct sq_store_count *rq)
{
	int r;

	if (verb == COUNT_ADD)
		return numbers_take(&c->numbers, rq->items, rq->count);
	r = numbers_read(&c->numbers, rq->items, rq->count);
	return r == 0 && verb == COUNT_RESET ? -EAGAIN : r; /* a reset is answered by its flush */
}

static int waiter_try(struct counters *c, struct waiter *w, int flushed)
{
	if (!w->flying)
		return count_try(c, w->verb, w->rq);
	w->flying = false;
	if (flushed == 0)
		numbers_report_reset(&c->numbers, w->rq->items, w->rq->count);
	return flushed;
}

static void waiter_end(struct counters *c, int status)
{
	struct waiter *w = c->first;
	struct sq_op *op = &w->rq->op;

	c->first = w->next;
	if (c->first == NULL)
		c->last = &c->first;
	c->waiting--;
	free(w);
	c->host->op_done(c->host->ctx, op, status);
}

/* Those that waited for a failed flush fail with it; who comes meanwhile gets a flush of its own. */
static void counters_settle(struct counters *c, int status)
{
	unsigned judged = c->waiting;
	int r;

	c->settling = true;
	while (c->first) {
		r = waiter_try(c, c->first, status);
		if (r == -EAGAIN && status < 0 && judged > 0)
			r = status;
		if (r == -EAGAIN)
			break;
		judged -= judged > 0;
		waiter_end(c, r);
	}
	c->settling = false;
}

static void flush_done(struct job *j)
{
	struct counters *c = sq_container(j, struct counters, flush);
	int r;

	c->flying = false;
	c->failing = j->status < 0;
	numbers_settle(&c->numbers, j->status);
	counters_settle(c, j->status);
	while (c->first && (r = flush_start(c)) < 0)
		counters_settle(c, r);
	if (c->closing && c->failing)
		SQ_WARN(c->host, NULL,
		        "the last values of the counters are not stored: they go on behind their blocks");
	counters_tidy(c);
}

static int count_wait(struct counters *c, enum count_verb verb, struct sq_store_count *rq)
{
	struct waiter *w = calloc(1, sizeof *w);
	bool alone = c->first == NULL;
	int r = 0;

	if (w == NULL)
		return -ENOMEM;
	w->rq = rq;
	w->verb = verb;
	*c->last = w;
	c->last = &w->next;
	c->waiting++;
	if (alone && !c->settling)
		r = flush_start(c);
	if (r < 0) {
		c->first = NULL;
		c->last = &c->first;
		c->waiting--;
		free(w);
	}
	return r;
}

/* --- another process owns them --- */

static int peek_run(struct db *db, struct job *j)
{
	struct sq_store_count *rq = j->rq;
	int64_t *values = arena_alloc(&j->out, rq->count * sizeof *values);

	if (values == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < rq->count; i++) {
		struct query q = db_query(db, SQL_COUNTER_GET);

		query_text(&q, rq->items[i].name);
		values[i] = query_one(&q, 0);
	}
	for (unsigned i = 0; db->error == 0 && i < rq->count; i++)
		rq->items[i].value = values[i];
	return db->error;
}

static const struct verb verb_peek = {sizeof(struct sq_store_count), DB_READ, NULL, peek_run};

/* --- */

int counters_submit(struct counters *c, enum count_verb verb, struct sq_store_count *rq)
{
	int r = count_check(rq, verb == COUNT_ADD);

	if (r == 0 && verb != COUNT_READ)
		r = counters_own(c);
	if (r < 0)
		return r;
	if (c->lock < 0)
		return batch_submit(c->batch, &rq->op, &verb_peek);
	r = c->first ? -EAGAIN : count_try(c, verb, rq);
	if (r == -EAGAIN)
		return count_wait(c, verb, rq);
	if (r < 0)
		return r;
	c->host->op_done(c->host->ctx, &rq->op, 0);
	counters_tidy(c);
	return 0;
}

int counters_cancel(struct counters *c, struct sq_op *op)
{
	for (struct waiter **p = &c->first; *p; p = &(*p)->next) {
		struct waiter *w = *p;

		if (&w->rq->op != op)
			continue;
		if (w->flying)
			return -EBUSY;
		*p = w->next;
		if (*p == NULL)
			c->last = p;
		c->waiting--;
		free(w);
		return 0;
	}
	return -ENOENT;
}

void counters_close(struct counters *c)
{
	int r;

	c->closing = true;
	if (c->write_back_set)
		c->host->timer_stop(c->host->ctx, &c->write_back);
	c->write_back_set = false;
	r = flush_start(c);
	if (r < 0)
		SQ_WARN(c->host, NULL, "counters not written back: no memory");
}
