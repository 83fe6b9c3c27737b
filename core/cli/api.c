/* api.c - requests to the gateway. */
#include "api.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/result_exit.h"
#include "core/base/url.h"
#include "json.h"
#include "plan_put.h"
#include "say.h"
#include "signals.h"

#define CONNECT_MS 5000L
#define ANSWER_MS 30000L
#define SILENCE_S 45L /* of a stream; it says something each 15 s */
#define ANSWER_MAX (64 << 20)
#define KEY_MAX 4096

bool api_configured(const struct options *o)
{
	const char *variable = getenv("SQUALL_GATEWAY");

	return o->gateway || (variable && *variable);
}

/* The first line of a file, without white space around it. */
static int read_key(const char *path, char **ret, struct sq_err *err)
{
	struct buf text = {0};
	size_t start, len;
	int r = file_read(path, KEY_MAX, &text, err);

	if (r == 0) {
		start = strspn(text.data, " \t");
		len = strcspn(text.data + start, " \t\r\n");
		*ret = strndup(text.data + start, len);
		r = *ret ? 0 : sq_fail(err, -ENOMEM, "no memory");
		if (r == 0 && len == 0)
			r = sq_fail(err, -EINVAL, "%s holds no key", path);
	}
	buf_free(&text);
	return r;
}

static int open_key(struct api *api, const struct options *o, struct sq_err *err)
{
	const char *variable = getenv("SQUALL_API_KEY");

	if (o->key_file)
		return read_key(o->key_file, &api->key, err);
	if (!variable || !*variable)
		return 0;
	api->key = strdup(variable);
	return api->key ? 0 : sq_fail(err, -ENOMEM, "no memory");
}

static int open_base(struct api *api, const char *base, struct sq_err *err)
{
	struct sq_err why;
	struct url url;
	size_t len;

	if (url_parse(base, &url, &why) < 0)
		return sq_fail(err, -EINVAL, "gateway %s: %s", base, why.text);
	len = strlen(url.text);
	while (len > 0 && url.text[len - 1] == '/')
		len--;
	api->base = strndup(url.text, len);
	api->authority = strdup(url.authority);
	if (!api->base || !api->authority)
		return sq_fail(err, -ENOMEM, "no memory");
	return 0;
}

int api_open(struct api *api, const char *base, const struct options *o)
{
	struct sq_err err;
	int r;

	*api = (struct api){.direct = base != NULL};
	if (!base)
		base = o->gateway ? o->gateway : getenv("SQUALL_GATEWAY");
	r = open_base(api, base, &err);
	if (r == 0 && !api->direct)
		r = open_key(api, o, &err);
	if (r == 0 && !(api->multi = curl_multi_init()))
		r = sq_fail(&err, -ENOMEM, "no memory");
	if (r == 0)
		return 0;
	say("%s", err.text);
	api_close(api);
	return r == -ENOMEM ? RESULT_EXIT_STOPPED : RESULT_EXIT_USAGE;
}

void api_close(struct api *api)
{
	curl_multi_cleanup(api->multi);
	free(api->base);
	free(api->authority);
	free(api->key);
	*api = (struct api){0};
}

static size_t take_answer(char *data, size_t size, size_t count, void *user)
{
	struct call *c = user;
	size_t len = size * count;

	if (c->sink && (curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &c->status), c->status == 200)) {
		c->sink(c->ctx, data, len);
		return len;
	}
	if (c->answer.len + len > ANSWER_MAX)
		return 0;
	buf_add(&c->answer, data, len);
	return buf_failed(&c->answer) ? 0 : len;
}

static bool add_header(struct call *c, const char *header)
{
	struct curl_slist *more = curl_slist_append(c->headers, header);

	if (more)
		c->headers = more;
	return more != NULL;
}

static bool add_headers(struct call *c, const struct request *r)
{
	char text[KEY_MAX + 32];

	snprintf(text, sizeof text, "Authorization: Bearer %s", c->api->key ? c->api->key : "");
	return (!r->body || add_header(c, "Content-Type: application/json")) &&
	       (!r->header || add_header(c, r->header)) && (!r->more || add_header(c, r->more)) &&
	       (!c->api->key || add_header(c, text)) &&
	       add_header(c, r->stream ? "Accept: text/event-stream" : "Accept: application/json, */*");
}

static bool set_body(CURL *easy, const struct request *r)
{
	if (strcmp(r->method, "GET") == 0)
		return true;
	return curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
	                        (curl_off_t)(r->body ? strlen(r->body) : 0)) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body ? r->body : "") == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method) == CURLE_OK;
}

static bool set_up(struct call *c, const struct request *r)
{
	char url[4096];

	snprintf(url, sizeof url, "%s%s", c->api->base, r->path);
	curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
	curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->why);
	curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	if (r->stream) {
		curl_easy_setopt(c->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(c->easy, CURLOPT_LOW_SPEED_TIME, SILENCE_S);
	} else {
		curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, ANSWER_MS);
	}
	return curl_easy_setopt(c->easy, CURLOPT_URL, url) == CURLE_OK &&
	       curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       curl_easy_setopt(c->easy, CURLOPT_USERAGENT, "squall/" PACKAGE_VERSION) == CURLE_OK &&
	       (!c->api->direct || curl_easy_setopt(c->easy, CURLOPT_PROXY, "") == CURLE_OK) &&
	       set_body(c->easy, r) && add_headers(c, r) &&
	       curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers) == CURLE_OK;
}

