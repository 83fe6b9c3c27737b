/*
 * connstr.h - the connection string of Azure Service Bus.
 *
 *     Endpoint=sb://HOST[:PORT][/];SharedAccessKeyName=NAME;SharedAccessKey=KEY[;EntityPath=QUEUE]
 *     Endpoint=sb://HOST[:PORT][/];SharedAccessSignature=SharedAccessSignature sr=...[;EntityPath=QUEUE]
 *     Endpoint=sb://HOST[:PORT][/][;EntityPath=QUEUE], or HOST alone: no secret, a Microsoft Entra identity
 *     ...;UseDevelopmentEmulator=true: plain TCP, port 5672
 *
 * Parts are split at ';', each at its first '=', for keys end in '='. Names of parts in any case; empty parts
 * and unknown ones are ignored, as by Microsoft's clients. Pure. An error text never quotes a value.
 */
#ifndef SERVICEBUS_CONNSTR_H
#define SERVICEBUS_CONNSTR_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/util.h>

#define CONNSTR_PORT_TLS 5671
#define CONNSTR_PORT_PLAIN 5672

struct connstr {
	const char *host; /* small or capital as given; an IPv6 address without brackets */
	uint16_t port;
	bool tls; /* false: the emulator */
	const char *entity; /* or "" */
	const char *key_name, *key; /* both or neither ("") */
	const char *signature; /* "SharedAccessSignature sr=...", or "" */
	char *text; /* what the others point into */
};

/* 0, -EINVAL with the reason, or -ENOMEM. out is written on success only, and freed by connstr_free(). */
int connstr_parse(const char *s, struct connstr *out, struct sq_err *err);
void connstr_free(struct connstr *c); /* wipes it; harmless for a zeroed one */

#endif
