/* conf_secret.c - secrets: read before the start, whoever reads them again later. */
#include "conf_priv.h"

#include <errno.h>

#include "core/base/secret.h"

static int resolve(struct conf_priv *p, const struct conf_table *t, unsigned row, struct sq_err *err)
{
	struct conf_raw raw = {0};
	char *text;
	int r = secret_read(t->sources[row].secret, &text, err);

	if (r < 0)
		return r;
	if (!(t->opts[row].flags & SQ_F_REREAD)) {
		raw.text = conf_strdup(&p->mem, text);
		if (raw.text)
			conf_value_put(&t->opts[row], 0, &raw, t->values);
		else
			r = sq_fail(err, -ENOMEM, "out of memory");
	}
	secret_free(text);
	return r;
}

int conf_resolve(struct conf *c, FILE *report)
{
	struct conf_report rep = {.out = report};
	struct conf_priv *p = c->priv;
	struct sq_err err;

	for (unsigned i = 0; i < p->table_count; i++) {
		const struct conf_table *t = &p->tables[i];

		for (unsigned row = 0; row < conf_rows(t->opts); row++)
			if (t->sources[row].secret && resolve(p, t, row, &err) < 0)
				conf_error(&rep, t->sources[row].at, "%s%s%s: %s", t->group, conf_dot(t),
				           t->opts[row].key, err.text);
	}
	return conf_verdict(&rep, p->file);
}
