/* connstr.c - from the text to host, queue and credentials. */
#include "connstr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/text.h"

#define CURE "copy the primary connection string from the portal's shared access policies"

struct parts {
	char *endpoint, *entity, *key_name, *key, *signature, *emulator;
};

static char *trim(char *s)
{
	size_t len;

	s += strspn(s, " \t\r\n");
	for (len = strlen(s); len > 0 && strchr(" \t\r\n", s[len - 1]); len--)
		s[len - 1] = '\0';
	return s;
}

static char **part_of(struct parts *p, const char *name)
{
	const struct {
		const char *name;
		char **value;
	} known[] = {{"Endpoint", &p->endpoint},
	             {"EntityPath", &p->entity},
	             {"SharedAccessKeyName", &p->key_name},
	             {"SharedAccessKey", &p->key},
	             {"SharedAccessSignature", &p->signature},
	             {"UseDevelopmentEmulator", &p->emulator}};

	for (unsigned i = 0; i < SQ_LEN(known); i++)
		if (strcasecmp(known[i].name, name) == 0)
			return known[i].value;
	return NULL;
}

/* Cuts text up. A text without any '=' is a host. */
static int split(char *text, struct parts *p, struct sq_err *err)
{
	char *at = text, *part;

	if (!strchr(text, '=')) {
		p->endpoint = trim(text);
		return 0;
	}
	while ((part = strsep(&at, ";"))) {
		char *value, **slot;

		part = trim(part);
		if (!*part)
			continue;
		value = strchr(part, '=');
		if (!value || value == part)
			return sq_fail(
			    err, -EINVAL,
			    "the Service Bus connection string has a part that is not NAME=VALUE: " CURE);
		*value++ = '\0';
		slot = part_of(p, trim(part));
		if (!slot)
			continue;
		if (*slot)
			return sq_fail(err, -EINVAL,
			               "the Service Bus connection string names %s twice: " CURE, trim(part));
		*slot = trim(value);
	}
	return 0;
}

/* HOST[:PORT][/...] with or without a scheme, cut in place. */
static int read_endpoint(char *s, struct connstr *c, struct sq_err *err)
{
	char *scheme = strstr(s, "://"), *host = scheme ? scheme + 3 : s, *end, *port = NULL;
	int64_t n = c->port;

	if (*host == '[' && (end = strchr(host, ']'))) {
		host++;
		*end++ = '\0';
	} else {
		end = host + strcspn(host, ":/");
	}
	if (*end == ':')
		port = end + 1;
	if (*end)
		*end++ = '\0';
	if (port) {
		port[strcspn(port, "/")] = '\0';
		if (text_parse_int(port, &n) < 0 || n < 1 || n > 65535)
			return sq_fail(err, -EINVAL, "the port in Endpoint is no number of 1 .. 65535");
	}
	if (!*host || strlen(host) > 253 ||
	    host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:")])
		return sq_fail(
		    err, -EINVAL,
		    "Endpoint names no host: it looks like sb://NAMESPACE.servicebus.windows.net/");
	c->host = host;
	c->port = (uint16_t)n;
	return 0;
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static int read_credentials(const struct parts *p, struct connstr *c, struct sq_err *err)
{
	c->key_name = or_empty(p->key_name);
	c->key = or_empty(p->key);
	c->signature = or_empty(p->signature);
	if (!*c->key_name != !*c->key)
		return sq_fail(err, -EINVAL, "the Service Bus connection string has %s but no %s: " CURE,
		               *c->key ? "SharedAccessKey" : "SharedAccessKeyName",
		               *c->key ? "SharedAccessKeyName" : "SharedAccessKey");
	if (*c->key && *c->signature)
		return sq_fail(err, -EINVAL,
		               "the Service Bus connection string has both SharedAccessKey and "
		               "SharedAccessSignature: remove one of them");
	if (*c->signature && strncmp(c->signature, "SharedAccessSignature ", 22) != 0)
		return sq_fail(
		    err, -EINVAL,
		    "SharedAccessSignature does not begin with \"SharedAccessSignature sr=\": paste the "
		    "whole token");
	return 0;
}

static int read_parts(const struct parts *p, struct connstr *c, struct sq_err *err)
{
	int r;

	if (!p->endpoint || !*p->endpoint)
		return sq_fail(err, -EINVAL, "the Service Bus connection string has no Endpoint: " CURE);
	c->tls = !p->emulator || strcasecmp(p->emulator, "true") != 0;
	c->port = c->tls ? CONNSTR_PORT_TLS : CONNSTR_PORT_PLAIN;
	c->entity = or_empty(p->entity);
	r = read_endpoint(p->endpoint, c, err);
	return r < 0 ? r : read_credentials(p, c, err);
}

int connstr_parse(const char *s, struct connstr *out, struct sq_err *err)
{
	struct connstr c = {.text = strdup(s)};
	struct parts p = {0};
	int r;

	if (!c.text)
		return sq_fail(err, -ENOMEM, "no memory");
	r = split(c.text, &p, err);
	if (r == 0)
		r = read_parts(&p, &c, err);
	if (r < 0) {
		explicit_bzero(c.text, strlen(s));
		free(c.text);
		return r;
	}
	*out = c;
	return 0;
}

static void wipe(const struct connstr *c, const char *secret)
{
	explicit_bzero(c->text + (secret - c->text), strlen(secret));
}

void connstr_free(struct connstr *c)
{
	if (!c->text)
		return;
	if (*c->key)
		wipe(c, c->key);
	if (*c->signature)
		wipe(c, c->signature);
	free(c->text);
	*c = (struct connstr){0};
}
