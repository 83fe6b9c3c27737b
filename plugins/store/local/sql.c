/*
 * sql.c - the schema and every statement.
 *
 * records.num rises with each new record: newest first is num descending, and a page of a list
 * goes on below the last num it showed. boot and until are the lease: until is CLOCK_BOOTTIME in
 * ns and means something during that boot only. life is enum sq_life.
 */
#include "sql.h"

static const char *const migrate[] = {
    /* 0 -> 1 */
    DB_META "CREATE TABLE counters (name TEXT PRIMARY KEY, record TEXT, value INTEGER NOT NULL,"
            " reserved INTEGER NOT NULL) WITHOUT ROWID;"
            "CREATE INDEX counters_record ON counters (record) WHERE record IS NOT NULL;"
            "CREATE TABLE records (num INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
            " version INTEGER NOT NULL, fence INTEGER NOT NULL, life INTEGER NOT NULL, state TEXT NOT NULL,"
            " created INTEGER NOT NULL, updated INTEGER NOT NULL, boot TEXT NOT NULL, until INTEGER NOT NULL,"
            " owner TEXT NOT NULL, address TEXT NOT NULL, body BLOB NOT NULL);"
            "CREATE INDEX records_live ON records (life) WHERE life = 0;"
            "CREATE INDEX records_ended ON records (life, updated) WHERE life > 0;"
            "CREATE TABLE logs (record INTEGER NOT NULL, log TEXT NOT NULL, seq INTEGER NOT NULL,"
            " entry BLOB NOT NULL, PRIMARY KEY (record, log, seq));"
            "CREATE TABLE parts (record INTEGER NOT NULL, name TEXT NOT NULL, seq INTEGER NOT NULL,"
            " data BLOB NOT NULL, PRIMARY KEY (record, name));",
};

/* body stays last: SQLite then reads its pages only when the column is asked for. */
#define RECORD_COLUMNS \
	"num, version, fence, life, state, created, updated, boot, until, owner, address, id, body"
#define LIST_FILTER                                                   \
	"num < ?1 AND (?2 IS NULL OR state = ?2) AND (NOT ?3 OR boot" \
	" <> ?4 OR until <= ?5) ORDER BY num DESC LIMIT ?6"

static const char *const text[SQL_COUNT] = {
    [SQL_RECORD_GET] = "SELECT " RECORD_COLUMNS " FROM records WHERE id = ?1",
    [SQL_RECORD_ADD] = "INSERT INTO records (id, state, life, created, updated, body, version, fence, boot,"
                       " until, owner, address) VALUES (?1, ?2, ?3, ?4, ?4, ?5, 1, 0, '', 0, '', '')",
    [SQL_RECORD_SET] =
        "UPDATE records SET version = version + 1, state = ?2, updated = ?3, body = ?4 WHERE num = ?1",
    [SQL_RECORD_END] = "UPDATE records SET life = 1, boot = '', until = 0 WHERE num = ?1",
    [SQL_RECORD_BURY] = "UPDATE records SET life = 2, state = '', updated = ?2, owner = '', address = '',"
                        " body = x'' WHERE num = ?1",
    [SQL_LEASE_SET] =
        "UPDATE records SET fence = ?2, boot = ?3, until = ?4, owner = ?5, address = ?6 WHERE num = ?1",
    [SQL_LEASE_END] = "UPDATE records SET boot = '', until = 0 WHERE id = ?1 AND fence = ?2",
    [SQL_LIST_ALL] = "SELECT " RECORD_COLUMNS " FROM records WHERE life < 2 AND " LIST_FILTER,
    [SQL_LIST_LIVE] = "SELECT " RECORD_COLUMNS " FROM records WHERE life = 0 AND " LIST_FILTER,

    [SQL_LOG_LAST] = "SELECT max(seq) FROM logs WHERE record = ?1 AND log = ?2",
    [SQL_LOG_ADD] = "INSERT INTO logs (record, log, seq, entry) VALUES (?1, ?2, ?3, ?4)",
    [SQL_LOG_HAS] = "SELECT 1 FROM logs WHERE record = ?1 AND log = ?2 AND seq = ?3",
    [SQL_LOG_CUT] = "DELETE FROM logs WHERE record = ?1 AND log = ?2 AND seq BETWEEN ?3 AND ?4",
    [SQL_LOG_RANGE] =
        "SELECT seq, entry FROM logs WHERE record = ?1 AND log = ?2 AND seq >= ?3 ORDER BY seq LIMIT ?4",
    [SQL_LOG_WIPE] = "DELETE FROM logs WHERE record = ?1",

    [SQL_PART_PUT] = "INSERT INTO parts (record, name, seq, data) VALUES (?1, ?2, ?3, ?4)"
                     " ON CONFLICT (record, name) DO UPDATE SET seq = excluded.seq, data = excluded.data"
                     " WHERE excluded.seq = 0 OR excluded.seq > parts.seq",
    [SQL_PART_DROP] = "DELETE FROM parts WHERE record = ?1 AND name = ?2",
    [SQL_PART_LIST] =
        "SELECT name, seq, data FROM parts WHERE record = ?1 AND substr(name, 1, length(?2)) = ?2"
        " ORDER BY name",
    [SQL_PART_WIPE] = "DELETE FROM parts WHERE record = ?1",
    [SQL_PART_SECRETS] = "DELETE FROM parts WHERE record = ?1 AND substr(name, 1, 7) = 'secret.'",

    [SQL_COUNTER_GET] = "SELECT value, reserved FROM counters WHERE name = ?1",
    [SQL_COUNTER_MAKE] =
        "INSERT INTO counters (name, record, value, reserved) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value, reserved = excluded.reserved",
    [SQL_COUNTER_SET] = "UPDATE counters SET value = ?2, reserved = ?3 WHERE name = ?1",
    [SQL_COUNTER_WIPE] = "DELETE FROM counters WHERE record = ?1",

    [SQL_OLD_ENDED] = "SELECT num, id FROM records WHERE life = 1 AND life > 0 AND updated < ?1 LIMIT ?2",
    [SQL_OLD_BURIED] = "DELETE FROM records WHERE num IN (SELECT num FROM records WHERE life = 2 AND life > 0"
                       " AND updated < ?1 LIMIT ?2)",
};

const struct db_schema sql_schema = {.file = "store.db",
                                     .application = 0x53515354, /* "SQST" */
                                     .format = SQ_LEN(migrate),
                                     .migrate = migrate,
                                     .text = text,
                                     .count = SQL_COUNT};
