/*
 * http_script.h - an HTTP server on the loop of the test that says what its script says, plain or with TLS.
 *
 *     script_open(&s, loop, NULL);
 *     script_next(&s, "GET /pods", 200, "{}");      the answer to the next request, which must begin so
 *     script_open_end(&s, "GET /pods?watch", 200);   an answer without end,
 *     script_say(&s, "{...}\n");                     whose body comes piece by piece
 *     script_hang_up(&s);
 *
 * Requests beyond the script, or unlike it, are counted in strange.
 */
#ifndef TESTS_HTTP_SCRIPT_H
#define TESTS_HTTP_SCRIPT_H

#include <ev.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#define SCRIPT_STEPS 64
#define SCRIPT_CONNS 16

struct script_conn {
	struct ev_io io; /* fd < 0: free */
	SSL *ssl;
	struct script *script;
	char in[8192];
	size_t len;
};

struct script {
	struct ev_loop *loop;
	SSL_CTX *tls;
	struct ev_io accept;
	struct script_conn conns[SCRIPT_CONNS], *endless;
	struct {
		const char *expect;
		char *answer;
		bool endless;
	} steps[SCRIPT_STEPS];
	unsigned planned, asked; /* steps, requests */
	unsigned strange;
	char last[8192]; /* request */
	char base[64]; /* "http://127.0.0.1:1234" */
};

/* tls: NULL for none. Everything that can fail ends the program. */
void script_open(struct script *s, struct ev_loop *loop, SSL_CTX *tls);
void script_close(struct script *s);
/* expect is borrowed; body is not. header: "Retry-After: 1", or NULL. */
void script_next_with(struct script *s, const char *expect, int status, const char *header, const char *body);
static inline void script_next(struct script *s, const char *expect, int status, const char *body)
{
	script_next_with(s, expect, status, NULL, body);
}
void script_open_end(struct script *s, const char *expect, int status);
bool script_is_open(const struct script *s); /* the last answer without end is being given */
void script_say(struct script *s, const char *text);
void script_hang_up(struct script *s);

#endif
