/* digits.h - whole numbers as decimal digits, where printf would cost more than all the rest. */
#ifndef BASE_DIGITS_H
#define BASE_DIGITS_H

#include <stdint.h>
#include <string.h>

#define DIGITS_MAX 20 /* bytes, of the sign too */

/* Writes n and no NUL; returns the end. */
static inline char *put_digits(char *out, int64_t n)
{
	char digits[DIGITS_MAX], *d = digits + sizeof digits;
	uint64_t rest = n < 0 ? -(uint64_t)n : (uint64_t)n;
	size_t len;

	do
		*--d = (char)('0' + rest % 10);
	while (rest /= 10);
	if (n < 0)
		*--d = '-';
	len = (size_t)(digits + sizeof digits - d);
	memcpy(out, d, len);
	return out + len;
}

#endif
