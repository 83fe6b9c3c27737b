/*
 * url.h - the URLs that squall can load: http://host[:port][/path][?query].
 *
 * "host:port" and "host/path" mean http://. User names, fragments and other schemes are refused
 * with a reason. https is recognised; whether it can be used is the caller's business.
 */
#ifndef BASE_URL_H
#define BASE_URL_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/util.h>

#include "buf.h"

struct url {
	char host[256]; /* without the brackets of an IPv6 address; lower case */
	char authority[280]; /* for the Host header: brackets kept, default port left out */
	uint16_t port;
	bool tls;
	bool numeric; /* host is an IPv4 or IPv6 address */
	const char *path; /* "/..." with the query; points into text */
	char text[2048]; /* the whole in normal form */
};

/* 0, or -EINVAL with the reason. out is written only on success. path points into out itself, so
 * copy a struct url with url_copy only. */
int url_parse(const char *s, struct url *out, struct sq_err *err);
/* Path and query alone: 0, or -EINVAL with the reason. Blanks may stand within {{ }} (template.h). */
int url_check_path(const char *path, struct sq_err *err);

void url_copy(struct url *to, const struct url *from);

/* Appends s percent-encoded, as a part of a URL: all but what RFC 3986, 2.3, calls unreserved. */
void url_encode(struct buf *out, const char *s);

#endif
