/* test_hist_codec.c - histograms as HdrHistogram blobs and as percentile spectra. */
#include <errno.h>
#include <stdlib.h>

#include "core/base/hist.h"
#include "tests/failmalloc.h"
#include "tests/hist_blob.h"
#include "tests/tap.h"

static void round_trip(struct hist *h, const char *name)
{
	struct hist *back = hist_new();
	struct buf text = {0}, again = {0};
	struct sq_err err = {0};

	is_int(hist_encode(h, &text), 0, name);
	printf("# %zu bytes\n", text.len);
	ok(strncmp(text.data, "HISTFAAA", 8) == 0, "%s: begins like every such blob", name);
	hist_add_censored(back, 3 * SQ_S);
	ok(hist_decode(back, text.data, text.len, &err) == 0, "%s: decoded %s", name, err.text);
	ok(hist_equal(h, back) && back->low == h->low && back->high == h->high, "%s: the same cells", name);
	ok(back->censored == 0, "%s: nothing is left of what was there", name);
	ok(h->count == 0 || (back->min <= h->min && hist_cell(back->min) == hist_cell(h->min) &&
	                     back->max >= h->max && hist_cell(back->max) == hist_cell(h->max)),
	   "%s: min and max are those of the cells", name);
	ok(hist_mean(back) <= hist_mean(h) * 1.0005 + 1 && hist_mean(back) >= hist_mean(h) * 0.9995 - 1,
	   "%s: the mean is near", name);
	ok(hist_encode(back, &again) == 0 && again.len == text.len &&
	       memcmp(again.data, text.data, text.len) == 0,
	   "%s: encoded again, the same bytes", name);
	buf_free(&text);
	buf_free(&again);
	hist_free(back);
	hist_free(h);
}

static struct hist *of_values(const int64_t *values, size_t count)
{
	struct hist *h = hist_new();

	for (size_t i = 0; i < count; i++)
		hist_add(h, values[i]);
	return h;
}

static struct hist *filled(uint32_t first, uint32_t step, uint64_t n)
{
	struct hist *h = hist_new();

	for (uint32_t i = first; i <= hist_cell(HIST_CEILING); i += step) {
		hist_add(h, hist_cell_low(i));
		h->cells[i] += n;
		h->count += n;
		h->sum += (unsigned __int128)(uint64_t)hist_cell_low(i) * n;
	}
	return h;
}

static void round_trips(void)
{
	static const int64_t ends[] = {0, 1, 2047, 2048, HIST_CEILING};
	struct hist *zero = hist_new();

	for (int i = 0; i < 1000; i++)
		hist_add(zero, 0);
	round_trip(hist_new(), "empty");
	round_trip(zero, "only zeroes");
	round_trip(of_values(ends, SQ_LEN(ends)), "both ends");
	round_trip(filled(0, 1, 0), "every cell");
	round_trip(filled(1, 2, 63), "every second cell");
	round_trip(filled(5, 3, (uint64_t)1 << 45), "every third cell, huge counts");
	round_trip(filled(33000, 40000, (uint64_t)INT64_MAX - 1), "the largest count");
}

/* --- blobs by hand --------------------------------------------------------------------------- */

struct blob {
	uint8_t inner[400000];
	size_t inner_len;
	uint32_t outer_cookie, outer_length; /* length: 0 = the right one */
};

/* A histogram with these varints, whose header says highest value 2. */
static struct blob *blob_new(const void *counts, size_t len)
{
	struct blob *b = calloc(1, sizeof *b);

	b->outer_cookie = 0x1c849304;
	blob_put32(b->inner, 0x1c849303);
	blob_put32(b->inner + 4, (uint32_t)len);
	blob_put32(b->inner + 12, 3);
	b->inner[23] = 1;
	b->inner[31] = 2;
	blob_put32(b->inner + 32, 0x3ff00000); /* 1.0 */
	memcpy(b->inner + 40, counts, len);
	b->inner_len = 40 + len;
	return b;
}

static int decode_blob(struct blob *b, struct hist *h, struct sq_err *err)
{
	struct buf text = {0};
	int r;

	blob_pack(b->inner, b->inner_len, b->outer_cookie, b->outer_length, &text);
	r = hist_decode(h, text.data, text.len, err);
	buf_free(&text);
	free(b);
	return r;
}

