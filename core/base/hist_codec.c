/* hist_codec.c - histograms for other tools: HdrHistogram V2 blobs and percentile spectra. */
#include "hist.h"

#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define COOKIE_INNER 0x1c849303u
#define COOKIE_OUTER 0x1c849304u
#define COOKIE_FLAG 0x10u /* written by all, read by none: V1 kept the size of a count there */
#define COOKIE_MASK 0xffffff0fu

#define OUTER_HEADER 8
#define INNER_HEADER 40
#define VARINT_MAX 9
#define PAYLOAD_MAX (INNER_HEADER + VARINT_MAX * HIST_CELLS)
#define BLOB_MAX \
	(OUTER_HEADER + PAYLOAD_MAX + PAYLOAD_MAX / 100 + 64) /* zlib adds less where it can't pack */
#define FOREIGN_CELLS (55 * 1024) /* cells of the layout that ends at INT64_MAX */

#define TICKS_PER_HALF 5 /* rows of a spectrum until the distance to 100 % has halved */

/* --- numbers -------------------------------------------------------------------------------- */

static uint8_t *put_u32(uint8_t *p, uint32_t v)
{
	v = htobe32(v);
	return (uint8_t *)memcpy(p, &v, sizeof v) + sizeof v;
}

static uint8_t *put_u64(uint8_t *p, uint64_t v)
{
	v = htobe64(v);
	return (uint8_t *)memcpy(p, &v, sizeof v) + sizeof v;
}

static uint32_t get_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return be32toh(v);
}

static uint64_t get_u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return be64toh(v);
}

