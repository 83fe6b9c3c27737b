/*
 * sas.h - shared access signatures: "SharedAccessSignature sr=URI&sig=SIGNATURE&se=EXPIRY&skn=NAME".
 *
 * The signature is base64(HMAC-SHA256(key, encoded URI "\n" expiry)), each part percent-encoded. The key is
 * taken as the text that the portal shows, not decoded (learn.microsoft.com, "Service Bus access control with
 * Shared Access Signatures"). Pure.
 */
#ifndef SERVICEBUS_SAS_H
#define SERVICEBUS_SAS_H

#include <stdint.h>

#include "core/base/buf.h"

/* Appends a token for uri ("sb://HOST/QUEUE") that holds until expires (Unix seconds). 0, or -ENOMEM. */
int sas_sign(const char *uri, const char *key_name, const char *key, int64_t expires, struct buf *out);

/* When a token expires, in Unix seconds; 0 when it does not say. */
int64_t sas_expires(const char *token);

#endif