static void refused(struct blob *b, const char *why)
{
	struct hist *h = hist_new();
	struct sq_err err = {0};

	hist_add(h, 99);
	ok(decode_blob(b, h, &err) == -EBADMSG && strstr(err.text, why) && h->count == 1 && h->max == 99,
	   "refused: %s", err.text);
	hist_free(h);
}

static struct blob *with_byte(size_t at, uint8_t value)
{
	struct blob *b = blob_new("\x02", 1);

	b->inner[at] = value;
	return b;
}

static void foreign(void)
{
	struct hist *h = hist_new();
	struct sq_err err = {0};

	/* Two values of 0, a single empty cell, 3 of 2 ns, 100 empty cells, 1 of 103 ns, 20,000 empty. */
	ok(decode_blob(blob_new("\x04\0\x06\xc7\x01\x02\xbf\xb8\x02", 9), h, &err) == 0 && h->count == 6 &&
	       h->cells[0] == 2 && h->cells[2] == 3 && h->cells[103] == 1,
	   "another tool's blob, any highest value, trailing zeroes %s", err.text);
	ok(decode_blob(blob_new("\xbf\xb8\x02\xbf\xb8\x02", 6), h, &err) == 0 && h->count == 0,
	   "zeroes far beyond our ceiling are no harm %s", err.text);
	ok(decode_blob(blob_new("\x82\x80\0", 3), h, &err) == 0 && h->cells[0] == 1, "a padded number %s",
	   err.text);
	ok(decode_blob(with_byte(3, 0x13), h, &err) == 0 && h->count == 1, "with the flag in the cookie");
	hist_free(h);
}

