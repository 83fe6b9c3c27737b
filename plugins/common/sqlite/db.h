/*
 * db.h - the SQLite file: opening it, its format, transactions and statements.
 *
 * One connection, used by one thread at a time: the loop thread while it is opened, then the
 * pool thread that runs the current batch (batch.h). Nothing here knows of the host.
 *
 * An error of SQLite spoils the transaction it happens in. It is kept in db.error and db.why
 * until the next db_begin, so code may go on and return what the last call said.
 */
#ifndef SQLITE_DB_H
#define SQLITE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sqlite3.h>

#include <squall/record.h>
#include <squall/util.h>

#include "plugins/common/arena.h"

/* What all files have: one row with what names the file, and its clock. */
#define DB_META                                                                                            \
	"CREATE TABLE meta (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, clock INTEGER NOT " \
	"NULL);"

#define DB_STATEMENTS 40

/* What a plugin keeps in its file. Constant. */
struct db_schema {
	const char *file; /* its name in state_dir */
	int application; /* PRAGMA application_id */
	int format; /* PRAGMA user_version */
	/* Step n makes format n + 1 of the one before; the first begins with DB_META. */
	const char *const *migrate;
	const char *const *text; /* of the statements, by their number */
	unsigned count; /* of them, at most DB_STATEMENTS */
};

enum db_mode {
	DB_READ, /* changes nothing */
	DB_WRITE, /* on the disk once db_commit returned 0 */
	DB_RELAXED /* survives kill -9 but perhaps not the loss of power: saves the fsync */
};

struct db {
	const struct db_schema *schema;
	sqlite3 *handle; /* NULL: closed */
	sqlite3_stmt *stmt[DB_STATEMENTS]; /* prepared at first use */
	sqlite3_stmt *clock_get, *clock_set;
	char id[SQ_ID_MAX + 1]; /* names this file for ever */
	char boot[40]; /* names this boot of the machine: leases and locks of another one are over */

	/* Of the transaction that is open. */
	int64_t clock; /* the file's clock, Unix ms */
	int64_t boot_now; /* CLOCK_BOOTTIME, ns */
	int error; /* first error of SQLite as a negative errno, 0 if none */
	char why[160]; /* and in words */
	bool locked; /* it was that another process kept the write lock */

	int64_t handed_out; /* latest clock of this process */
	bool relaxed; /* PRAGMA synchronous is NORMAL now */
};

/* Opens the file in dir, made when absent, brought to schema's format when older. Loop thread, at start. */
int db_open(struct db *db, const struct db_schema *schema, const char *dir, int64_t busy_timeout_ns,
            struct sq_err *err);
/* Looks whether db_open would take the file; changes nothing. 0 also when there is none yet. */
int db_probe(const struct db_schema *schema, const char *dir, struct sq_err *err);
void db_close(struct db *db); /* harmless when closed */

/* wall_ms: Unix time. The file's clock never goes behind what this process has seen of it nor
 * behind the last transaction that wrote, whatever the machine's clock does. */
int db_begin(struct db *db, enum db_mode mode, int64_t wall_ms);
/* A negative value: everything was rolled back; -SQ_EUNCERTAIN: a crash may yet bring it back. */
int db_commit(struct db *db);
void db_rollback(struct db *db);

/* One run of a statement: db_query, bind the parameters in order, then either db_run or any
 * number of db_row followed by db_end. */
struct query {
	struct db *db;
	sqlite3_stmt *stmt;
	int bound;
};
struct query db_query(struct db *db, unsigned which); /* by its number in the schema */
void query_text(struct query *q, const char *text); /* NULL is SQL's NULL */
void query_int(struct query *q, int64_t v);
void query_blob(struct query *q, struct sq_slice s);
int query_row(struct query *q); /* 1: there is a row, 0: no more, negative: error */
void query_end(struct query *q);
int query_run(struct query *q); /* steps to the end: number of rows changed, or negative */
int64_t query_one(struct query *q, int64_t none); /* the first column of the only row; none = no row */

/* Columns of the current row. The copies live in the arena; NULL without memory. */
int64_t column_int(struct query *q, int column);
void column_text(struct query *q, int column, char *out, size_t size); /* cut to size */
char *column_copy(struct query *q, int column, struct arena *a, size_t *ret_len);
size_t column_len(struct query *q, int column);
int column_bytes(struct query *q, int column, char *out); /* column_len bytes; 0 or -ENOMEM */

#endif
