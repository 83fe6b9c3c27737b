/*
 * plan_data.c - the rows of a plan: a list of objects that all have the same members, each a text, a number
 * or a boolean. The command squall makes it from CSV or JSON lines.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/template.h"
#include "core/base/text.h"
#include "doc.h"
#include "plan_field.h"

#define DATA_ROWS_MAX 100000
#define DATA_COLUMNS_MAX 64

void plan_data_free(struct template_data *d)
{
	if (!d)
		return;
	for (uint32_t i = 0; d->names && i < d->columns; i++)
		free(d->names[i]);
	for (size_t i = 0; d->cells && i < (size_t)d->rows * d->columns; i++)
		free((char *)d->cells[i].data);
	free(d->names);
	free(d->cells);
	free(d);
}

static bool is_cell(struct json_object *v)
{
	return json_object_is_type(v, json_type_string) || json_object_is_type(v, json_type_int) ||
	       json_object_is_type(v, json_type_double) || json_object_is_type(v, json_type_boolean);
}

static int copy_cell(struct json_object *v, struct sq_slice *ret)
{
	bool is_text = json_object_is_type(v, json_type_string);
	const char *text = is_text ? json_object_get_string(v)
	                           : json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN);
	size_t len;
	char *copy;

	if (!text)
		return -ENOMEM;
	len = is_text ? (size_t)json_object_get_string_len(v) : strlen(text);
	copy = malloc(len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, len);
	copy[len] = '\0';
	*ret = (struct sq_slice){copy, len};
	return 0;
}

/* A name that can stand in {{row.NAME}}. */
static bool is_name(const char *s)
{
	return *s && strlen(s) <= 64 && !strpbrk(s, "{} \t\r\n");
}

/* The columns are those of the first row. */
static int read_names(struct json_object *row, const struct plan_field *f, struct template_data *d,
                      struct plan_problems *problems)
{
	struct json_object_iter it;
	char shown[64];

	d->names = calloc(DATA_COLUMNS_MAX, sizeof *d->names);
	if (!d->names)
		return -ENOMEM;
	json_object_object_foreachC(row, it)
	{
		if (!is_name(it.key))
			plan_problem(problems, f->name, "\"%s\" cannot be the name of a column",
			             text_safe(shown, sizeof shown, it.key, strlen(it.key)));
		d->names[d->columns] = strdup(it.key);
		if (!d->names[d->columns])
			return -ENOMEM;
		d->columns++;
	}
	return 0;
}

/* 1: the row is wrong, and that was said. */
static int read_row(struct json_object *row, const struct plan_field *f, size_t i, struct template_data *d,
                    struct plan_problems *problems)
{
	bool good = json_object_is_type(row, json_type_object) &&
	            (uint32_t)json_object_object_length(row) == d->columns;
	int r = 0;

	for (uint32_t c = 0; good && r == 0 && c < d->columns; c++) {
		struct json_object *v = json_object_object_get(row, d->names[c]);

		good = is_cell(v);
		if (good)
			r = copy_cell(v, &d->cells[i * d->columns + c]);
	}
	if (good)
		return r;
	plan_problem(problems, f->name,
	             "row %zu must have the members of the first one, each a text, a number or a boolean",
	             i + 1);
	return 1;
}

static int read_rows(struct json_object *v, const struct plan_field *f, struct template_data *d,
                     struct plan_problems *problems)
{
	struct json_object *first = json_object_array_get_idx(v, 0);
	size_t rows = json_object_array_length(v);
	int r;

	if (!json_object_is_type(first, json_type_object) || json_object_object_length(first) < 1 ||
	    json_object_object_length(first) > DATA_COLUMNS_MAX) {
		plan_problem(problems, f->name, "must be %s, with 1 to %d members each", f->help,
		             DATA_COLUMNS_MAX);
		return 0;
	}
	r = read_names(first, f, d, problems);
	if (r < 0)
		return r;
	d->cells = calloc(rows * d->columns, sizeof *d->cells);
	if (!d->cells)
		return -ENOMEM;
	d->rows = (uint32_t)rows;
	for (size_t i = 0; r == 0 && i < rows; i++)
		r = read_row(json_object_array_get_idx(v, i), f, i, d, problems);
	return r < 0 ? r : 0;
}

int plan_read_data(struct json_object *v, const struct plan_field *f, struct plan *p,
                   struct plan_problems *problems)
{
	if (!json_object_is_type(v, json_type_array) || json_object_array_length(v) > DATA_ROWS_MAX) {
		plan_problem(problems, f->name, "must be %s, at most %d of them", f->help, DATA_ROWS_MAX);
		return 0;
	}
	if (json_object_array_length(v) == 0)
		return 0;
	p->data = calloc(1, sizeof *p->data);
	return p->data ? read_rows(v, f, p->data, problems) : -ENOMEM;
}

struct json_object *plan_write_data(const struct plan *p)
{
	struct json_object *array = json_object_new_array();
	const struct template_data *d = p->data;
	bool good = true;

	for (uint32_t i = 0; good && d && i < d->rows; i++) {
		struct json_object *row = json_object_new_object();

		for (uint32_t c = 0; good && c < d->columns; c++) {
			const struct sq_slice *cell = &d->cells[(size_t)i * d->columns + c];

			good = doc_put(row, d->names[c],
			               json_object_new_string_len(cell->data, (int)cell->len));
		}
		good = doc_append(array, doc_close(row, good));
	}
	return doc_close(array, good);
}
