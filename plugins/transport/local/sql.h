/*
 * sql.h - the file queue.db: the names of all statements. Their text and the schema are in sql.c.
 */
#ifndef TRANSPORT_LOCAL_SQL_H
#define TRANSPORT_LOCAL_SQL_H

#include "plugins/common/sqlite/db.h"

enum sql {
	SQL_SEEN,
	SQL_SEE,
	SQL_ADD,
	SQL_FREE_ANY,
	SQL_FREE_LIST,
	SQL_LOCK,
	SQL_RENEW,
	SQL_ACK,
	SQL_BACK,
	SQL_BURY,
	SQL_OLD_SEEN,
	SQL_OLD_DEAD,
	SQL_COUNT
};

extern const struct db_schema sql_schema;

#endif
