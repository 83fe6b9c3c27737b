/* token.c - a token, now or in a moment. */
#include "token.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <unistd.h>

#include "core/base/url.h"
#include "plugins/common/doc.h"
#include "sas.h"

#define SCOPE "https%3A%2F%2Fservicebus.azure.net%2F.default"
#define ASSERTION_TYPE "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
#define FILE_MAX 65536
#define ENTRA_TIMEOUT (20 * SQ_S)

static int64_t wall_seconds(const struct token *t)
{
	return t->host->wall(t->host->ctx) / 1000;
}

static void wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_reset(b);
}

/* --- from a key, or given ---------------------------------------------------------------------- */

static void sign(struct token *t)
{
	t->type = "servicebus.windows.net:sastoken";
	t->expires = wall_seconds(t) + t->life / SQ_S;
	if (sas_sign(t->uri, t->connstr->key_name, t->connstr->key, t->expires, &t->text) < 0)
		t->done(t, -ENOMEM, "no memory");
	else
		t->done(t, 0, NULL);
}

static void give(struct token *t)
{
	t->type = "servicebus.windows.net:sastoken";
	t->expires = sas_expires(t->connstr->signature);
	buf_str(&t->text, t->connstr->signature);
	if (t->expires && t->expires <= wall_seconds(t))
		t->done(t, -EACCES,
		        "the SharedAccessSignature in the connection string has expired: put in a new one");
	else if (buf_failed(&t->text))
		t->done(t, -ENOMEM, "no memory");
	else
		t->done(t, 0, NULL);
}

/* --- from Entra -------------------------------------------------------------------------------- */

static int64_t json_number(struct json_object *o, const char *name)
{
	struct json_object *v = json_object_object_get(o, name);

	return json_object_is_type(v, json_type_int) ? json_object_get_int64(v) : 0;
}

static const char *json_text(struct json_object *o, const char *name)
{
	struct json_object *v = json_object_object_get(o, name);

	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
}

static void read_answer(struct token *t, struct json_object *o)
{
	const char *token = json_text(o, "access_token"), *error = json_text(o, "error");
	int64_t life = json_number(o, "expires_in");
	char why[320];

	if (t->fetch.status == 200 && token && *token) {
		t->type = "jwt";
		t->expires = wall_seconds(t) + (life > 0 ? life : 3600);
		buf_str(&t->text, token);
		t->done(t, buf_failed(&t->text) ? -ENOMEM : 0, "no memory");
		return;
	}
	snprintf(why, sizeof why,
	         "Microsoft Entra gives no token (%d %.80s): check client_id, tenant_id and the federated "
	         "credential of the identity",
	         t->fetch.status, error ? error : "");
	t->done(t, -EACCES, why);
}

static void fetched(struct sq_op *op, int status)
{
	struct token *t = sq_container(op, struct token, fetch.op);
	struct json_object *o = NULL;
	char why[400];

	t->fetching = false;
	wipe(&t->form);
	if (status < 0) {
		snprintf(why, sizeof why, "cannot ask %s for a token: %s", t->entra.authority,
		         t->fetch.why ? t->fetch.why : strerror(-status));
		t->done(t, status, why);
		return;
	}
	if (doc_parse(t->fetch.answer, 16, &o, NULL) < 0 || !json_object_is_type(o, json_type_object)) {
		snprintf(why, sizeof why,
		         "%s answers %d and no token: is that the authority of Microsoft Entra?",
		         t->entra.authority, t->fetch.status);
		t->done(t, -EBADMSG, why);
	} else {
		read_answer(t, o);
	}
	json_object_put(o);
}

