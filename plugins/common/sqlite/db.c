/* db.c - transactions and statements of the SQLite file. */
#include "db.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The value that says best what SQLite's code means to a caller. */
static int db_errno(struct db *db, int rc)
{
	int sys = sqlite3_system_errno(db->handle);

	switch (rc & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_TOOBIG:
		return -E2BIG;
	case SQLITE_IOERR: /* the -shm file of a full disk */
		return sys == ENOSPC || sys == EDQUOT ? -ENOSPC : -EIO;
	default:
		return -EIO;
	}
}

static int db_failed(struct db *db, int rc)
{
	if (db->error == 0) {
		db->error = db_errno(db, rc);
		db->locked = (rc & 0xff) == SQLITE_BUSY;
		snprintf(db->why, sizeof db->why, "%s (SQLite code %d)", sqlite3_errmsg(db->handle), rc);
	}
	return db->error;
}

static int db_exec(struct db *db, const char *text)
{
	int rc = sqlite3_exec(db->handle, text, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : db_failed(db, rc);
}

/* synchronous cannot be changed inside a transaction. */
static int db_relax(struct db *db, bool relaxed)
{
	int r;

	if (db->relaxed == relaxed)
		return 0;
	r = db_exec(db, relaxed ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL");
	if (r == 0)
		db->relaxed = relaxed;
	return r;
}

static struct query query_of(struct db *db, sqlite3_stmt **stmt, const char *text)
{
	int rc = SQLITE_OK;

	if (*stmt == NULL)
		rc = sqlite3_prepare_v3(db->handle, text, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
	if (rc != SQLITE_OK)
		db_failed(db, rc);
	return (struct query){.db = db, .stmt = *stmt};
}

static int db_set_clock(struct db *db, enum db_mode mode, int64_t wall_ms)
{
	struct query get = query_of(db, &db->clock_get, "SELECT clock FROM meta"), set;
	int64_t stored = query_one(&get, 0);
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	db->boot_now = now.tv_sec * SQ_S + now.tv_nsec;
	db->clock = stored > wall_ms ? stored : wall_ms;
	if (db->clock < db->handed_out)
		db->clock = db->handed_out;
	db->handed_out = db->clock;
	if (mode != DB_WRITE || db->error)
		return db->error;
	set = query_of(db, &db->clock_set, "UPDATE meta SET clock = ?1");
	query_int(&set, db->clock);
	query_run(&set);
	return db->error;
}

int db_begin(struct db *db, enum db_mode mode, int64_t wall_ms)
{
	int r;

	db->error = 0;
	db->locked = false;
	r = db_relax(db, mode == DB_RELAXED);
	if (r == 0)
		r = db_exec(db, mode == DB_READ ? "BEGIN" : "BEGIN IMMEDIATE");
	if (r < 0)
		return r;
	r = db_set_clock(db, mode, wall_ms);
	if (r < 0)
		db_rollback(db);
	return r;
}

/* After an I/O error the write-ahead log may hold all of the transaction, and a crash would bring
 * it back. On a full disk its last frame is what did not fit, so it cannot. */
int db_commit(struct db *db)
{
	int r = db->error, rc;

	if (r == 0) {
		rc = sqlite3_exec(db->handle, "COMMIT", NULL, NULL, NULL);
		if (rc != SQLITE_OK)
			r = db_failed(db, rc);
		if ((rc & 0xff) == SQLITE_IOERR)
			r = -SQ_EUNCERTAIN;
	}
	if (r < 0)
		db_rollback(db);
	return r;
}

void db_rollback(struct db *db)
{
	/* Grave errors have rolled back already. */
	if (!sqlite3_get_autocommit(db->handle))
		sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

struct query db_query(struct db *db, unsigned which)
{
	assert(which < db->schema->count);
	return query_of(db, &db->stmt[which], db->schema->text[which]);
}

static void query_bound(struct query *q, int rc)
{
	if (rc != SQLITE_OK)
		db_failed(q->db, rc);
}

void query_text(struct query *q, const char *text)
{
	q->bound++;
	if (q->stmt)
		query_bound(q, sqlite3_bind_text(q->stmt, q->bound, text, -1, SQLITE_STATIC));
}

void query_int(struct query *q, int64_t v)
{
	q->bound++;
	if (q->stmt)
		query_bound(q, sqlite3_bind_int64(q->stmt, q->bound, v));
}

void query_blob(struct query *q, struct sq_slice s)
{
	q->bound++;
	if (q->stmt)
		query_bound(
		    q, sqlite3_bind_blob64(q->stmt, q->bound, s.len > 0 ? s.data : "", s.len, SQLITE_STATIC));
}

int query_row(struct query *q)
{
	int rc;

	if (q->db->error)
		return q->db->error;
	rc = sqlite3_step(q->stmt);
	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : db_failed(q->db, rc);
}

void query_end(struct query *q)
{
	if (q->stmt) {
		sqlite3_reset(q->stmt);
		sqlite3_clear_bindings(q->stmt);
	}
}

int query_run(struct query *q)
{
	int r;

	do
		r = query_row(q);
	while (r > 0);
	query_end(q);
	return r < 0 ? r : sqlite3_changes(q->db->handle);
}

int64_t query_one(struct query *q, int64_t none)
{
	int64_t v = query_row(q) > 0 ? column_int(q, 0) : none;

	query_end(q);
	return v;
}

int64_t column_int(struct query *q, int column)
{
	return sqlite3_column_int64(q->stmt, column);
}

void column_text(struct query *q, int column, char *out, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(q->stmt, column);

	snprintf(out, size, "%s", text ? text : "");
}

char *column_copy(struct query *q, int column, struct arena *a, size_t *ret_len)
{
	size_t len = column_len(q, column);
	char *copy = arena_alloc(a, len + 1);

	if (copy == NULL || column_bytes(q, column, copy) < 0)
		return NULL;
	copy[len] = '\0';
	if (ret_len)
		*ret_len = len;
	return copy;
}

size_t column_len(struct query *q, int column)
{
	return (size_t)sqlite3_column_bytes(q->stmt, column);
}

int column_bytes(struct query *q, int column, char *out)
{
	const void *data = sqlite3_column_blob(q->stmt, column);

	if (data)
		memcpy(out, data, column_len(q, column));
	return data == NULL && sqlite3_errcode(q->db->handle) == SQLITE_NOMEM ? -ENOMEM : 0;
}
