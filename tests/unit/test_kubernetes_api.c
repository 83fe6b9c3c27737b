/* test_kubernetes_api.c - requests to an API server that says what its script says, and watches. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugins/scheduler/kubernetes/watch.h"
#include "tests/unit/kubernetes_rig.h"
#include "tests/unit/tls_peer.h"

static struct api api;
static char token_file[] = "/tmp/squall-token-XXXXXX";

static void open_api(struct api_access access)
{
	rig_api(&api, access);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
}

/* --- one call -------------------------------------------------------------------------------- */

static struct {
	struct api_call call;
	int ended, status;
	char name[64];
} asked;

static void on_answer(struct api_call *c, int status, struct json_object *answer)
{
	struct json_object *v = NULL;

	(void)c;
	asked.ended++;
	asked.status = status;
	asked.name[0] = '\0';
	if (answer && json_object_object_get_ex(answer, "name", &v))
		snprintf(asked.name, sizeof asked.name, "%s", json_object_get_string(v));
}

static int ask(const char *method, const char *path, int64_t timeout)
{
	int before = asked.ended;

	asked.call.method = method;
	asked.call.timeout = timeout;
	asked.call.done = on_answer;
	buf_str(&asked.call.path, path);
	if (strcmp(method, "GET") != 0)
		asked.call.body = json_object_new_object();
	asked.call.patch = strcmp(method, "PATCH") == 0;
	api_call(&api, &asked.call);
	if (!until(asked.ended > before))
		abort();
	return asked.status;
}

static void test_answers(void)
{
	static const struct {
		int http;
		const char *body;
		int status;
	} table[] = {{200, "{\"name\":\"x\"}", 0},
	             {201, "{}", 0},
	             {404, "{\"kind\":\"Status\",\"message\":\"none\"}", -ENOENT},
	             {409, "{\"kind\":\"Status\",\"reason\":\"AlreadyExists\"}", -EEXIST},
	             {409, "{\"kind\":\"Status\",\"reason\":\"Conflict\"}", -SQ_ECONFLICT},
	             {410, "{}", -SQ_EGONE},
	             {401, "{}", -EACCES},
	             {403, "{}", -EACCES},
	             {422, "{\"kind\":\"Status\",\"message\":\"spec.x: bad\"}", -EINVAL},
	             {400, "not JSON", -EINVAL},
	             {301, "", -EINVAL},
	             {200, "not JSON", -EBADMSG}};

	open_api((struct api_access){.token = "s3cret"});
	for (size_t i = 0; i < SQ_LEN(table); i++) {
		script_next(&server, "GET /x", table[i].http, table[i].body);
		ok(ask("GET", "/x", 0) == table[i].status, "%d %s", table[i].http, table[i].body);
	}
	ok(strstr(server.last, "Authorization: Bearer s3cret\r\n") &&
	       strstr(server.last, "User-Agent: squall/1\r\n"),
	   "a request says who asks");
	script_next(&server, "PATCH /x", 200, "{}");
	ask("PATCH", "/x", 0);
	ok(strstr(server.last, "Content-Type: application/merge-patch+json\r\n"),
	   "and what kind of patch it brings");
	script_next(&server, "GET /x", 422, "{\"kind\":\"Status\",\"message\":\"spec.x: bad\"}");
	ask("GET", "/x", 0);
	ok(strstr(asked.call.why, "422: spec.x: bad"), "the server's words are kept: %s", asked.call.why);
	api_free(&api);
}

static const char quota_race[] =
    "{\"kind\":\"Status\",\"reason\":\"Conflict\",\"code\":409,\"message\":\"Operation cannot be fulfilled "
    "on "
    "resourcequotas \\\"compute\\\": the object has been modified; please apply your changes to the latest "
    "version and try again\"}";

static const char no_right[] = "{\"kind\":\"Status\",\"message\":\"User \\\"x\\\" cannot create resource jobs\"}";