/* The service account's token: a JWT, whose characters need no encoding. A small file: no thread for it. */
static int add_assertion(struct token *t)
{
	int fd = open(t->entra.file, O_RDONLY | O_CLOEXEC);
	char *room = buf_room(&t->form, FILE_MAX);
	ssize_t n = fd >= 0 && room ? read(fd, room, FILE_MAX) : -1;
	int r = fd < 0 ? -errno : !room ? -ENOMEM : n < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	if (r < 0)
		return r;
	while (n > 0 && strchr("\r\n \t", room[n - 1]))
		n--;
	for (ssize_t i = 0; i < n; i++)
		if (room[i] <= ' ' || room[i] > '~' || strchr("&%+", room[i]))
			return -EBADMSG;
	t->form.len += (size_t)n;
	return n > 0 ? 0 : -EBADMSG;
}

static void ask_entra(struct token *t)
{
	static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded",
	                                      "Accept: application/json", NULL};
	char why[320];
	int r;

	wipe(&t->form);
	buf_str(&t->form,
	        "grant_type=client_credentials&scope=" SCOPE "&client_assertion_type=" ASSERTION_TYPE);
	buf_printf(&t->form, "&client_id=%s&client_assertion=", t->entra.client);
	r = add_assertion(t);
	if (r < 0) {
		snprintf(why, sizeof why,
		         "cannot use the federated token in %s (%s): is workload identity on for "
		         "this pod?",
		         t->entra.file, strerror(-r));
		t->done(t, r, why);
		return;
	}
	t->fetch = (struct fetch){.op = {.done = fetched, .timeout = ENTRA_TIMEOUT},
	                          .method = "POST",
	                          .url = t->url,
	                          .headers = headers,
	                          .body = {t->form.data, t->form.len},
	                          .max_answer = 65536};
	r = fetch_start(t->fetcher, &t->fetch);
	t->fetching = r == 0;
	if (r < 0)
		t->done(t, r, "the token cannot be asked for: no memory, or authority_host is no URL");
}

static int init_entra(struct token *t, struct sq_err *err)
{
	const struct entra *e = &t->entra;
	struct url url;
	size_t len = strlen(e->authority);

	if (!*e->tenant || !*e->client || !*e->file)
		return sq_fail(
		    err, -EINVAL,
		    "the connection string holds no key, and %s is not set: use a connection string with a "
		    "key, or workload identity",
		    !*e->tenant   ? "AZURE_TENANT_ID"
		    : !*e->client ? "AZURE_CLIENT_ID"
		                  : "AZURE_FEDERATED_TOKEN_FILE");
	if (url_parse(e->authority, &url, err) < 0)
		return -EINVAL;
	if (!url.tls && strcmp(url.host, "localhost") != 0 && strcmp(url.host, "127.0.0.1") != 0)
		return sq_fail(err, -EINVAL,
		               "AZURE_AUTHORITY_HOST %s is not https: a token would travel in the clear",
		               e->authority);
	snprintf(t->url, sizeof t->url, "%s%s%s/oauth2/v2.0/token", e->authority,
	         len > 0 && e->authority[len - 1] == '/' ? "" : "/", e->tenant);
	return fetcher_new(t->host->loop, "squall/" PACKAGE_VERSION, &t->fetcher) < 0
	           ? sq_fail(err, -ENOMEM, "no memory")
	           : 0;
}

/* --- for the owner ----------------------------------------------------------------------------- */

int token_init(struct token *t, const struct sq_host *host, const struct connstr *connstr, const char *uri,
               struct sq_err *err)
{
	t->host = host;
	t->connstr = connstr;
	t->uri = uri;
	t->kind = *connstr->key ? TOKEN_SIGNED : *connstr->signature ? TOKEN_GIVEN : TOKEN_ENTRA;
	return t->kind == TOKEN_ENTRA ? init_entra(t, err) : 0;
}

void token_get(struct token *t)
{
	if (t->fetching)
		return;
	wipe(&t->text);
	if (t->kind == TOKEN_SIGNED)
		sign(t);
	else if (t->kind == TOKEN_GIVEN)
		give(t);
	else
		ask_entra(t);
}

void token_free(struct token *t)
{
	fetcher_free(t->fetcher);
	wipe(&t->text);
	wipe(&t->form);
	buf_free(&t->text);
	buf_free(&t->form);
}