/* ZigZag LEB128 as HdrHistogram has it: seven bits a byte, the ninth byte holds eight. */
static uint8_t *put_varint(uint8_t *p, int64_t value)
{
	uint64_t v = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);

	for (int i = 0; i < VARINT_MAX - 1 && v > 0x7f; i++, v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

/* Where the next one starts; NULL when this one is cut off. */
static const uint8_t *get_varint(const uint8_t *p, const uint8_t *end, int64_t *ret)
{
	uint64_t v = 0;

	for (int i = 0; p < end; i++) {
		uint64_t byte = *p++;

		if (i == VARINT_MAX - 1 || byte < 0x80) {
			v |= byte << 7 * i;
			*ret = (int64_t)(v >> 1 ^ -(v & 1));
			return p;
		}
		v |= (byte & 0x7f) << 7 * i;
	}
	return NULL;
}

/* --- base64 (RFC 4648, 4) -------------------------------------------------------------------- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int put_base64(struct buf *out, const uint8_t *data, size_t len)
{
	char *p = buf_room(out, (len + 2) / 3 * 4);

	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t v = (uint32_t)data[i] << 16;

		v |= left > 1 ? (uint32_t)data[i + 1] << 8 : 0;
		v |= left > 2 ? data[i + 2] : 0;
		*p++ = alphabet[v >> 18];
		*p++ = alphabet[v >> 12 & 63];
		*p++ = left > 1 ? alphabet[v >> 6 & 63] : '=';
		*p++ = left > 2 ? alphabet[v & 63] : '=';
	}
	*p = '\0';
	out->len = (size_t)(p - out->data);
	return 0;
}

static void fill_base64_table(int8_t table[256])
{
	memset(table, -1, 256);
	for (int i = 0; i < 64; i++)
		table[(uint8_t)alphabet[i]] = (int8_t)i;
}

/* Bytes written to out, which has len / 4 * 3 of room, or -EBADMSG. */
static ssize_t get_base64(const char *text, size_t len, uint8_t *out)
{
	const uint8_t *in = (const uint8_t *)text;
	uint8_t *p = out;
	int8_t table[256];
	size_t pad = 0;

	if (len == 0 || len % 4 != 0)
		return -EBADMSG;
	fill_base64_table(table);
	while (pad < 2 && in[len - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < len; i += 4) {
		uint32_t v = 0;

		for (size_t j = i; j < i + 4; j++) {
			int six = j >= len - pad ? 0 : table[in[j]];

			if (six < 0)
				return -EBADMSG;
			v = v << 6 | (uint32_t)six;
		}
		*p++ = (uint8_t)(v >> 16);
		*p++ = (uint8_t)(v >> 8);
		*p++ = (uint8_t)v;
	}
	return p - out - (ssize_t)pad;
}

/* --- writing --------------------------------------------------------------------------------- */

static uint8_t *put_counts(uint8_t *p, const struct hist *h)
{
	uint32_t end = h->count ? h->high + 1 : 0, zeroes = 0;

	for (uint32_t i = 0; i < end; i++) {
		if (h->cells[i] == 0) {
			zeroes++;
			continue;
		}
		if (zeroes > 0)
			p = put_varint(p, -(int64_t)zeroes);
		p = put_varint(p, (int64_t)h->cells[i]);
		zeroes = 0;
	}
	return p;
}

static size_t put_payload(uint8_t *payload, const struct hist *h)
{
	uint8_t *end = put_counts(payload + INNER_HEADER, h), *p = payload;
	double ratio = 1;
	uint64_t ratio_bits;

	memcpy(&ratio_bits, &ratio, sizeof ratio_bits);
	p = put_u32(p, COOKIE_INNER | COOKIE_FLAG);
	p = put_u32(p, (uint32_t)(end - payload) - INNER_HEADER);
	p = put_u32(p, 0); /* normalising index offset */
	p = put_u32(p, HIST_DIGITS);
	p = put_u64(p, 1); /* lowest discernible value */
	p = put_u64(p, HIST_CEILING);
	put_u64(p, ratio_bits); /* of integers to doubles */
	return (size_t)(end - payload);
}

int hist_encode(const struct hist *h, struct buf *base64)
{
	uint8_t *payload = malloc(PAYLOAD_MAX), *blob = malloc(BLOB_MAX);
	uLongf packed = BLOB_MAX - OUTER_HEADER;
	int r = -ENOMEM;

	if (!payload || !blob)
		goto out;
	/* Level 1: a spectrum of small numbers gains little from more, and takes longer. */
	if (compress2(blob + OUTER_HEADER, &packed, payload, put_payload(payload, h), Z_BEST_SPEED) != Z_OK)
		goto out;
	put_u32(put_u32(blob, COOKIE_OUTER | COOKIE_FLAG), (uint32_t)packed);
	r = put_base64(base64, blob, OUTER_HEADER + packed);
out:
	free(payload);
	free(blob);
	return r;
}

/* --- reading --------------------------------------------------------------------------------- */

static int bad(struct sq_err *err, const char *why)
{
	return sq_fail(err, -EBADMSG, "not a histogram that can be used here: %s", why);
}

static void add_cell(struct hist *h, uint32_t cell, uint64_t n)
{
	int64_t low = hist_cell_low(cell), high = hist_cell_high(cell);

	h->cells[cell] = n;
	h->count += n;
	h->sum += (unsigned __int128)(uint64_t)(low + (high - low + 1) / 2) * n;
	if (h->low > cell) {
		h->low = cell;
		h->min = low;
	}
	h->high = cell;
	h->max = high < HIST_CEILING ? high : HIST_CEILING;
}

/* h NULL: looks whether they can be had. Otherwise they can, and h is empty. */
static int get_counts(struct hist *h, const uint8_t *p, const uint8_t *end, struct sq_err *err)
{
	const uint64_t last = hist_cell(HIST_CEILING);
	uint64_t cell = 0, total = 0;
	int64_t n;

	while (p < end) {
		p = get_varint(p, end, &n);
		if (!p)
			return bad(err, "its last count is cut off");
		if (n < -FOREIGN_CELLS)
			return bad(err, "a run of zeroes is longer than the layout");
		if (n > 0 && cell > last)
			return bad(err, "it holds values above 1 h");
		if (n > 0 && (uint64_t)n > INT64_MAX - total)
			return bad(err, "its counts exceed 2^63");
		total += n > 0 ? (uint64_t)n : 0;
		if (n > 0 && h)
			add_cell(h, (uint32_t)cell, (uint64_t)n);
		cell += n < 0 ? (uint64_t)-n : 1;
	}
	return 0;
}

static int get_payload(struct hist *h, const uint8_t *p, size_t len, struct sq_err *err)
{
	uint64_t ratio_bits;
	double ratio;
	int r;

	if (len < INNER_HEADER || (get_u32(p) & COOKIE_MASK) != COOKIE_INNER)
		return bad(err, "it is not of the V2 encoding inside");
	if (get_u32(p + 4) != len - INNER_HEADER)
		return bad(err, "its payload length is wrong");
	ratio_bits = get_u64(p + 32);
	memcpy(&ratio, &ratio_bits, sizeof ratio);
	if (get_u32(p + 8) != 0 || ratio != 1)
		return bad(err, "it is shifted or scaled (a double histogram)");
	if (get_u32(p + 12) != HIST_DIGITS || get_u64(p + 16) != 1)
		return bad(err, "it must have 3 significant digits and lowest value 1");
	r = get_counts(NULL, p + INNER_HEADER, p + len, err);
	if (r == 0) {
		hist_reset(h);
		get_counts(h, p + INNER_HEADER, p + len, NULL);
	}
	return r;
}

static int get_blob(struct hist *h, const uint8_t *blob, size_t len, uint8_t *payload, struct sq_err *err)
{
	uLong used = len - OUTER_HEADER;
	uLongf size = PAYLOAD_MAX;
	int z;

	if (len < OUTER_HEADER || (get_u32(blob) & COOKIE_MASK) != COOKIE_OUTER)
		return bad(err, "it is not of the compressed V2 encoding");
	if (get_u32(blob + 4) != used)
		return bad(err, "its length is wrong");
	z = uncompress2(payload, &size, blob + OUTER_HEADER, &used);
	if (z == Z_MEM_ERROR)
		return sq_fail(err, -ENOMEM, "no memory for a histogram");
	if (z == Z_BUF_ERROR)
		return bad(err, "it unpacks to more than any histogram");
	if (z != Z_OK || used != len - OUTER_HEADER)
		return bad(err, "its zlib stream is damaged");
	return get_payload(h, payload, size, err);
}

int hist_decode(struct hist *out, const char *base64, size_t len, struct sq_err *err)
{
	uint8_t *blob = NULL, *payload = NULL;
	ssize_t bytes;
	int r;

	if (len > (BLOB_MAX + 2) / 3 * 4)
		return bad(err, "it is longer than any histogram");
	blob = malloc(len / 4 * 3 + 1);
	payload = malloc(PAYLOAD_MAX);
	if (!blob || !payload) {
		r = sq_fail(err, -ENOMEM, "no memory for a histogram");
		goto out;
	}
	bytes = get_base64(base64, len, blob);
	r = bytes < 0 ? bad(err, "it is not base64") : get_blob(out, blob, (size_t)bytes, payload, err);
out:
	free(payload);
	free(blob);
	return r;
}

/* --- percentile spectrum --------------------------------------------------------------------- */

/* From level to the next percentile shown: TICKS_PER_HALF equal steps until half of what is left
 * to 100 has been covered, then the same with what is left. */
static double next_level(double level)
{
	double next = level + 100 / ldexp(TICKS_PER_HALF, ilogb(100 / (100 - level)) + 1);

	return next > level && next < 100 ? next : 100;
}

static double deviation(const struct hist *h)
{
	double mean = hist_mean(h), sum = 0;

	for (uint32_t i = h->low; i <= h->high; i++) {
		int64_t low = hist_cell_low(i), high = hist_cell_high(i);
		double off = (double)(low + (high - low + 1) / 2) - mean;

		sum += off * off * (double)h->cells[i];
	}
	return h->count ? sqrt(sum / (double)h->count) : 0;
}

/* The rows of one cell: every level that it reaches, or one if it is the last cell. */
static double print_cell(const struct hist *h, uint32_t cell, uint64_t seen, double level, double unit,
                         struct buf *out)
{
	int64_t high = hist_cell_high(cell);
	double value = (double)(high < h->max ? high : h->max) / unit;
	double reached = 100.0 * (double)seen / (double)h->count;

	while (level < 100 && reached >= level) {
		buf_printf(out, "%12.3f %2.12f %10llu %14.2f\n", value, level / 100, (unsigned long long)seen,
		           1 / (1 - level / 100));
		level = next_level(level);
		if (seen == h->count)
			break;
	}
	return level;
}

void hist_hgrm(const struct hist *h, double unit, struct buf *out)
{
	uint64_t seen = 0;
	double level = 0;

	buf_printf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
	for (uint32_t i = h->low; i <= h->high; i++) {
		seen += h->cells[i];
		if (h->cells[i] > 0)
			level = print_cell(h, i, seen, level, unit, out);
	}
	if (h->count > 0)
		buf_printf(out, "%12.3f %2.12f %10llu\n", (double)h->max / unit, 1.0,
		           (unsigned long long)h->count);
	buf_printf(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", hist_mean(h) / unit,
	           deviation(h) / unit);
	buf_printf(out, "#[Max     = %12.3f, Total count    = %12llu]\n", (double)h->max / unit,
	           (unsigned long long)h->count);
	buf_printf(out, "#[Buckets = %12d, SubBuckets     = %12d]\n", 32, 2048);
}
