/*
 * conf_priv.h - what the files of the configuration share.
 *
 * A .conf goes through them in this order: conf_scan.c makes one text of it and its includes,
 * conf_parse.c lets libconfig parse that, conf_fill.c holds each group against its tables
 * (conf_value.c for one value, conf_env.c for the variable that overrides it), conf_rules.c looks
 * across the groups. conf.c leads them, conf_secret.c resolves secrets before the start.
 * conf_print.c, conf_doc.c, conf_sample.c and conf_man.c read the tables back.
 */
#ifndef HOST_CONF_PRIV_H
#define HOST_CONF_PRIV_H

#include <libconfig.h>

#include "conf.h"

#include "core/base/buf.h"

/* What libconfig is given at most: it was not written for hostile text. */
#define CONF_BYTES_MAX (256 * 1024)
#define CONF_DEPTH_MAX 16

/* Where something stands: a file and line, or "variable NAME" and 0; file NULL = a default. */
struct conf_place {
	const char *file;
	unsigned line;
};

struct conf_report {
	FILE *out;
	unsigned errors;
};
void conf_error(struct conf_report *rep, struct conf_place at, const char *fmt, ...) SQ_PRINTF(3, 4);
void conf_warn(struct conf_report *rep, struct conf_place at, const char *fmt, ...) SQ_PRINTF(3, 4);
/* The last line: 0, or "FILE: 2 errors, nothing started" and -EINVAL. */
int conf_verdict(const struct conf_report *rep, const char *file);

/* Memory that lives as long as its struct conf, and is wiped and freed with it. */
struct conf_mem {
	struct conf_block *blocks;
	bool failed; /* an allocation did: the configuration is not whole */
};
void *conf_alloc(struct conf_mem *m, size_t size); /* zeroed; NULL without memory */
char *conf_strdup(struct conf_mem *m, const char *s);
char *conf_printf(struct conf_mem *m, const char *fmt, ...) SQ_PRINTF(2, 3);
void conf_mem_free(struct conf_mem *m);

/* A .conf and its includes as one text, and where its lines came from. */
struct conf_text {
	struct buf text;
	struct conf_mem *mem; /* for file names */
	struct conf_segment *segments; /* by first line */
	unsigned segment_count, segment_cap;
};
/* What stands in place of a number that was refused already: nothing more is said about it. */
#define CONF_REFUSED "\001"
/* Problems go to rep. 0, or -EINVAL when the text cannot be handed to a parser; refused numbers
 * alone do not prevent that. path and name have to live as long as mem. */
int conf_text_read(struct conf_text *t, const char *path, struct conf_report *rep);
/* The same for a text in memory, which cannot include anything. */
int conf_text_take(struct conf_text *t, const char *name, const char *data, size_t len,
                   struct conf_report *rep);
struct conf_place conf_text_place(const struct conf_text *t, unsigned line);
void conf_text_free(struct conf_text *t);

/* Parses a text that was read or taken without error. cfg: initialised, destroyed by the caller. */
int conf_parse(const struct conf_text *t, config_t *cfg, struct conf_report *rep);

/* One value. */
struct conf_raw {
	const char *text; /* of a list: its items with commas between */
	const char *const *items; /* lists: closed by NULL */
};
#define CONF_VALUE_MAX 32
/* Checks text against the row. *number: what a bool, int, duration, size or enum comes to. -EINVAL or
 * -ERANGE with "is not ...", the end of a sentence that names the option, in err. */
