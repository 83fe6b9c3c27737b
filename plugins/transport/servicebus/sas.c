/* sas.c - signing, and reading the expiry of what somebody else signed. */
#include "sas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/base/url.h"

int sas_sign(const char *uri, const char *key_name, const char *key, int64_t expires, struct buf *out)
{
	unsigned char mac[EVP_MAX_MD_SIZE], base64[2 * EVP_MAX_MD_SIZE];
	struct buf sr = {0}, text = {0};
	unsigned len = 0;
	int r = -ENOMEM;

	url_encode(&sr, uri);
	buf_printf(&text, "%s\n%lld", sr.data ? sr.data : "", (long long)expires);
	if (!buf_failed(&sr) && !buf_failed(&text) &&
	    HMAC(EVP_sha256(), key, (int)strlen(key), (const unsigned char *)text.data, text.len, mac,
	         &len)) {
		EVP_EncodeBlock(base64, mac, (int)len);
		buf_printf(out, "SharedAccessSignature sr=%s&sig=", sr.data);
		url_encode(out, (const char *)base64);
		buf_printf(out, "&se=%lld&skn=", (long long)expires);
		url_encode(out, key_name);
		r = buf_failed(out) ? -ENOMEM : 0;
	}
	buf_free(&sr);
	buf_free(&text);
	return r;
}

int64_t sas_expires(const char *token)
{
	for (const char *at = token; (at = strstr(at, "se=")); at += 3) {
		char *end;
		long long n;

		if (at == token || !strchr("& ?", at[-1]))
			continue;
		errno = 0;
		n = strtoll(at + 3, &end, 10);
		if (errno == 0 && end > at + 3 && n > 0 && (*end == '&' || *end == '\0'))
			return n;
	}
	return 0;
}
