/*
 * plan_data.h - rows of values that templates name as {{row.NAME}}: "data" of a plan. Pure.
 *
 * In a plan it is a list of objects that all have the same members, each a text, a number or a boolean.
 * The command squall makes it from CSV or JSON lines.
 */
#ifndef COMMON_PLAN_DATA_H
#define COMMON_PLAN_DATA_H

#include <stdint.h>

#include <squall/util.h>

#define DATA_ROWS_MAX 100000
#define DATA_COLUMNS_MAX 64

struct plan_data {
	uint32_t rows, columns;
	char **names; /* by column */
	struct sq_slice *cells; /* row by row; each owned */
};

#endif