int conf_value_parse(const struct sq_opt *o, const char *text, int64_t *number, struct sq_err *err);
/* Puts a parsed value where the row says; raw has to live as long as values. */
void conf_value_put(const struct sq_opt *o, int64_t number, const struct conf_raw *raw, void *values);
int conf_value_split(struct conf_mem *m, const char *text, struct conf_raw *raw); /* "a,b" to items */
char *conf_value_format(char out[CONF_VALUE_MAX], uint32_t type, int64_t number); /* "30s", "64k" */
void conf_value_print(const struct sq_opt *o, const void *values, struct buf *out); /* in .conf spelling */
int conf_value_default(struct conf_mem *m, const struct sq_opt *o, void *values); /* stores the row's */
const char *conf_type_word(uint32_t type); /* "duration" */
bool conf_type_number(uint32_t type); /* with a range */
size_t conf_type_size(uint32_t type); /* of the C field */
void conf_type_takes(const struct sq_opt *o, char *out, size_t size); /* "a duration such as \"30s\"" */

/* A table, the structure that it fills, and where each value came from. */
struct conf_source {
	struct conf_place at; /* of the value in force */
	struct conf_place file_at; /* of the file's, if it has one */
	const char *file_text;
	const char *secret; /* "env:NAME" or "file:/path": for conf_resolve */
	bool link; /* the variable held a Kubernetes service link and was ignored */
};
struct conf_table {
	const char *group; /* "" = top of the file */
	const struct sq_opt *opts;
	void *values;
	struct conf_source *sources; /* one for each row */
	struct conf_place at;
};
unsigned conf_rows(const struct sq_opt *opts); /* NULL: 0 */
const char *conf_dot(const struct conf_table *t); /* "." behind a group's name, "" at the top */

struct conf_priv {
	struct conf_mem mem;
	const char *file;
	struct conf_table *tables; /* core, then for each plugin its own and its listener's */
	unsigned table_count;
};

/* Everything that is needed while a file is read. */
struct conf_reader {
	struct conf *conf;
	struct conf_priv *priv;
	struct conf_report rep;
	struct conf_text text;
	config_t cfg;
	unsigned named; /* bit per enum sq_kind: the file has that group */
};

/* conf_fill.c */
struct conf_table *conf_table_add(struct conf_reader *r, const char *group, const struct sq_opt *opts,
                                  void *values, struct conf_place at);
void conf_fill(struct conf_reader *r, struct conf_table *t, config_setting_t *group);
/* Complains about members of group that are neither in the tables nor among the words. */
void conf_fill_unknown(struct conf_reader *r, config_setting_t *group, const struct conf_table *tables,
                       unsigned count, const char *const *words);
/* "; did you mean X?", or "" */
const char *conf_hint(char *out, size_t size, const char *word, const char *const *words);

/* conf_env.c */
bool conf_env_is_set(const char *name); /* a service link counts as not */
void conf_env_apply(struct conf_reader *r, struct conf_table *t, unsigned row);
void conf_env_finish(struct conf_reader *r); /* across tables: conflicts, and what nobody reads */

/* conf_rules.c */
void conf_rules(struct conf_reader *r);

/* Documentation: one walk over the tables (conf_doc.c), and for each format how things look. */
struct conf_doc_plugin {
	enum sq_kind kind;
	const struct sq_plugin *desc;
};
struct conf_doc_row {
	const struct sq_opt *opt;
	const char *value; /* default in .conf spelling; of a required option one that would pass */
	const char *type; /* "duration, 100ms .. 1h" */
};
struct conf_doc_format {
	void (*begin)(FILE *out);
	void (*section)(FILE *out, const char *title, const char *intro);
	void (*option)(FILE *out, const struct conf_doc_row *row, bool first);
	void (*route)(FILE *out, const struct sq_route *route, bool first);
	void (*variable)(FILE *out, const char *name, const char *group, const char *key, bool first);
	void (*end)(FILE *out);
};
extern const struct conf_doc_format conf_doc_man;
int conf_doc_row(struct conf_mem *m, const struct sq_opt *o, struct conf_doc_row *ret);
/* Words of text in lines of at most 80 columns, each behind indent. */
void conf_doc_wrap(FILE *out, const char *indent, const char *text);
void conf_doc_sample(struct conf_mem *m, const struct conf_doc_plugin *plugins, unsigned count, FILE *out);

#endif
