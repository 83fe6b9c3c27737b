/*
 * sql.c - the schema and every statement.
 *
 * messages.num rises with each new message: the oldest is the one with the smallest. A message is
 * locked until a point of CLOCK_BOOTTIME (until, ns) during one boot of the machine; in another boot,
 * or behind that point, it is free. lock rises with each delivery and each return, so that it names
 * one delivery. attempt counts deliveries, those that were released left out.
 *
 * seen holds what was published lately, for as long as a second one is dropped; dead the dead letters.
 */
#include "sql.h"

#define MESSAGE \
	"id TEXT NOT NULL, edition INTEGER NOT NULL, submitted INTEGER NOT NULL, attempt INTEGER NOT NULL"

static const char *const migrate[] = {
    /* 0 -> 1 */
    DB_META "CREATE TABLE messages (num INTEGER PRIMARY KEY AUTOINCREMENT, " MESSAGE
            ", lock INTEGER NOT NULL, boot TEXT NOT NULL, until INTEGER NOT NULL, body BLOB NOT NULL);"
            "CREATE TABLE seen (id TEXT NOT NULL, edition INTEGER NOT NULL, at INTEGER NOT NULL,"
            " PRIMARY KEY (id, edition)) WITHOUT ROWID;"
            "CREATE INDEX seen_at ON seen (at);"
            "CREATE TABLE dead (num INTEGER PRIMARY KEY, " MESSAGE
            ", reason TEXT NOT NULL, description TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL);"
            "CREATE INDEX dead_at ON dead (at);",
};

#define FREE "FROM messages WHERE boot <> ?1 OR until <= ?2"

static const char *const text[SQL_COUNT] = {
    [SQL_SEEN] = "SELECT 1 FROM seen WHERE id = ?1 AND edition = ?2 AND at > ?3",
    [SQL_SEE] = "INSERT OR REPLACE INTO seen (id, edition, at) VALUES (?1, ?2, ?3)",
    [SQL_ADD] = "INSERT INTO messages (id, edition, submitted, body, attempt, lock, boot, until)"
                " VALUES (?1, ?2, ?3, ?4, 0, 0, '', 0)",

    [SQL_FREE_ANY] = "SELECT 1 " FREE " LIMIT 1",
    [SQL_FREE_LIST] = "SELECT num, lock, id, edition, submitted, attempt, body " FREE
                      " ORDER BY num LIMIT ?3",
    [SQL_LOCK] =
        "UPDATE messages SET attempt = attempt + 1, lock = lock + 1, boot = ?2, until = ?3 WHERE num = ?1",

    /* What is done to a delivery: by its message and the number of its lock. */
    [SQL_RENEW] = "UPDATE messages SET boot = ?3, until = ?4 WHERE num = ?1 AND lock = ?2",
    [SQL_ACK] = "DELETE FROM messages WHERE num = ?1 AND lock = ?2",
    [SQL_BACK] = "UPDATE messages SET lock = lock + 1, boot = ?3, until = ?4, attempt = attempt - ?5"
                 " WHERE num = ?1 AND lock = ?2",
    [SQL_BURY] =
        "INSERT INTO dead SELECT num, id, edition, submitted, attempt, ?3, ?4, ?5, body FROM messages"
        " WHERE num = ?1 AND lock = ?2",

    [SQL_OLD_SEEN] = "DELETE FROM seen WHERE at <= ?1",
    [SQL_OLD_DEAD] = "DELETE FROM dead WHERE at <= ?1",
};

const struct db_schema sql_schema = {.file = "queue.db",
                                     .application = 0x53515155, /* "SQQU" */
                                     .format = SQ_LEN(migrate),
                                     .migrate = migrate,
                                     .text = text,
                                     .count = SQL_COUNT};
