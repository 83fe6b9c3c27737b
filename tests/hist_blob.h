/* hist_blob.h - histogram blobs by hand, for what no encoder of ours would write. */
#ifndef TESTS_HIST_BLOB_H
#define TESTS_HIST_BLOB_H

#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "core/base/buf.h"

__attribute__((unused)) static void blob_put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

__attribute__((unused)) static void blob_base64(const uint8_t *data, size_t len, struct buf *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t bit = 0; bit < len * 8; bit += 6) {
		unsigned v = 0;

		for (size_t i = bit; i < bit + 6; i++)
			v = v << 1 | (i / 8 < len ? data[i / 8] >> (7 - i % 8) & 1u : 0);
		buf_add(out, &digits[v], 1);
	}
	while (out->len % 4)
		buf_add(out, "=", 1);
}

/* The compressed blob around what stands inside of it. length: what its header says, 0 = the truth. */
__attribute__((unused)) static void blob_pack(const uint8_t *inner, size_t len, uint32_t cookie,
                                              uint32_t length, struct buf *out)
{
	uLongf packed = compressBound(len);
	uint8_t *data = malloc(packed + 8);

	if (!data || compress(data + 8, &packed, inner, len) != Z_OK)
		abort();
	blob_put32(data, cookie);
	blob_put32(data + 4, length ? length : (uint32_t)packed);
	blob_base64(data, packed + 8, out);
	free(data);
}

#endif