static void test_coming_up(void)
{
	rig_server();
	open_api((struct api_access){0});
	script_next(&server, "POST /x", 403, no_right);
	is_int(ask("POST", "/x", 0), -EACCES, "a right that is missing is missing");
	script_next(&server, "GET /x", 503, "{}");
	script_next(&server, "GET /x", 200, "{}");
	is_int(ask("GET", "/x", 0), 0, "a server that was away is back");
	script_next(&server, "POST /x", 403, no_right);
	script_next(&server, "POST /x", 201, "{}");
	is_int(ask("POST", "/x", 0), 0, "what it refuses before it knows of rights is asked again");
	script_next(&server, "POST /x", 403, "{\"kind\":\"Status\",\"message\":\"exceeded quota\"}");
	is_int(ask("POST", "/x", 0), -EACCES, "a quota is a quota");
	api_free(&api);
}

static void test_trouble(void)
{
	int64_t begun;

	open_api((struct api_access){0});
	script_next(&server, "GET /x", 503, "{}");
	script_next(&server, "GET /x", 500, "gone mad");
	script_next(&server, "GET /x", 200, "{\"name\":\"third\"}");
	is_int(ask("GET", "/x", 0), 0, "a server in trouble is asked again");
	is_str(asked.name, "third", "until it answers");
	script_next_with(&server, "GET /x", 429, "Retry-After: 1", "{}");
	script_next(&server, "GET /x", 200, "{}");
	begun = loop_now();
	is_int(ask("GET", "/x", 0), 0, "and one that asks for a pause");
	ok(loop_now() - begun >= SQ_S, "gets it");
	script_next(&server, "POST /x", 409, quota_race);
	script_next(&server, "POST /x", 201, "{}");
	is_int(ask("POST", "/x", 0), 0, "what a quota's count raced with is made once more");
	script_next(&server, "PATCH /x", 409, quota_race);
	is_int(ask("PATCH", "/x", 0), -SQ_ECONFLICT, "what names a version is not repeated by itself");
	for (int i = 0; i < 3; i++)
		script_next_with(&server, "POST /x", 409, "Retry-After: 1", quota_race);
	is_int(ask("POST", "/x", 2500 * SQ_MS), -EHOSTUNREACH, "a race without end ends by its deadline");
	ok(strstr(asked.call.why, "resourcequotas") != NULL, "which says what it was: %s", asked.call.why);
	api_free(&api);
	rig_server();
	open_api((struct api_access){0});
	script_next_with(&server, "GET /x", 503, "Retry-After: 30", "{}");
	begun = loop_now();
	is_int(ask("GET", "/x", 2 * SQ_S), -EHOSTUNREACH, "not beyond the deadline");
	ok(strstr(asked.call.why, "503") != NULL, "which names the trouble: %s", asked.call.why);
	script_next_with(&server, "GET /x", 429, "Retry-After: 30", "{}");
	is_int(ask("GET", "/x", 2 * SQ_S), -EHOSTUNREACH,
	       "nor does a server become ours to blame by being busy");
	api_free(&api);
	open_api((struct api_access){.server = "http://127.0.0.1:1"});
	is_int(ask("GET", "/x", SQ_S), -EHOSTUNREACH, "nobody listens");
	ok(strstr(asked.call.why, "no answer from http://127.0.0.1:1") != NULL, "which says where: %s",
	   asked.call.why);
	api_free(&api);
}

static void test_token(void)
{
	open_api((struct api_access){.token_file = token_file});
	write_file(token_file, "first\n");
	script_next(&server, "GET /x", 200, "{}");
	ask("GET", "/x", 0);
	ok(strstr(server.last, "Bearer first\r\n"), "the token is the file's");
	write_file(token_file, "second");
	script_next(&server, "GET /x", 200, "{}");
	ask("GET", "/x", 0);
	ok(strstr(server.last, "Bearer second\r\n"), "as it is at that time");
	unlink(token_file);
	is_int(ask("GET", "/x", SQ_S), -EHOSTUNREACH, "without one nothing is asked");
	ok(strstr(asked.call.why, token_file) && strstr(asked.call.why, "No such file"), "and why: %s",
	   asked.call.why);
	api_free(&api);
}

/* --- TLS ------------------------------------------------------------------------------------- */

