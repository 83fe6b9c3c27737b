/* admin.c - what the host itself answers over HTTP. */
#include "admin.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "log.h"
#include "metrics.h"

static void healthz(void *self, struct sq_http *rq)
{
	(void)self;
	http_server_calls.reply(rq, 200, "text/plain", "ok\n", 3);
}

/* why holds printable ASCII only. */
static void add_reason(struct buf *out, const char *component, const char *why)
{
	buf_printf(out, "%s{\"component\":\"%s\",\"why\":\"", out->data[out->len - 1] == '[' ? "" : ",",
	           component);
	for (; *why; why++) {
		if (*why == '"' || *why == '\\')
			buf_str(out, "\\");
		buf_add(out, why, 1);
	}
	buf_str(out, "\"}");
}

static void readyz(void *self, struct sq_http *rq)
{
	const struct admin *a = self;
	bool ready = a->up && !a->stopping && !admin_unready(a);
	struct buf out = {0};

	buf_printf(&out, "{\"ready\":%s,\"reasons\":[", ready ? "true" : "false");
	if (buf_failed(&out)) {
		http_server_calls.problem(rq, 503, "not enough memory");
		return;
	}
	if (a->stopping)
		add_reason(&out, "host", "stopping");
	else if (!a->up)
		add_reason(&out, "host", "starting");
	for (unsigned n = 0; n < a->count; n++)
		if (a->instances[n].ready == READY_NO)
			add_reason(&out, a->instances[n].name, a->instances[n].why);
	buf_str(&out, "]}\n");
	http_server_calls.reply(rq, ready ? 200 : 503, "application/json", out.data, out.len);
	buf_free(&out);
}

static unsigned open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	if (!d)
		return 0;
	while (readdir(d))
		n++;
	closedir(d);
	return n > 3 ? n - 3 : 0; /* without ".", ".." and the one just used */
}

static long long resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long long pages = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%*d %lld", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void print_process(struct buf *out, struct loop *l, double started)
{
	static const char text[] = "# HELP process_cpu_seconds_total CPU time used, user and system.\n"
	                           "# TYPE process_cpu_seconds_total counter\n"
	                           "process_cpu_seconds_total %.3f\n"
	                           "# HELP process_open_fds Open file descriptors.\n"
	                           "# TYPE process_open_fds gauge\n"
	                           "process_open_fds %u\n"
	                           "# HELP process_resident_memory_bytes Memory in use.\n"
	                           "# TYPE process_resident_memory_bytes gauge\n"
	                           "process_resident_memory_bytes %lld\n"
	                           "# HELP process_start_time_seconds When the process started, Unix time.\n"
	                           "# TYPE process_start_time_seconds gauge\n"
	                           "process_start_time_seconds %.3f\n"
	                           "# HELP squall_loop_lag_max_seconds Longest turn of the event loop since "
	                           "this was last asked for.\n"
	                           "# TYPE squall_loop_lag_max_seconds gauge\n"
	                           "squall_loop_lag_max_seconds %.6f\n";

	buf_printf(out, text, cpu_seconds(), open_files(), resident_bytes(), started,
	           (double)loop_longest_turn(l) / SQ_S);
}

static void metrics(void *self, struct sq_http *rq)
{
	struct admin *a = self;
	struct buf out = {0};

	metrics_print(&out);
	print_process(&out, a->loop, a->started);
	if (buf_failed(&out))
		http_server_calls.problem(rq, 503, "not enough memory");
	else
		http_server_calls.reply(rq, 200, "text/plain; version=0.0.4; charset=utf-8", out.data,
		                        out.len);
	buf_free(&out);
}

#define HEALTHZ                                                         \
	{                                                               \
		.method = "GET", .path = "/healthz", .handle = healthz, \
		.help = "200 while the process lives."                  \
	}
#define READYZ                                                                            \
	{                                                                                 \
		.method = "GET", .path = "/readyz", .handle = readyz,                     \
		.help = "200 when every part can do its work, else 503 with the reasons." \
	}
#define METRICS                                                         \
	{                                                               \
		.method = "GET", .path = "/metrics", .handle = metrics, \
		.help = "Numbers as Prometheus reads them."             \
	}

static const struct sq_route routes[] = {HEALTHZ, READYZ, METRICS, {.method = NULL}};
static const struct sq_route routes_without_metrics[] = {HEALTHZ, READYZ, {.method = NULL}};

void admin_init(struct admin *a, struct loop *l, const struct instance *instances, unsigned count)
{
	*a = (struct admin){
	    .instances = instances, .count = count, .loop = l, .started = (double)loop_wall() / 1000};
}

int admin_listen(struct admin *a, const char *listen, struct sq_err *err)
{
	const struct http_site sites[] = {{routes, a}, {.routes = NULL}};

	if (!*listen)
		return 0;
	a->conf = (struct conf_listener){
	    .listen = listen,
	    .advertise = "",
	    .max_header = 16 * 1024,
	    .max_body = 1024,
	    .max_bodies = 1 << 20,
	    .header_timeout = 10 * SQ_S,
	    .body_timeout = 10 * SQ_S,
	    .idle_timeout = 60 * SQ_S,
	    .write_timeout = 30 * SQ_S,
	    .max_connections = 100,
	    .stream_buffer = 64 * 1024,
	};
	return http_server_open(
	    &(struct http_server_opts){
	        .loop = a->loop->ev, .conf = &a->conf, .sites = sites, .what = "admin"},
	    &a->server, err);
}

void admin_serve(struct admin *a)
{
	if (!a->server)
		return;
	http_server_serve(a->server);
	log_event("admin", SQ_L_INFO, NULL, "listening on %s", http_server_url(a->server));
}

void admin_close(struct admin *a)
{
	if (a->server)
		http_server_close(a->server);
	a->server = NULL;
}

struct http_site admin_site(struct admin *a)
{
	return (struct http_site){a->server ? routes_without_metrics : routes, a};
}

const struct instance *admin_unready(const struct admin *a)
{
	for (unsigned n = 0; n < a->count; n++)
		if (a->instances[n].ready == READY_NO)
			return &a->instances[n];
	return NULL;
}
