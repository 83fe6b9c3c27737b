/* conf_print.c - what is in force, and where it came from. */
#include "conf_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_row(const struct conf_table *t, unsigned row, FILE *out)
{
	const struct conf_source *src = &t->sources[row];
	struct buf value = {0};

	/* Before conf_resolve a secret has no value yet, only a place to come from. */
	if (t->opts[row].type == SQ_T_SECRET && src->secret)
		buf_str(&value, "********");
	else
		conf_value_print(&t->opts[row], t->values, &value);
	fprintf(out, "%s%s%s = %s  # %s", t->group, conf_dot(t), t->opts[row].key,
	        value.data ? value.data : "", src->at.file ? src->at.file : "default");
	if (src->at.line)
		fprintf(out, ":%u", src->at.line);
	fputc('\n', out);
	buf_free(&value);
}

void conf_print_effective(const struct conf *c, FILE *out)
{
	const struct conf_priv *p = c->priv;
	const char *group = "";

	for (unsigned i = 0; i < p->table_count; i++) {
		const struct conf_table *t = &p->tables[i];

		for (unsigned k = 0; strcmp(group, t->group) != 0 && k < c->count; k++) {
			if (strcmp(c->plugins[k].group, t->group) == 0)
				fprintf(out, "%s.plugin = \"%s\"  # %s:%u\n", t->group, c->plugins[k].name,
				        t->at.file, t->at.line);
		}
		group = t->group;
		for (unsigned row = 0; row < conf_rows(t->opts); row++)
			print_row(t, row, out);
	}
}