static void hostile(void)
{
	static uint8_t many[350000];
	struct blob *b;

	refused(with_byte(0, 0x1d), "V2 encoding inside");
	refused(with_byte(3, 0x02), "V2 encoding inside");
	refused(with_byte(7, 2), "payload length");
	refused(with_byte(11, 1), "shifted");
	refused(with_byte(15, 2), "3 significant digits");
	refused(with_byte(23, 2), "lowest value 1");
	refused(with_byte(32, 0x40), "scaled");
	refused(with_byte(32, 0x7f), "scaled");
	refused(blob_new("\x02\x82", 2), "cut off");
	refused(blob_new("\xff\xff\xff\xff\xff\xff\xff\xff", 8), "cut off");
	refused(blob_new("\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9), "run of zeroes");
	refused(blob_new("\xff\xff\x07", 3), "run of zeroes");
	refused(blob_new("\xff\x8f\x04\x02", 4), "above 1 h"); /* 33,792 empty cells, then 1 */
	refused(blob_new("\x99\x8a\x04\x02", 4), "above 1 h"); /* the cell behind the ceiling's */
	refused(blob_new("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10), "exceed 2^63");
	refused(blob_new(many, sizeof many), "unpacks to more");
	b = blob_new("\x02", 1);
	b->inner_len = 39;
	refused(b, "V2 encoding inside");
	b = blob_new("\x02", 1);
	b->outer_length = 1u << 31;
	refused(b, "its length");
	b = blob_new("\x02", 1);
	b->outer_cookie = 0x1c849301;
	refused(b, "compressed V2");
}

static void not_blobs(void)
{
	static const char *const texts[] = {
	    "",
	    "A",
	    "AAAA",
	    "HISTFAAA",
	    "HIST FAA",
	    "====",
	    "HIS=FAAA",
	    "HISTFAAAAAA=",
	    "HISTFAAAAAF4nGNgYGBg",
	};
	struct hist *h = hist_new();
	struct sq_err err;
	char *huge = malloc(1 << 20);
	struct buf text = {0};
	bool all = true;

	for (size_t i = 0; i < SQ_LEN(texts); i++)
		ok(hist_decode(h, texts[i], strlen(texts[i]), &err) == -EBADMSG, "\"%s\": %s", texts[i],
		   err.text);
	memset(huge, 'A', 1 << 20);
	ok(hist_decode(h, huge, 1 << 20, &err) == -EBADMSG && strstr(err.text, "longer"), "1 MB: %s",
	   err.text);
	free(huge);
	hist_add(h, 12345678);
	hist_encode(h, &text);
	for (size_t len = 0; len < text.len; len++)
		all &= hist_decode(h, text.data, len, NULL) == -EBADMSG;
	ok(all, "a blob cut off anywhere is refused");
	for (size_t i = 11; i < text.len; i++) { /* behind the cookie: damage may go unseen, never harm */
		char was = text.data[i];

		text.data[i] = was == 'A' ? 'B' : 'A';
		hist_decode(h, text.data, text.len, NULL);
		text.data[i] = was;
	}
	ok(hist_decode(h, text.data, text.len, NULL) == 0, "the whole is taken");
	buf_free(&text);
	hist_free(h);
}

/* --- spectrum -------------------------------------------------------------------------------- */

static void spectrum(void)
{
	struct hist *h = hist_new();
	struct buf out = {0};

	for (int i = 1; i <= 4; i++)
		hist_add(h, i * SQ_MS);
	hist_hgrm(h, SQ_MS, &out);
	is_str(out.data,
	       "       Value     Percentile TotalCount 1/(1-Percentile)\n"
	       "\n"
	       "       1.000 0.000000000000          1           1.00\n"
	       "       1.000 0.100000000000          1           1.11\n"
	       "       1.000 0.200000000000          1           1.25\n"
	       "       2.001 0.300000000000          2           1.43\n"
	       "       2.001 0.400000000000          2           1.67\n"
	       "       2.001 0.500000000000          2           2.00\n"
	       "       3.000 0.550000000000          3           2.22\n"
	       "       3.000 0.600000000000          3           2.50\n"
	       "       3.000 0.650000000000          3           2.86\n"
	       "       3.000 0.700000000000          3           3.33\n"
	       "       3.000 0.750000000000          3           4.00\n"
	       "       4.000 0.775000000000          4           4.44\n"
	       "       4.000 1.000000000000          4\n"
	       "#[Mean    =        2.500, StdDeviation   =        1.118]\n"
	       "#[Max     =        4.000, Total count    =            4]\n"
	       "#[Buckets =           32, SubBuckets     =         2048]\n",
	       "four values");
	buf_reset(&out);
	hist_reset(h);
	hist_hgrm(h, SQ_MS, &out);
	is_str(out.data,
	       "       Value     Percentile TotalCount 1/(1-Percentile)\n"
	       "\n"
	       "#[Mean    =        0.000, StdDeviation   =        0.000]\n"
	       "#[Max     =        0.000, Total count    =            0]\n"
	       "#[Buckets =           32, SubBuckets     =         2048]\n",
	       "no value");
	hist_add(h, 5);
	h->cells[5] = h->count = INT64_MAX;
	hist_add(h, 6);
	buf_reset(&out);
	hist_hgrm(h, 1, &out);
	ok(out.len < 20000 && strstr(out.data, "1.000000000000 9223372036854775808\n"),
	   "counts beyond any double end");
	buf_free(&out);
	hist_free(h);
}

static void no_memory(void)
{
	static const int64_t values[] = {1, 2, 3};
	struct hist *h = of_values(values, 3), *out = hist_new();
	struct buf text = {0};
	bool good = true;
	unsigned n;

	for (n = 1;; n++) {
		buf_free(&text);
		failmalloc_after(n);
		int r = hist_encode(h, &text);
		if (!failmalloc_stop())
			break;
		good &= r == -ENOMEM;
	}
	ok(good && n > 3, "encoding: each of %u allocations failed once", n - 1);
	for (n = 1;; n++) {
		struct sq_err err = {0};

		failmalloc_after(n);
		int r = hist_decode(out, text.data, text.len, &err);
		if (!failmalloc_stop())
			break;
		good &= r == -ENOMEM && err.code == -ENOMEM && out->count == 0;
	}
	ok(good && n > 2 && hist_equal(h, out), "decoding: each of %u allocations failed once", n - 1);
	buf_free(&text);
	hist_free(h);
	hist_free(out);
}

int main(void)
{
	round_trips();
	foreign();
	hostile();
	not_blobs();
	spectrum();
	no_memory();
	return tap_done();
}
