/*
 * token.h - where the tokens come from that CBS takes: signed with a key, given as they are, or from
 * Microsoft Entra for the workload identity of this pod.
 *
 * Entra: POST AUTHORITY/TENANT/oauth2/v2.0/token with the service account's token from a file, which is read
 * anew each time because the cluster replaces it (learn.microsoft.com, "client credentials flow with a
 * certificate or federated credential"). Loop thread only.
 */
#ifndef SERVICEBUS_TOKEN_H
#define SERVICEBUS_TOKEN_H

#include <squall/host.h>

#include "connstr.h"
#include "core/base/buf.h"
#include "plugins/common/fetch.h"

enum token_kind { TOKEN_SIGNED, TOKEN_GIVEN, TOKEN_ENTRA };

struct entra {
	const char *authority, *tenant, *client, *file; /* borrowed */
};

struct token {
	const struct sq_host *host;
	const struct connstr *connstr;
	const char *uri; /* "sb://HOST/QUEUE" */
	int64_t life; /* ns that a signed one holds */
	struct entra entra;
	enum token_kind kind;
	/* status 0: text, type and expires are set. Else the reason, with its cure. Possibly inside
	 * token_get(). */
	void (*done)(struct token *t, int status, const char *why);
	void *owner;

	struct buf text; /* wiped when the next one is asked for */
	const char *type; /* "servicebus.windows.net:sastoken" or "jwt" */
	int64_t expires; /* Unix seconds; 0 = unknown */

	struct fetcher *fetcher;
	struct fetch fetch;
	bool fetching;
	struct buf form;
	char url[640];
};

/* 0, or -EINVAL when Entra is wanted and something of it is missing, or -ENOMEM. */
int token_init(struct token *t, const struct sq_host *host, const struct connstr *connstr, const char *uri,
               struct sq_err *err);
void token_get(struct token *t); /* done() follows; harmless while one is asked for */
void token_free(struct token *t);

#endif
