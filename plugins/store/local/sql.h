/*
 * sql.h - the file store.db: the names of all statements. Their text and the schema are in sql.c.
 */
#ifndef STORE_LOCAL_SQL_H
#define STORE_LOCAL_SQL_H

#include "plugins/common/sqlite/db.h"

enum sql {
	SQL_RECORD_GET,
	SQL_RECORD_ADD,
	SQL_RECORD_SET,
	SQL_RECORD_END,
	SQL_RECORD_BURY,
	SQL_LEASE_SET,
	SQL_LEASE_END,
	SQL_LIST_ALL,
	SQL_LIST_LIVE,
	SQL_LOG_LAST,
	SQL_LOG_ADD,
	SQL_LOG_HAS,
	SQL_LOG_CUT,
	SQL_LOG_RANGE,
	SQL_LOG_WIPE,
	SQL_PART_PUT,
	SQL_PART_DROP,
	SQL_PART_LIST,
	SQL_PART_WIPE,
	SQL_PART_SECRETS,
	SQL_COUNTER_GET,
	SQL_COUNTER_MAKE,
	SQL_COUNTER_SET,
	SQL_COUNTER_WIPE,
	SQL_OLD_ENDED,
	SQL_OLD_BURIED,
	SQL_COUNT
};

extern const struct db_schema sql_schema;

#endif
