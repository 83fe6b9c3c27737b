/*
 * db_open.c - opens the SQLite file and brings it to this program's format.
 *
 * The number of the format is in user_version, and application_id says that the file is ours.
 * Several processes may open a new file at once: everything is decided again under the write lock.
 */
#include "db.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define RETRY_MS 20

struct opening {
	struct db *db;
	const char *path;
	struct sq_err *err;
};

static int open_failed(struct opening *o, const char *doing)
{
	int rc = sqlite3_extended_errcode(o->db->handle);

	switch (rc & 0xff) {
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return sq_fail(
		    o->err, -EBADMSG,
		    "%s is damaged or no SQLite file (%s): move it away, or name another state_dir", o->path,
		    sqlite3_errmsg(o->db->handle));
	case SQLITE_BUSY:
		return sq_fail(o->err, -EBUSY,
		               "%s is locked by another process: stop it, or raise busy_timeout", o->path);
	default:
		return sq_fail(o->err, -EIO, "%s %s failed: %s (SQLite code %d, errno %d)", doing, o->path,
		               sqlite3_errmsg(o->db->handle), rc, sqlite3_system_errno(o->db->handle));
	}
}

static int open_exec(struct opening *o, const char *sql)
{
	if (sqlite3_exec(o->db->handle, sql, NULL, NULL, NULL) != SQLITE_OK)
		return open_failed(o, "preparing");
	return 0;
}

/* The only value of a statement without parameters; empty when there is no row. */
static int open_value(struct opening *o, const char *sql, char *out, size_t size)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(o->db->handle, sql, -1, &stmt, NULL), r = 0;
	const char *text = NULL;

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		text = (const char *)sqlite3_column_text(stmt, 0);
	else if (rc != SQLITE_DONE)
		r = open_failed(o, "reading");
	snprintf(out, size, "%s", text ? text : "");
	sqlite3_finalize(stmt);
	return r;
}

static int open_number(struct opening *o, const char *sql, long *ret)
{
	char text[32];
	int r = open_value(o, sql, text, sizeof text);

	if (r == 0 && sscanf(text, "%ld", ret) != 1)
		r = sq_fail(o->err, -EBADMSG, "%s is damaged: move it away, or name another state_dir",
		            o->path);
	return r;
}

/* 0 for an empty file, the format of one of ours, or negative. */
static int read_format(struct opening *o)
{
	long application = 0, format = 0, tables = 0;
	int r = open_number(o, "PRAGMA application_id", &application);

	if (r == 0)
		r = open_number(o, "PRAGMA user_version", &format);
	if (r == 0)
		r = open_number(o, "SELECT count(*) FROM sqlite_master", &tables);
	if (r < 0)
		return r;
	if (application == 0 && format == 0 && tables == 0)
		return 0;
	if (application != o->db->schema->application || format < 1)
		return sq_fail(o->err, -EBADMSG,
		               "%s belongs to another program: move it away, or name another state_dir",
		               o->path);
	if (format > o->db->schema->format)
		return sq_fail(
		    o->err, -EPROTO,
		    "%s has format %ld, and this version of squall reads up to %d: use a newer squall, or"
		    " another state_dir",
		    o->path, format, o->db->schema->format);
	return (int)format;
}

/* In one transaction: another process may be making the file right now, and half of what it writes
 * would look like a stranger's. */
static int check_format(struct opening *o)
{
	int r = open_exec(o, "BEGIN"), end;

	if (r < 0)
		return r;
	r = read_format(o);
	if (r < 0)
		return r;
	end = open_exec(o, "COMMIT");
	return end < 0 ? end : r;
}

static int make_id(struct opening *o)
{
	unsigned char raw[16];
	char sql[128], id[2 * sizeof raw + 1];

	if (getrandom(raw, sizeof raw, 0) != (ssize_t)sizeof raw)
		return sq_fail(o->err, -EIO, "no random bytes for the id of %s", o->path);
	for (size_t i = 0; i < sizeof raw; i++)
		snprintf(id + 2 * i, 3, "%02x", raw[i]);
	snprintf(sql, sizeof sql, "INSERT INTO meta (one, id, clock) VALUES (1, 'local-%s', 0)", id);
	return open_exec(o, sql);
}

/* Inside a transaction that holds the write lock. */
static int migrate(struct opening *o)
{
	const struct db_schema *schema = o->db->schema;
	char sql[80];
	int format = read_format(o), r = 0;

	if (format < 0 || format == schema->format)
		return format < 0 ? format : 0;
	for (int f = format; r == 0 && f < schema->format; f++)
		r = open_exec(o, schema->migrate[f]);
	if (r == 0 && format == 0)
		r = make_id(o);
	snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d", schema->application,
	         schema->format);
	return r < 0 ? r : open_exec(o, sql);
}

