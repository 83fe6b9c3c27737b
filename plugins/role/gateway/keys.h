/*
 * keys.h - the API keys: their SHA-256, one a line, as sha256sum writes them. Never the keys.
 *
 *     printf %s 'the key' | sha256sum >>keys
 */
#ifndef GATEWAY_KEYS_H
#define GATEWAY_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/util.h>

#include "plugins/common/digest.h"

struct keys {
	char (*hashes)[SHA256_TEXT];
	uint32_t count; /* 0: everybody is let in */
};

/* Empty lines and those that begin with '#' are skipped, and what follows the hash. Blocks on the disk.
 * A file without a key is an error. 0, or negative with the line in err. */
int keys_load(const char *path, struct keys *out, struct sq_err *err);
int keys_parse(const char *path, const char *text, struct keys *out, struct sq_err *err);
void keys_free(struct keys *k);

/* authorization: the value of that header. Takes the same time for every wrong key. */
bool keys_admit(const struct keys *k, struct sq_slice authorization);

#endif