static void test_tls(void)
{
	char folder[] = "/tmp/squall-tls-XXXXXX", ca[64], other[64], cert[64], key[64];
	struct tls_office office, stranger;
	struct tls_paper paper, ours;
	SSL_CTX *context;

	if (!mkdtemp(folder))
		abort();
	snprintf(ca, sizeof ca, "%s/ca", folder);
	snprintf(other, sizeof other, "%s/other", folder);
	snprintf(cert, sizeof cert, "%s/cert", folder);
	snprintf(key, sizeof key, "%s/key", folder);
	tls_office_open(&office, "cluster");
	tls_office_open(&stranger, "stranger");
	tls_office_issue(&office, &(struct tls_issue){.names = "IP:127.0.0.1", .days = 1}, &paper);
	tls_office_issue(&office, &(struct tls_issue){.names = "DNS:squall", .days = 1, .for_client = true},
	                 &ours);
	write_file(ca, office.ca_pem);
	write_file(other, stranger.ca_pem);
	write_file(cert, ours.cert);
	write_file(key, ours.key);
	context = tls_server(&paper, NULL);
	script_close(&server);
	script_open(&server, loop.ev, context);
	open_api((struct api_access){.ca = ca});
	script_next(&server, "GET /x", 200, "{}");
	is_int(ask("GET", "/x", 0), 0, "TLS: a server whose certificate is the cluster's");
	api_free(&api);
	open_api((struct api_access){.ca = other, .token = "s3cret"});
	is_int(ask("GET", "/x", SQ_S), -EHOSTUNREACH, "TLS: somebody else's");
	ok(strstr(asked.call.why, "certificate") && server.strange == 0, "is not told anything: %s",
	   asked.call.why);
	api_free(&api);
	script_close(&server);
	SSL_CTX_free(context);
	context = tls_server(&paper, &office);
	script_open(&server, loop.ev, context);
	open_api((struct api_access){.ca = ca});
	ok(ask("GET", "/x", SQ_S) < 0 && server.asked == 0, "TLS: a server that wants a certificate of ours");
	api_free(&api);
	open_api((struct api_access){.ca = ca, .cert = cert, .key = key});
	script_next(&server, "GET /x", 200, "{}");
	is_int(ask("GET", "/x", 0), 0, "TLS: gets it");
	api_free(&api);
	rig_server();
	SSL_CTX_free(context);
	tls_paper_free(&paper);
	tls_paper_free(&ours);
	tls_office_close(&office);
	tls_office_close(&stranger);
	unlink(ca), unlink(other), unlink(cert), unlink(key), rmdir(folder);
}

/* --- watches --------------------------------------------------------------------------------- */

static struct {
	struct watch watch;
	char told[2000]; /* what happened: "[a b]" is a list, "+c" a change, "-c" an end, "up", "down" */
	bool lose; /* the next object is not taken */
	char why[API_WHY];
} seen;

static void tell(const char *what, const char *name)
{
	size_t n = strlen(seen.told);

	snprintf(seen.told + n, sizeof seen.told - n, "%s%s ", what, name);
}

static void on_change(struct watch *w, struct json_object *object, bool deleted)
{
	struct json_object *name = NULL;

	json_object_object_get_ex(object, "name", &name);
	if (seen.lose) {
		seen.lose = false;
		watch_lost(w);
		return;
	}
	tell(deleted ? "-" : "+", name ? json_object_get_string(name) : "?");
}

static void on_begin(struct watch *w)
{
	(void)w;
	tell("[", "");
}

static void on_end(struct watch *w)
{
	(void)w;
	tell("]", "");
}

static void on_state(struct watch *w, bool up, const char *why)
{
	(void)w;
	tell(up ? "up" : "down", "");
	snprintf(seen.why, sizeof seen.why, "%s", up ? "" : why);
}

static const struct watch_calls calls = {on_change, on_begin, on_end, on_state};

static const char list_line[] = "GET /pods?labelSelector=app%3Dx ";
#define WATCH_LINE \
	"GET "     \
	"/pods?labelSelector=app%3Dx&watch=1&allowWatchBookmarks=true&timeoutSeconds=240&resourceVersion="

static void begin_watch(void)
{
	memset(&seen, 0, sizeof seen);
	open_api((struct api_access){0});
	script_next(
	    &server, list_line, 200,
	    "{\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[{\"name\":\"a\"},{\"name\":\"b\"}]}");
	script_open_end(&server, WATCH_LINE "10 ", 200);
	watch_start(&seen.watch, &api, &calls, "/pods", "app%3Dx");
	if (!until(script_is_open(&server)))
		abort();
}

