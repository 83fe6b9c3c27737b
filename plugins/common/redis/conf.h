/*
 * conf.h - the options that everything that speaks with a Redis has in common.
 *
 * struct redis_conf is the first member of the plugin's own configuration structure, and
 * REDIS_OPTIONS stand in its table.
 */
#ifndef REDIS_CONF_H
#define REDIS_CONF_H

#include <squall/conf.h>
#include <squall/util.h>

struct redis_conf {
	const char *host, *username, *space;
	const char *password; /* where it is to be had: secret_read() */
	const char *ssl_ca, *ssl_cert, *ssl_key, *ssl_name;
	int64_t port, database, connect_timeout, answer_timeout;
	bool ssl;
};

#define REDIS_OPTIONS                                                                                        \
	SQ_STRING(struct redis_conf, host, "localhost",                                                      \
	          "Name or address of the Redis server, or unix:/path of its socket.", .env = "REDIS_HOST"), \
	    SQ_INT(struct redis_conf, port, "6379", 1, 65535,                                                \
	           "Its port. Azure Cache for Redis has 6380 for TLS, Azure Managed Redis 10000.",           \
	           .env = "REDIS_PORT"),                                                                     \
	    SQ_STRING(struct redis_conf, username, "",                                                       \
	              "User for AUTH; empty for the server's default user."),                                \
	    SQ_SECRET(struct redis_conf, password,                                                           \
	              "Password for AUTH; without it there is none. A file is read again for each"           \
	              " connection, so that a key that is changed or a token that is renewed needs no"       \
	              " restart.",                                                                           \
	              .flags = SQ_F_REREAD, .env = "REDIS_PASSWORD"),                                        \
	    SQ_BOOL(struct redis_conf, ssl, "false",                                                         \
	            "Speak TLS. Chain and name of the server's certificate are verified.",                   \
	            .env = "REDIS_SSL"),                                                                     \
	    SQ_STRING(struct redis_conf, ssl_ca, "",                                                         \
	              "File with the authorities to trust (PEM); empty: those of this system. Like the two"  \
	              " below it is read again for each connection."),                                       \
	    SQ_STRING(struct redis_conf, ssl_cert, "",                                                       \
	              "File with our own certificate and its chain (PEM), for a server that asks for one.",  \
	              .flags = SQ_F_EXPERT),                                                                 \
	    SQ_STRING(struct redis_conf, ssl_key, "", "File with the key of ssl_cert (PEM).",                \
	              .flags = SQ_F_EXPERT),                                                                 \
	    SQ_STRING(struct redis_conf, ssl_name, "",                                                       \
	              "Name that the server's certificate must be for; empty: the host.",                    \
	              .flags = SQ_F_EXPERT),                                                                 \
	    SQ_INT(struct redis_conf, database, "0", 0, 1000000, "Number of the database (SELECT).",         \
	           .flags = SQ_F_EXPERT),                                                                    \
	    SQ_STRING(struct redis_conf, space, "main",                                                      \
	              "Names the keys: squall:{SPACE}:... Systems with different names share a server. The " \
	              "store's counter of hits"                                                              \
	              " is apart: give it a key of its own too. Letters, digits, and . _ : -",               \
	              .flags = SQ_F_EXPERT),                                                                 \
	    SQ_DURATION(struct redis_conf, connect_timeout, "5s", 10 * SQ_MS, 300 * SQ_S,                    \
	                "Longest wait for each of: name server, connection, TLS.", .flags = SQ_F_EXPERT),    \
	    SQ_DURATION(                                                                                     \
	        struct redis_conf, answer_timeout, "5s", 100 * SQ_MS, 300 * SQ_S,                            \
	        "Longest silence of the server while it owes an answer; then the connection is given up.",   \
	        .flags = SQ_F_EXPERT)

/* What no single option can tell. For check(). */
int redis_conf_check(const struct redis_conf *c, struct sq_err *err);

#endif
