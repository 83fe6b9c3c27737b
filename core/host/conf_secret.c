/* conf_secret.c - secrets: from "env:NAME" or "file:/path" to what they stand for. */
#include "conf_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_MAX 65536

static int from_variable(struct conf_mem *m, const char *name, const char **ret, struct sq_err *err)
{
	const char *value = getenv(name);

	if (!value || !*value)
		return sq_fail(err, -ENOENT, "variable %s is not set", name);
	*ret = conf_strdup(m, value);
	return *ret ? 0 : sq_fail(err, -ENOMEM, "out of memory");
}

/* Without the newline that editors and echo put at the end. */
static void cut_newline(char *s, size_t len)
{
	if (len && s[len - 1] == '\n')
		s[--len] = '\0';
	if (len && s[len - 1] == '\r')
		s[--len] = '\0';
}

static int from_file(struct conf_mem *m, const char *path, const char **ret, struct sq_err *err)
{
	char *text = conf_alloc(m, SECRET_MAX + 1);
	FILE *f = text ? fopen(path, "re") : NULL;
	size_t len;
	int e = 0;

	if (!text)
		return sq_fail(err, -ENOMEM, "out of memory");
	if (!f)
		return sq_fail(err, -errno, "cannot read %s: %s", path, strerror(errno));
	setvbuf(f, NULL, _IONBF, 0); /* no copy of the secret in a buffer of stdio */
	len = fread(text, 1, SECRET_MAX + 1, f);
	if (ferror(f))
		e = errno;
	fclose(f);
	if (e)
		return sq_fail(err, -e, "cannot read %s: %s", path, strerror(e));
	if (len > SECRET_MAX || memchr(text, '\0', len))
		return sq_fail(err, -EINVAL, "%s holds no text of at most %d bytes", path, SECRET_MAX);
	cut_newline(text, len);
	if (!*text)
		return sq_fail(err, -EINVAL, "%s is empty", path);
	*ret = text;
	return 0;
}

static void resolve_row(struct conf_priv *p, const struct conf_table *t, unsigned row,
                        struct conf_report *rep)
{
	const struct conf_source *src = &t->sources[row];
	struct conf_raw raw = {0};
	struct sq_err err;
	int r;

	if (!src->secret)
		return;
	if (strncmp(src->secret, "env:", 4) == 0)
		r = from_variable(&p->mem, src->secret + 4, &raw.text, &err);
	else
		r = from_file(&p->mem, src->secret + 5, &raw.text, &err);
	if (r < 0)
		conf_error(rep, src->at, "%s%s%s: %s", t->group, conf_dot(t), t->opts[row].key, err.text);
	else
		conf_value_put(&t->opts[row], 0, &raw, t->values);
}

int conf_resolve(struct conf *c, FILE *report)
{
	struct conf_report rep = {.out = report};
	struct conf_priv *p = c->priv;

	for (unsigned i = 0; i < p->table_count; i++) {
		for (unsigned row = 0; row < conf_rows(p->tables[i].opts); row++)
			resolve_row(p, &p->tables[i], row, &rep);
	}
	return conf_verdict(&rep, p->file);
}