static void end_watch(void)
{
	watch_stop(&seen.watch);
	watch_stop(&seen.watch);
	api_free(&api);
	if (!until(!script_is_open(&server)))
		abort();
}

static bool told(const char *want)
{
	return until(strcmp(seen.told, want) == 0) || (printf("# told: %s\n", seen.told), false);
}

/* A list that comes for a second time, and a watch from its version on. */
static void plan_relist(void)
{
	script_next(&server, list_line, 200,
	            "{\"metadata\":{\"resourceVersion\":\"20\"},\"items\":[{\"name\":\"b\"}]}");
	script_open_end(&server, WATCH_LINE "20 ", 200);
}

static void test_watch(void)
{
	begin_watch();
	ok(told("[ +a +b ] up "), "a list, whole");
	script_say(&server, "{\"type\":\"ADDED\",\"object\":{\"name\":\"c\",\"metadata\":{"
	                    "\"resourceVersion\":\"11\"}}}\n{\"type\":");
	ok(told("[ +a +b ] up +c "), "then changes, line by line");
	script_say(&server,
	           "\"DELETED\",\"object\":{\"name\":\"a\",\"metadata\":{\"resourceVersion\":\"12\"}}}\n");
	ok(told("[ +a +b ] up +c -a "), "in whatever pieces they come");
	script_say(&server, "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"15\"}}}"
	                    "\n{\"type\":\"MODI");
	until(strcmp(seen.watch.version, "15") == 0);
	script_open_end(&server, WATCH_LINE "15 ", 200);
	script_hang_up(&server);
	ok(until(script_is_open(&server)) && told("[ +a +b ] up +c -a "),
	   "cut off: it goes on from the last version, which a bookmark moved on, and stays up");
	script_say(
	    &server,
	    "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"reason\":\"Expired\",\"code\":410}}\n");
	plan_relist();
	script_hang_up(&server);
	ok(until(script_is_open(&server)) && told("[ +a +b ] up +c -a [ +b ] "), "410 within a 200: a list");
	script_next(&server, WATCH_LINE "20 ", 410, "{\"kind\":\"Status\",\"code\":410}");
	plan_relist();
	script_hang_up(&server);
	ok(until(script_is_open(&server)) && told("[ +a +b ] up +c -a [ +b ] [ +b ] "),
	   "410 as a status: a list");
	end_watch();
}

static void test_watch_trouble(void)
{
	int64_t begun;

	begin_watch();
	script_next_with(&server, WATCH_LINE "10 ", 429, "Retry-After: 1", "{}");
	script_open_end(&server, WATCH_LINE "10 ", 200);
	begun = loop_now();
	script_hang_up(&server);
	ok(told("[ +a +b ] up down "), "refused: it says so");
	ok(strstr(seen.why, "429"), "and how: %s", seen.why);
	ok(until(script_is_open(&server)) && loop_now() - begun >= SQ_S,
	   "and waits as long as it is asked to");
	ok(told("[ +a +b ] up down up "), "a watch that stays is up again, though nothing changes");
	script_say(
	    &server,
	    "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"message\":\"etcd\",\"code\":500}}\n");
	script_open_end(&server, WATCH_LINE "10 ", 200);
	script_hang_up(&server);
	ok(until(script_is_open(&server)) && strstr(seen.why, "500"), "an error within a 200: %s", seen.why);
	end_watch();
}

