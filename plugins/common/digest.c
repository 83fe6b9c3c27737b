/* digest.c - fingerprints and identities, by libcrypto. */
#include "digest.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static void hex(const uint8_t *bytes, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static bool is_hex(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] == '\0' || !strchr("0123456789abcdef", s[i]))
			return false;
	return true;
}

int sha256_text(const void *data, size_t len, char out[SHA256_TEXT])
{
	uint8_t sum[EVP_MAX_MD_SIZE];

	if (EVP_Digest(data, len, sum, NULL, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	hex(sum, 32, out);
	return 0;
}

bool sha256_is_text(const char *s)
{
	return strlen(s) == SHA256_TEXT - 1 && is_hex(s, SHA256_TEXT - 1);
}

static void uuid_write(const uint8_t b[16], unsigned version, char out[UUID_TEXT])
{
	uint8_t id[16];
	char *at = out;

	memcpy(id, b, sizeof id);
	id[6] = (uint8_t)((id[6] & 0x0f) | version << 4);
	id[8] = (uint8_t)((id[8] & 0x3f) | 0x80); /* the variant of RFC 9562 */
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		hex(&id[i], 1, at);
		at += 2;
	}
}

int uuid_random(char out[UUID_TEXT])
{
	uint8_t b[16];

	/* Up to 256 bytes come whole once the system has seeded itself at boot: getrandom(2). */
	if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
		return -EIO;
	uuid_write(b, 4, out);
	return 0;
}

int uuid_named(const void *name, size_t len, char out[UUID_TEXT])
{
	/* e7d0e7a4-6b1f-4d1c-9c07-5a0d3a1b8f62: made once at random, never to change. */
	static const uint8_t space[16] = {0xe7, 0xd0, 0xe7, 0xa4, 0x6b, 0x1f, 0x4d, 0x1c,
	                                  0x9c, 0x07, 0x5a, 0x0d, 0x3a, 0x1b, 0x8f, 0x62};
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t sum[EVP_MAX_MD_SIZE];
	bool good = md && EVP_DigestInit_ex(md, EVP_sha1(), NULL) == 1 &&
	            EVP_DigestUpdate(md, space, sizeof space) == 1 && EVP_DigestUpdate(md, name, len) == 1 &&
	            EVP_DigestFinal_ex(md, sum, NULL) == 1;

	EVP_MD_CTX_free(md);
	if (!good)
		return -ENOMEM;
	uuid_write(sum, 5, out);
	return 0;
}

bool uuid_is_text(const char *s, size_t len)
{
	bool good = len == UUID_TEXT - 1;

	for (size_t i = 0; good && i < len; i++)
		good = i == 8 || i == 13 || i == 18 || i == 23 ? s[i] == '-' : is_hex(s + i, 1);
	return good;
}

bool secret_equal(const char *a, const char *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}