int call_start(struct api *api, struct call *c, const struct request *r)
{
	c->api = api;
	c->easy = curl_easy_init();
	if (c->easy && set_up(c, r) && curl_multi_add_handle(api->multi, c->easy) == CURLM_OK)
		return 0;
	call_end(c);
	return -ENOMEM;
}

void call_end(struct call *c)
{
	if (c->easy) {
		curl_multi_remove_handle(c->api->multi, c->easy);
		curl_easy_cleanup(c->easy);
	}
	curl_slist_free_all(c->headers);
	buf_free(&c->answer);
	*c = (struct call){.sink = c->sink, .ctx = c->ctx};
}

/* Whether one did. */
static bool take_ended(struct api *api)
{
	bool any = false;
	struct call *c;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(api->multi, &left))) {
		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
		c->ended = any = true;
		c->code = m->data.result;
		curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &c->status);
		curl_easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &c->os_errno);
	}
	return any;
}

void api_wait(struct api *api, int timeout_ms)
{
	struct curl_waitfd signal = {.fd = signals_fd(), .events = CURL_WAIT_POLLIN};
	int running;

	curl_multi_perform(api->multi, &running);
	if (take_ended(api))
		return;
	curl_multi_poll(api->multi, &signal, signal.fd >= 0, timeout_ms, NULL);
	signals_taken();
	curl_multi_perform(api->multi, &running);
	take_ended(api);
}

int call_run(struct api *api, struct call *c, const struct request *r)
{
	int error = call_start(api, c, r);

	while (error == 0 && !c->ended)
		api_wait(api, 1000);
	return error;
}

bool call_good(const struct call *c)
{
	return c->ended && c->code == CURLE_OK && c->status >= 200 && c->status <= 299;
}

/* "wrong version number" of "OpenSSL/3.0.19: error:0A00010B:SSL routines::wrong version number" */
static const char *last_of(const char *why)
{
	const char *at = strrchr(why, ':');

	return at && at[1] ? at + 1 : why;
}

static void explain_silence(const struct call *c)
{
	const char *where = c->api->authority;
	char words[SAY_ERRNO];

	if (c->code == CURLE_COULDNT_CONNECT && c->os_errno)
		say("cannot connect to %s (%s): is the gateway running there?", where,
		    say_errno(words, (int)c->os_errno));
	else if (c->code == CURLE_COULDNT_RESOLVE_HOST)
		say("there is no address for %s: is the name of the gateway right?", where);
	else if (c->code == CURLE_UNSUPPORTED_PROTOCOL) /* what comes without a status line */
		say("what %s answers is not HTTP: is the URL of the gateway right?", where);
	else if (c->code == CURLE_SSL_CONNECT_ERROR)
		say("no TLS with the gateway %s (%s): is it http://, not https://?", where,
		    last_of(*c->why ? c->why : curl_easy_strerror(c->code)));
	else
		say("no answer from the gateway %s: %s", where,
		    *c->why ? c->why : curl_easy_strerror(c->code));
}

/* Each bad field of a plan (RFC 9457, 3.2: extension members), with the option that sets it. */
static bool explain_fields(struct json_object *problem)
{
	struct json_object *list = member_get(problem, "errors"), *row;
	char field[WORDS_MAX], words[WORDS_MAX], spelling[32];
	bool any = false;

	if (!json_object_is_type(list, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		const struct option_row *option;

		row = json_object_array_get_idx(list, i);
		if (!member_text(row, "field", field) || !member_text(row, "problem", words))
			continue;
		option = option_of_field(field);
		say("%s%s%s%s: %s", field, option ? " (" : "",
		    option ? option_spelling(option, spelling) : "", option ? ")" : "", words);
		any = true;
	}
	return any;
}

static void explain_refusal(const struct call *c)
{
	struct json_object *problem = json_read(c->answer.data ? c->answer.data : "", c->answer.len, NULL);
	char words[WORDS_MAX];

	if (c->status == 401)
		say("the gateway %s wants an API key: SQUALL_API_KEY, or --key-file", c->api->authority);
	else if (explain_fields(problem))
		;
	else if (member_text(problem, "detail", words) || member_text(problem, "title", words))
		say("%s", words);
	else
		say("the gateway %s answered %ld: is it squall's?", c->api->authority, c->status);
	json_object_put(problem);
}

int call_explain(const struct call *c)
{
	if (c->code != CURLE_OK) {
		explain_silence(c);
		return RESULT_EXIT_STOPPED;
	}
	explain_refusal(c);
	return c->status / 100 == 4 && c->status != 408 && c->status != 429 ? RESULT_EXIT_USAGE
	                                                                    : RESULT_EXIT_STOPPED;
}

int api_get(struct api *api, const char *path, struct json_object **ret)
{
	const struct request r = {.method = "GET", .path = path};
	struct call c = {0};
	struct sq_err err;
	int code = 0;

	if (call_run(api, &c, &r) < 0) {
		say("no memory");
		return RESULT_EXIT_STOPPED;
	}
	if (!call_good(&c)) {
		code = call_explain(&c);
	} else if (!(*ret = json_read(c.answer.data ? c.answer.data : "", c.answer.len, &err))) {
		say("the answer of the gateway %s %s", api->authority, err.text);
		code = RESULT_EXIT_STOPPED;
	}
	call_end(&c);
	return code;
}