static void test_watch_lost(void)
{
	char big[70000];

	begin_watch();
	seen.lose = true;
	plan_relist();
	script_say(
	    &server,
	    "{\"type\":\"ADDED\",\"object\":{\"name\":\"c\",\"metadata\":{\"resourceVersion\":\"11\"}}}\n"
	    "{\"type\":\"ADDED\",\"object\":{\"name\":\"d\",\"metadata\":{\"resourceVersion\":\"12\"}}}\n");
	ok(told("[ +a +b ] up [ +b ] ") && until(script_is_open(&server)), "what could not be kept: a list");
	plan_relist();
	script_say(&server, "no JSON\n{\"type\":\"ADDED\",\"object\":{\"name\":\"d\"}}\n");
	ok(told("[ +a +b ] up [ +b ] [ +b ] ") && until(script_is_open(&server)),
	   "what could not be read: a list");
	plan_relist();
	memset(big, ' ', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	for (unsigned i = 0; i < 62 && script_is_open(&server); i++) {
		script_say(&server, big);
		for (unsigned turns = 0; turns < 20; turns++)
			ev_run(loop.ev, EVRUN_NOWAIT);
	}
	ok(told("[ +a +b ] up [ +b ] [ +b ] [ +b ] ") && until(script_is_open(&server)),
	   "a line without end: a list");
	end_watch();
	begin_watch();
	script_next(&server, list_line, 200,
	            "{\"metadata\":{\"resourceVersion\":\"20\"},\"items\":[{\"name\":\"b\"}]}");
	seen.lose = true;
	script_next(&server, list_line, 200,
	            "{\"metadata\":{\"resourceVersion\":\"21\"},\"items\":[{\"name\":\"b\"}]}");
	script_open_end(&server, WATCH_LINE "21 ", 200);
	script_say(&server, "{\"type\":\"ERROR\",\"object\":{\"code\":410}}\n");
	script_hang_up(&server);
	ok(told("[ +a +b ] up [ ] down [ +b ] up ") && until(script_is_open(&server)),
	   "a list that could not be kept: another");
	end_watch();
}

/* A version that the server does not take is not asked for ever: after an etcd restore it may lie ahead. */
static void test_watch_version(void)
{
	static const char *const stale[] = {"", "{\"type\":\"ERROR\",\"object\":{\"code\":500}}\n"};
	static const int http[] = {504, 200};

	for (unsigned i = 0; i < SQ_LEN(stale); i++) {
		begin_watch();
		script_next(&server, WATCH_LINE "10 ", http[i], stale[i]);
		script_next(&server, WATCH_LINE "10 ", http[i], stale[i]);
		plan_relist();
		script_hang_up(&server);
		ok(told("[ +a +b ] up down down [ +b ] up ") && until(script_is_open(&server)),
		   "answered %d for the second time in a row: a list", http[i]);
		script_next(&server, WATCH_LINE "20 ", http[i], stale[i]);
		script_open_end(&server, WATCH_LINE "20 ", 200);
		script_hang_up(&server);
		until(script_is_open(&server));
		script_say(
		    &server,
		    "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"21\"}}}\n");
		ok(told("[ +a +b ] up down down [ +b ] up down up "), "once: it goes on");
		script_next(&server, WATCH_LINE "21 ", http[i], stale[i]);
		script_open_end(&server, WATCH_LINE "21 ", 200);
		script_hang_up(&server);
		ok(until(script_is_open(&server)) &&
		       told("[ +a +b ] up down down [ +b ] up down up down up "),
		   "and once more from a later version");
		end_watch();
		rig_server();
	}
	begin_watch();
	for (unsigned i = 0; i < 3; i++)
		script_next(&server, WATCH_LINE "10 ", i == 2 ? 403 : 429, "{}");
	script_open_end(&server, WATCH_LINE "10 ", 200);
	script_hang_up(&server);
	ok(told("[ +a +b ] up down down down up ") && script_is_open(&server),
	   "a server that is busy, or does not let us in, says nothing of the version");
	end_watch();
	rig_server();
}

/* A server that ends every watch at once is not asked without a pause. */
static void test_watch_storm(void)
{
	unsigned before;
	int64_t begun;

	begin_watch();
	for (int i = 0; i < 40; i++)
		script_next(&server, WATCH_LINE "10 ", 200, "");
	before = server.asked;
	begun = loop_now();
	script_hang_up(&server);
	until(loop_now() - begun > 2 * SQ_S);
	ok(server.asked - before >= 2 && server.asked - before <= 20,
	   "watches that end at once: %u in two seconds", server.asked - before);
	end_watch();
}

int main(void)
{
	int fd = mkstemp(token_file);

	if (fd < 0)
		abort();
	close(fd);
	rig_open();
	test_answers();
	test_coming_up();
	test_trouble();
	test_token();
	rig_server();
	test_watch();
	test_watch_trouble();
	rig_server();
	test_watch_lost();
	rig_server();
	test_watch_version();
	test_watch_storm();
	is_int(server.strange, 0, "nothing else was asked");
	test_tls();
	rig_close();
	return tap_done();
}
