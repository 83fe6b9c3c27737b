/* conf_opts.c - the options of the host itself. */
#include "conf.h"

#include <squall/log.h>

static const char *const level_words[] = {"error", "warn", "info", "debug", NULL};
static const char *const format_words[] = {"logfmt", "json", NULL};
_Static_assert(SQ_L_ERROR == 0 && SQ_L_DEBUG == 3, "level_words follows enum sq_level");

/* clang-format off */
const struct sq_opt conf_core_opts[] = {
	SQ_PATH(struct conf_core, state_dir, "",
		"Folder for what outlives the process; local stores and queues need one."),
	SQ_STRING(struct conf_core, plugin_dir, SQ_PLUGIN_DIR,
		"Folders with plugins, separated by ':'; the first that has one wins.",
		.env = "SQUALL_PLUGIN_DIR"),
	SQ_STRING(struct conf_core, admin_listen, "",
		"Address of a listener of its own for /healthz, /readyz and /metrics. "
		"Without one they stand on every listener."),
	SQ_DURATION(struct conf_core, grace, "25s", 100 * SQ_MS, 3600 * SQ_S,
		"Longest orderly stop. Keep it below the terminationGracePeriodSeconds of a pod."),
	SQ_ENUM(struct conf_core, log_level, "info", level_words,
		"Least grave events that are logged.", .env = "SQUALL_LOG_LEVEL"),
	SQ_ENUM(struct conf_core, log_format, "logfmt", format_words,
		"One line of text for each event, or one JSON object."),
	SQ_OPTS_END
};

const struct sq_opt conf_listener_opts[] = {
	SQ_STRING(struct conf_listener, listen, "0.0.0.0:8000",
		"Where to listen: host:port, [IPv6 address]:port or unix:/path. Port 0 takes any free one."),
	SQ_STRING(struct conf_listener, advertise, "",
		"URL under which others reach this listener; without one, the address as bound, and where that is "
		"all of them, POD_IP or this machine's own."),
	SQ_SIZE(struct conf_listener, max_header, "16k", 1 << 10, 1 << 20,
		"Longest request line with headers; more is answered 431."),
	SQ_SIZE(struct conf_listener, max_body, "1M", 0, 1LL << 30,
		"Longest request body; more is answered 413."),
	SQ_SIZE(struct conf_listener, max_bodies, "256M", 1 << 20, 1LL << 40,
		"Bytes of request bodies that are here at the same time, over all connections; one more is answered "
		"503.", .flags = SQ_F_EXPERT),
	SQ_DURATION(struct conf_listener, header_timeout, "10s", 100 * SQ_MS, 3600 * SQ_S,
		"Longest wait for a whole request head.", .flags = SQ_F_EXPERT),
	SQ_DURATION(struct conf_listener, body_timeout, "30s", 100 * SQ_MS, 3600 * SQ_S,
		"Longest wait for a whole request body.", .flags = SQ_F_EXPERT),
	SQ_DURATION(struct conf_listener, idle_timeout, "75s", 100 * SQ_MS, 86400 * SQ_S,
		"How long a connection may stay open without a request.", .flags = SQ_F_EXPERT),
	SQ_DURATION(struct conf_listener, write_timeout, "30s", 100 * SQ_MS, 3600 * SQ_S,
		"How long a client may take nothing of its answer.", .flags = SQ_F_EXPERT),
	SQ_INT(struct conf_listener, max_connections, "10000", 1, 1000000,
		"Most open connections; one more is answered 503 and closed."),
	SQ_SIZE(struct conf_listener, stream_buffer, "256k", 4 << 10, 64 << 20,
		"Bytes kept for a slow reader of a stream before it is disconnected.",
		.flags = SQ_F_EXPERT),
	SQ_BOOL(struct conf_listener, reuse_port, "false",
		"Lets several processes listen on the same port (SO_REUSEPORT).", .flags = SQ_F_EXPERT),
	SQ_OPTS_END
};
/* clang-format on */
