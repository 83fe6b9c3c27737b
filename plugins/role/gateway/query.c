/* query.c - the parameters behind the '?' of a request (RFC 3986, 3.4; application/x-www-form-urlencoded). */
#include "query.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static int digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return at ? (int)(at - digits) : -1;
}

static int decode(struct sq_slice value, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];

		if (c == '%') {
			if (i + 2 >= value.len || digit(value.data[i + 1]) < 0 ||
			    digit(value.data[i + 2]) < 0)
				return -EINVAL;
			c = (char)(digit(value.data[i + 1]) * 16 + digit(value.data[i + 2]));
			i += 2;
		} else if (c == '+') {
			c = ' ';
		}
		if (c == '\0' || n + 1 >= size)
			return -EINVAL;
		out[n++] = c;
	}
	out[n] = '\0';
	return 1;
}

int query_get(struct sq_slice query, const char *name, char *out, size_t size)
{
	size_t len = strlen(name);

	while (query.len > 0) {
		const char *end = memchr(query.data, '&', query.len);
		size_t n = end ? (size_t)(end - query.data) : query.len;

		if (n > len && memcmp(query.data, name, len) == 0 && query.data[len] == '=')
			return decode((struct sq_slice){query.data + len + 1, n - len - 1}, out, size);
		n += end != NULL;
		query.data += n;
		query.len -= n;
	}
	return 0;
}
