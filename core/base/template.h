/*
 * template.h - text of a request with values that differ from request to request. Pure.
 *
 *     {{seq}}             the number of the request: unique in the test, rising from 0
 *     {{uuid}}            a random UUID (RFC 9562, version 4), another one in every test
 *     {{random 1 100}}    a whole number, both ends included
 *     {{row.name}}        a column of the plan's data; request k takes row k modulo the number of rows
 *     {{{{                two braces
 *
 * Compiled once; rendering allocates nothing. All values are hashes of (seed, tick, place in the request),
 * so that they do not depend on which worker sends a request.
 */
#ifndef BASE_TEMPLATE_H
#define BASE_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <squall/util.h>

/* Rows of values that {{row.NAME}} names: "data" of a plan. */
struct template_data {
	uint32_t rows, columns;
	char **names; /* by column */
	struct sq_slice *cells; /* row by row */
};

enum piece_kind { PIECE_TEXT, PIECE_SEQ, PIECE_UUID, PIECE_RANDOM, PIECE_ROW };

struct piece {
	enum piece_kind kind;
	struct sq_slice text; /* PIECE_TEXT: borrowed from the source */
	int64_t low, high; /* PIECE_RANDOM */
	uint32_t column; /* PIECE_ROW */
	uint32_t place; /* of values that are drawn */
};

struct template
{
	struct piece *pieces; /* owned */
	uint32_t count;
	bool varies; /* not the same for every request */
};

struct template_values {
	uint64_t tick;
	uint64_t seed; /* the plan's */
	uint64_t test; /* a hash of seed and test id, for UUIDs */
	const struct template_data *data; /* may be NULL when no template names a row */
};

/*
 * text must outlive the template. place counts the values of one request, 0 at its first template. data: what
 * {{row.x}} may name, NULL = nothing. 0, -ENOMEM, or -EINVAL with the reason; *t is written only on success.
 */
int template_compile(struct template *t, struct sq_slice text, const struct template_data *data,
                     uint32_t *place, struct sq_err *err);
void template_free(struct template *t); /* harmless on a zeroed one */

size_t template_length(const struct template *t, const struct template_values *v);
char *template_render(const struct template *t, const struct template_values *v, char *out); /* behind it */

#endif
