/* batch.c - jobs on the SQLite file, many in one transaction. */
#include "batch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX 512 /* jobs: bounds how long the first one waits for the last */

static void batch_kicked(struct sq_post *p);
static int batch_run(struct sq_work *w);
static void batch_done(struct sq_op *op, int status);

void batch_init(struct batch *b, const struct sq_host *host, struct db *db)
{
	b->host = host;
	b->db = db;
	b->last = &b->first;
	b->kick.run = batch_kicked;
	b->work.run = batch_run;
	b->work.what = "SQLite transaction";
	b->work.lane = SQ_LANE_DISK;
	b->work.op.done = batch_done;
}

bool batch_empty(const struct batch *b)
{
	return !b->busy && b->first == NULL;
}

void batch_add(struct batch *b, struct job *j)
{
	j->next = NULL;
	*b->last = j;
	b->last = &j->next;
	if (!b->busy)
		b->host->later(b->host->ctx, &b->kick);
}

/* The op itself is the host's business. */
static void copy_behind_op(void *to, const void *from, size_t size)
{
	memcpy((struct sq_op *)to + 1, (const struct sq_op *)from + 1, size - sizeof(struct sq_op));
}

int batch_submit(struct batch *b, struct sq_op *op, const struct verb *verb)
{
	struct job *j = calloc(1, sizeof *j + verb->size);
	int r;

	if (j == NULL)
		return -ENOMEM;
	j->rq = j + 1;
	j->verb = verb;
	j->op = op;
	copy_behind_op(j->rq, op, verb->size);
	r = verb->check ? verb->check(j) : 0;
	if (r < 0) {
		free(j);
		return r;
	}
	op->driver = j;
	batch_add(b, j);
	return 0;
}

static void job_free(struct job *j)
{
	arena_free(&j->out);
	free(j);
}

/* The statuses with which outputs are promised. */
static bool has_outputs(const struct job *j)
{
	return j->answered && (j->status >= 0 || j->status == -SQ_ECONFLICT || j->status == -SQ_EFINAL);
}

/* The inputs between the outputs are what they were. */
static void job_end(struct batch *b, struct job *j)
{
	if (j->op == NULL) {
		j->done(j);
		return;
	}
	if (has_outputs(j))
		copy_behind_op(j->op, j->rq, j->verb->size);
	b->host->op_done(b->host->ctx, j->op, j->status);
	job_free(j);
}

int batch_cancel(struct batch *b, struct sq_op *op)
{
	for (struct job **p = &b->first; *p; p = &(*p)->next) {
		struct job *j = *p;

		if (j->op != op)
			continue;
		*p = j->next;
		if (j->next == NULL)
			b->last = p;
		job_free(j);
		return 0;
	}
	return -EBUSY;
}

static void batch_start(struct batch *b)
{
	struct job **end = &b->first;
	int r;

	for (int n = 0; *end && n < BATCH_MAX; n++)
		end = &(*end)->next;
	b->running = b->first;
	b->first = *end;
	if (b->first == NULL)
		b->last = &b->first;
	*end = NULL;
	b->busy = true;
	b->wall = b->host->wall(b->host->ctx);
	r = b->host->work(b->host->ctx, &b->work);
	assert(r == 0); /* refused only inside destroy(), when nothing waits any more */
	(void)r;
}

static void batch_kicked(struct sq_post *p)
{
	struct batch *b = sq_container(p, struct batch, kick);

	if (b->busy)
		return;
	if (b->first)
		batch_start(b);
	else
		b->idle(b); /* all of them were called back */
}

/* --- on the pool thread --- */

static void batch_note(struct batch *b)
{
	if (b->db->error && !b->error) {
		b->error = b->db->error;
		memcpy(b->why, b->db->why, sizeof b->why);
	}
}

static void job_fail(struct job *j, int status)
{
	j->answered = false;
	j->status = status;
}

static void job_run(struct batch *b, struct job *j)
{
	arena_free(&j->out);
	if (j->op) /* again: the first run may have changed what is both in and out */
		copy_behind_op(j->rq, j->op, j->verb->size);
	j->answered = true;
	j->status = j->verb->run(b->db, j);
}

static enum db_mode batch_mode(const struct batch *b)
{
	enum db_mode mode = DB_READ;

	for (struct job *j = b->running; j; j = j->next) {
		if (j->verb->mode == DB_WRITE)
			return DB_WRITE;
		if (j->verb->mode == DB_RELAXED)
			mode = DB_RELAXED;
	}
	return mode;
}

static int run_together(struct batch *b, enum db_mode mode)
{
	int r = db_begin(b->db, mode, b->wall);

	if (r < 0)
		return r;
	for (struct job *j = b->running; j && b->db->error == 0; j = j->next)
		job_run(b, j);
	return db_commit(b->db);
}

static void run_alone(struct batch *b, struct job *j, bool unsure)
{
	int r = db_begin(b->db, j->verb->mode, b->wall);

	if (r == 0) {
		job_run(b, j);
		r = db_commit(b->db);
	}
	if (r < 0)
		job_fail(j, unsure && j->verb->mode != DB_READ ? -SQ_EUNCERTAIN : r);
	batch_note(b);
}

/* Whoever held the write lock for all of busy_timeout may hold it for each job again: then those
 * that write are not tried. unsure: the transaction of all may yet come back after a crash. */
static void run_each(struct batch *b, bool locked, bool unsure)
{
	if (locked)
		batch_note(b);
	for (struct job *j = b->running; j; j = j->next) {
		if (locked && j->verb->mode != DB_READ)
			job_fail(j, b->error);
		else
			run_alone(b, j, unsure);
	}
}

static int batch_run(struct sq_work *w)
{
	struct batch *b = sq_container(w, struct batch, work);
	enum db_mode mode = batch_mode(b);
	int r;

	b->error = 0;
	b->wrote = mode != DB_READ;
	r = run_together(b, mode);
	if (r < 0)
		run_each(b, b->db->locked, r == -SQ_EUNCERTAIN);
	return 0;
}

/* --- on the loop again --- */

static void batch_done(struct sq_op *op, int status)
{
	struct batch *b = sq_container(op, struct batch, work.op);

	if (status < 0) /* no thread could be had, nothing has run */
		for (struct job *j = b->running; j; j = j->next)
			job_fail(j, -ENOMEM);
	else if (b->error || b->wrote)
		b->outcome(b, b->error);
	while (b->running) {
		struct job *j = b->running;

		b->running = j->next;
		job_end(b, j);
	}
	b->busy = false;
	if (b->first)
		b->host->later(b->host->ctx, &b->kick);
	else
		b->idle(b);
}

void batch_free(struct batch *b)
{
	assert(!b->busy);
	b->host->unpost(b->host->ctx, &b->kick);
	while (b->first) {
		struct job *j = b->first;

		b->first = j->next;
		if (j->op)
			job_free(j);
	}
}
