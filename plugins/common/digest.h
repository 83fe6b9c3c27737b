/*
 * digest.h - fingerprints and identities: SHA-256 as text, UUIDs, comparing secrets. Pure but for
 * uuid_random. The functions that return int give 0, or -ENOMEM when libcrypto cannot.
 */
#ifndef COMMON_DIGEST_H
#define COMMON_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#define SHA256_TEXT 65 /* bytes of the hexadecimal text, with its NUL */
#define UUID_TEXT 37

int sha256_text(const void *data, size_t len, char out[SHA256_TEXT]); /* small letters */
bool sha256_is_text(const char *s); /* 64 hexadecimal digits in small letters */

/* A random one (RFC 9562, version 4), or -EIO when the system gives no random bytes. */
int uuid_random(char out[UUID_TEXT]);
/* The one that belongs to a name in squall's name space (version 5): the same name, the same UUID. */
int uuid_named(const void *name, size_t len, char out[UUID_TEXT]);
bool uuid_is_text(const char *s, size_t len); /* small letters, as the two above write them */

/* Whether two texts of equal length are equal; takes the same time for every content. */
bool secret_equal(const char *a, const char *b, size_t len);

#endif
