/*
 * fuzz_hist.c - any bytes as a histogram blob. The first byte says how much of the wrapping is made
 * for them, as no fuzzer guesses a checksum: 0 they are the text itself, 1 the blob behind the
 * base64, 2 what zlib packs, 3 the counts alone.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/hist.h"
#include "tests/hist_blob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
	if (!good)
		abort();
}

static void wrap_counts(const uint8_t *counts, size_t len, struct buf *text)
{
	uint8_t *inner = calloc(1, 40 + len);

	require(inner);
	blob_put32(inner, 0x1c849313);
	blob_put32(inner + 4, (uint32_t)len);
	blob_put32(inner + 12, 3);
	inner[23] = 1;
	blob_put32(inner + 32, 0x3ff00000);
	if (len > 0)
		memcpy(inner + 40, counts, len);
	blob_pack(inner, 40 + len, 0x1c849314, 0, text);
	free(inner);
}

static void wrap(unsigned how, const uint8_t *data, size_t size, struct buf *text)
{
	if (how == 0)
		buf_add(text, data, size);
	else if (how == 1)
		blob_base64(data, size, text);
	else if (how == 2)
		blob_pack(data, size, 0x1c849314, 0, text);
	else
		wrap_counts(data, size, text);
}

/* The fields beside the cells agree with them. */
static void check_consistent(const struct hist *h)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < HIST_CELLS; i++) {
		count += h->cells[i];
		require(h->cells[i] == 0 || (i >= h->low && i <= h->high));
	}
	require(count == h->count);
	if (count == 0)
		return;
	require(h->cells[h->low] && h->cells[h->high]);
	require(h->min == hist_cell_low(h->low) && h->max >= hist_cell_low(h->high) &&
	        h->max <= HIST_CEILING);
	for (double p = 0; p <= 100; p += 12.5)
		require(hist_percentile(h, p) >= h->min && hist_percentile(h, p) <= h->max);
	require(hist_mean(h) >= 0 && hist_mean(h) <= (double)HIST_CEILING * 1.001);
}

static void check_again(const struct hist *h)
{
	struct hist *again = hist_new();
	struct buf text = {0};

	require(again && hist_encode(h, &text) == 0);
	require(hist_decode(again, text.data, text.len, NULL) == 0);
	require(hist_equal(h, again) && again->min == h->min && again->max == h->max && again->sum == h->sum);
	buf_reset(&text);
	hist_hgrm(h, 1, &text);
	require(text.len > 0 && text.len < 10000000);
	buf_free(&text);
	hist_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hist *h = hist_new();
	struct buf text = {0};
	struct sq_err err = {0};
	int r;

	require(h);
	buf_str(&text, "");
	if (size > 0)
		wrap(data[0] & 3u, data + 1, size - 1, &text);
	r = hist_decode(h, text.data, text.len, &err);
	require(r == err.code && (r < 0) == (err.text[0] != '\0'));
	check_consistent(h);
	if (r == 0)
		check_again(h);
	else
		require(h->count == 0);
	buf_free(&text);
	hist_free(h);
	return 0;
}
