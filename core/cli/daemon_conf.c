/* daemon_conf.c - the configuration of a private daemon and of its workers. */
#include <json-c/json.h>

#include "daemon.h"

/* A string of libconfig. */
static void add_quoted(struct buf *out, const char *before, const char *a, const char *b)
{
	const char *parts[] = {a, b};

	buf_printf(out, "%s\"", before);
	for (size_t i = 0; i < SQ_LEN(parts); i++)
		for (const char *c = parts[i]; *c; c++)
			buf_printf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
	buf_str(out, "\"");
}

static void add_string(struct buf *out, const char *before, const char *a, const char *b)
{
	add_quoted(out, before, a, b);
	buf_str(out, ";\n");
}

static void add_list(struct buf *out, struct json_object *list)
{
	size_t count = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < count; i++)
		add_quoted(out, i ? ", " : "    allowed_targets = [",
		           json_object_get_string(json_object_array_get_idx(list, i)), "");
	buf_str(out, count ? "];\n" : "");
}

/* Limits protect those who share a gateway. This one is the user's alone. */
static void add_role(struct buf *out, const char *name, const char *target_url, struct json_object *allowed)
{
	buf_printf(out, "  { plugin = \"%s\";\n    listen = \"127.0.0.1:0\";\n", name);
	buf_str(out, "    max_rate = 0;\n    max_workers = 0;\n    max_duration = \"0s\";\n");
	add_string(out, "    target_url = ", target_url, "");
	add_list(out, allowed);
	buf_str(out, "  }");
}

void daemon_conf(const char *folder, const char *plugins, const char *target_url, struct json_object *allowed,
                 struct buf *out)
{
	add_string(out, "state_dir = ", folder, "/state");
	if (plugins)
		add_string(out, "plugin_dir = ", plugins, "");
	buf_str(out, "log_format = \"json\";\ngrace = \"10s\";\n"
	             "transport = { plugin = \"local\"; };\nstore = { plugin = \"local\"; };\n"
	             "scheduler = {\n  plugin = \"fork\";\n  max_workers = 4096;\n");
	add_string(out, "  worker_conf = ", folder, "/worker.conf");
	buf_str(out, "};\nroles = (\n");
	add_role(out, "gateway", target_url, allowed);
	buf_str(out, ",\n");
	add_role(out, "orchestrator", target_url, allowed);
	buf_str(out, "\n);\n");
}

void daemon_worker_conf(const char *plugins, struct buf *out)
{
	if (plugins)
		add_string(out, "plugin_dir = ", plugins, "");
	buf_str(out, "log_format = \"json\";\nroles = ( { plugin = \"worker\"; } );\n");
}
