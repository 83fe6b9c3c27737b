/*
 * api.h - the gateway's HTTP API, by libcurl. One thread; calls may run side by side and are moved
 * on by api_wait alone, which also returns when a signal comes.
 */
#ifndef CLI_API_H
#define CLI_API_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include <squall/util.h>

#include "core/base/buf.h"
#include "options.h"

struct json_object;

struct api {
	CURLM *multi;
	char *base; /* http://host:port, without a slash at its end */
	char *authority; /* host:port, for messages */
	char *key; /* NULL: none */
	bool direct; /* never through a proxy: the gateway is our own */
};

/* base: NULL takes --gateway, else SQUALL_GATEWAY; the key comes from --key-file, else SQUALL_API_KEY.
 * Prints what is wrong. Returns an exit code, 0 when open; free with api_close. */
int api_open(struct api *api, const char *base, const struct options *o);
void api_close(struct api *api);
bool api_configured(const struct options *o); /* whether a gateway is named at all */

/* One request. Zeroed before call_start; call_end frees what it holds, whether it has ended or not. */
struct call {
	struct api *api;
	CURL *easy;
	struct curl_slist *headers;
	void (*sink)(void *ctx, const char *data, size_t len); /* of 200 answers; NULL: into answer */
	void *ctx;
	struct buf answer;
	bool ended;
	CURLcode code;
	long status; /* 0: no answer */
	long os_errno;
	char why[CURL_ERROR_SIZE];
};

struct request {
	const char *method, *path;
	const char *body; /* NULL: none; JSON */
	const char *header, *more; /* "Name: value", or NULL */
	bool stream; /* no limit to how long the answer takes */
};

/* 0 or -ENOMEM. The strings may go when it returns, but for the body. */
int call_start(struct api *api, struct call *c, const struct request *r);
void call_end(struct call *c);
/* Waits at most so long for a call to end, for bytes, or for a signal. */
void api_wait(struct api *api, int timeout_ms);
/* Starts it and waits for its end. The same result. */
int call_run(struct api *api, struct call *c, const struct request *r);

bool call_good(const struct call *c); /* an answer with a status 200 .. 299 */
/* Prints why a call is not good, each bad field in a line, and returns the exit code for that. */
int call_explain(const struct call *c);

/* GET path, as a document (*ret is the caller's), or what went wrong printed, and its exit code. */
int api_get(struct api *api, const char *path, struct json_object **ret);

#endif