/* SQLite does not wait when two processes turn the same new file to WAL. */
static int use_wal(struct opening *o, int64_t busy_timeout_ns)
{
	for (int64_t left = busy_timeout_ns / SQ_MS;; left -= RETRY_MS) {
		int rc = sqlite3_exec(o->db->handle, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);

		if (rc == SQLITE_OK)
			return 0;
		if ((rc & 0xff) != SQLITE_BUSY || left <= 0)
			return open_failed(o, "preparing");
		sqlite3_sleep(RETRY_MS);
	}
}

static int prepare(struct opening *o, int64_t busy_timeout_ns)
{
	int r = check_format(o);

	if (r >= 0)
		r = use_wal(o, busy_timeout_ns);
	/* FAST: what is deleted, secrets above all, is overwritten wherever that costs no further page. */
	if (r >= 0)
		r = open_exec(o, "PRAGMA synchronous = FULL; PRAGMA secure_delete = FAST; BEGIN IMMEDIATE");
	if (r >= 0)
		r = migrate(o);
	if (r >= 0)
		r = open_exec(o, "COMMIT");
	if (r >= 0)
		r = open_value(o, "SELECT id FROM meta", o->db->id, sizeof o->db->id);
	if (r >= 0 && o->db->id[0] == '\0')
		r = sq_fail(o->err, -EBADMSG, "%s is damaged: move it away, or name another state_dir",
		            o->path);
	return r < 0 ? r : 0;
}

static int read_boot_id(char *out, size_t size, struct sq_err *err)
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	bool good = f && fgets(out, (int)size, f) && out[0] != '\n';

	if (f)
		fclose(f);
	if (!good)
		return sq_fail(err, -EIO, "cannot read /proc/sys/kernel/random/boot_id: is /proc mounted?");
	out[strcspn(out, "\n")] = '\0';
	return 0;
}

/* SQLite would take a file that it cannot write, and makes new ones readable to all. */
static int make_file(const char *path, struct sq_err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return sq_fail(err, -errno, "cannot open %s for writing: %s: check the owner of state_dir",
		               path, strerror(errno));
	close(fd);
	return 0;
}

static int make_path(char path[PATH_MAX], const char *dir, const char *file, struct sq_err *err)
{
	if (snprintf(path, PATH_MAX, "%s/%s", dir, file) >= PATH_MAX)
		return sq_fail(err, -ENAMETOOLONG, "state_dir is longer than a path may be");
	return 0;
}

static int open_handle(struct opening *o, int flags, int64_t busy_timeout_ns)
{
	/* NOMUTEX: one thread at a time, see db.h. */
	int rc = sqlite3_open_v2(o->path, &o->db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);

	if (o->db->handle == NULL)
		return sq_fail(o->err, -ENOMEM, "no memory to open %s", o->path);
	sqlite3_extended_result_codes(o->db->handle, 1);
	sqlite3_busy_timeout(o->db->handle, (int)(busy_timeout_ns / SQ_MS));
	return rc == SQLITE_OK ? 0 : open_failed(o, "opening");
}

int db_open(struct db *db, const struct db_schema *schema, const char *dir, int64_t busy_timeout_ns,
            struct sq_err *err)
{
	char path[PATH_MAX];
	struct opening o = {db, path, err};
	int r = make_path(path, dir, schema->file, err);

	assert(db->handle == NULL && schema->count <= DB_STATEMENTS);
	db->schema = schema;
	if (r == 0)
		r = read_boot_id(db->boot, sizeof db->boot, err);
	if (r == 0)
		r = make_file(path, err);
	if (r == 0)
		r = open_handle(&o, SQLITE_OPEN_READWRITE, busy_timeout_ns);
	if (r == 0)
		r = prepare(&o, busy_timeout_ns);
	if (r < 0)
		db_close(db);
	return r;
}

int db_probe(const struct db_schema *schema, const char *dir, struct sq_err *err)
{
	char path[PATH_MAX];
	struct db db = {.schema = schema};
	struct opening o = {&db, path, err};
	int r = make_path(path, dir, schema->file, err);

	if (r < 0 || access(path, F_OK) < 0)
		return r;
	if (access(path, R_OK | W_OK) < 0)
		return sq_fail(err, -errno, "cannot write %s: %s: check the owner of state_dir", path,
		               strerror(errno));
	r = open_handle(&o, SQLITE_OPEN_READONLY, SQ_S);
	if (r == 0)
		r = check_format(&o);
	db_close(&db);
	return r < 0 ? r : 0;
}

void db_close(struct db *db)
{
	for (unsigned i = 0; i < DB_STATEMENTS; i++)
		sqlite3_finalize(db->stmt[i]);
	memset(db->stmt, 0, sizeof db->stmt);
	sqlite3_finalize(db->clock_get);
	sqlite3_finalize(db->clock_set);
	db->clock_get = db->clock_set = NULL;
	sqlite3_close(db->handle);
	db->handle = NULL;
}
