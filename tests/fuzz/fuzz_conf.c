/*
 * fuzz_conf.c - any bytes as a .conf without includes: scan, libconfig, one table.
 *
 * What is accepted prints as a .conf that means the same.
 */
#include <stdlib.h>
#include <string.h>

#include "core/host/conf_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const colours[] = {"red", "green", "blue", NULL};

struct values {
	bool flag;
	int64_t count, pause, room;
	const char *name, *key;
	int colour;
	const char *const *hosts;
};

static const struct sq_opt opts[] = {SQ_BOOL(struct values, flag, "true", "h"),
                                     SQ_INT(struct values, count, "1", INT64_MIN, INT64_MAX, "h"),
                                     SQ_DURATION(struct values, pause, "1s", 0, INT64_MAX, "h"),
                                     SQ_SIZE(struct values, room, "1k", 0, INT64_MAX, "h"),
                                     SQ_STRING(struct values, name, "", "h"),
                                     SQ_SECRET(struct values, key, "h"),
                                     SQ_ENUM(struct values, colour, "red", colours, "h"),
                                     SQ_LIST(struct values, hosts, "a,b", "h"),
                                     SQ_OPTS_END};

static void require(bool good)
{
	if (!good)
		abort();
}

/* The options in force as a .conf. Secrets never print, so they are left out. */
static void print(const struct values *v, struct buf *out)
{
	for (const struct sq_opt *o = opts; o->type != SQ_T_END; o++) {
		if (o->type == SQ_T_SECRET)
			continue;
		buf_printf(out, "%s = ", o->key);
		conf_value_print(o, v, out);
		buf_str(out, ";\n");
	}
}

static void fill(struct conf_reader *r, struct values *v)
{
	static const char *const no_words[] = {NULL};
	config_setting_t *root = config_root_setting(&r->cfg);
	struct conf_table table[1] = {0}, *t;

	r->priv->tables = table;
	t = conf_table_add(r, "", opts, v, (struct conf_place){"fuzz.conf", 0});
	require(t != NULL);
	conf_fill(r, t, root);
	conf_fill_unknown(r, root, t, 1, no_words);
	r->priv->tables = NULL;
}

/* The errors that were reported; what was accepted is printed into out. */
static unsigned read_one(const char *data, size_t size, FILE *report, struct buf *out)
{
	struct conf_priv priv = {.file = "fuzz.conf"};
	struct conf_reader r = {.priv = &priv, .rep = {.out = report}};
	struct conf_address address;
	struct values v = {0};

	r.text.mem = &priv.mem;
	config_init(&r.cfg);
	if (conf_text_take(&r.text, priv.file, data, size, &r.rep) == 0 &&
	    conf_parse(&r.text, &r.cfg, &r.rep) == 0) {
		fill(&r, &v);
		conf_address_parse(v.name, &address, NULL);
		print(&v, out);
	}
	config_destroy(&r.cfg);
	conf_text_free(&r.text);
	conf_mem_free(&priv.mem);
	return r.rep.errors;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *nowhere;
	struct buf first = {0}, again = {0};

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	require(nowhere != NULL);
	if (read_one((const char *)data, size, nowhere, &first) == 0) {
		require(read_one(first.data, first.len, stderr, &again) == 0);
		require(strcmp(first.data, again.data) == 0);
	}
	buf_free(&first);
	buf_free(&again);
	return 0;
}
