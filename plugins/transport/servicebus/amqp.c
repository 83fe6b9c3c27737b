/* amqp.c - values in, values out. */
#include "amqp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <proton/link.h>

bool amqp_number(pn_data_t *d, int64_t *ret)
{
	switch (pn_data_type(d)) {
	case PN_UBYTE:
		*ret = pn_data_get_ubyte(d);
		return true;
	case PN_BYTE:
		*ret = pn_data_get_byte(d);
		return true;
	case PN_USHORT:
		*ret = pn_data_get_ushort(d);
		return true;
	case PN_SHORT:
		*ret = pn_data_get_short(d);
		return true;
	case PN_UINT:
		*ret = pn_data_get_uint(d);
		return true;
	case PN_INT:
		*ret = pn_data_get_int(d);
		return true;
	case PN_ULONG:
		*ret = (int64_t)pn_data_get_ulong(d);
		return true;
	case PN_LONG:
		*ret = pn_data_get_long(d);
		return true;
	case PN_TIMESTAMP:
		*ret = pn_data_get_timestamp(d);
		return true;
	default:
		return false;
	}
}

struct sq_slice amqp_text(pn_data_t *d)
{
	pn_bytes_t b = {0, NULL};

	switch (pn_data_type(d)) {
	case PN_STRING:
		b = pn_data_get_string(d);
		break;
	case PN_SYMBOL:
		b = pn_data_get_symbol(d);
		break;
	case PN_BINARY:
		b = pn_data_get_binary(d);
		break;
	default:
		return (struct sq_slice){NULL, 0};
	}
	return (struct sq_slice){b.start ? b.start : "", b.size};
}

bool amqp_find(pn_data_t *d, const char *key)
{
	size_t count, len = strlen(key);

	pn_data_rewind(d);
	if (!pn_data_next(d) || pn_data_type(d) != PN_MAP)
		return false;
	count = pn_data_get_map(d);
	pn_data_enter(d);
	for (size_t i = 0; i + 1 < count; i += 2) {
		struct sq_slice k;

		pn_data_next(d);
		k = amqp_text(d);
		if (!pn_data_next(d))
			return false;
		if (k.len == len && memcmp(k.data, key, len) == 0)
			return true;
	}
	return false;
}

pn_bytes_t amqp_bytes(const char *s)
{
	return pn_bytes(strlen(s), s);
}

void amqp_put_text(pn_data_t *d, const char *key, const char *value)
{
	pn_data_put_string(d, amqp_bytes(key));
	pn_data_put_string(d, amqp_bytes(value));
}

int amqp_encode(pn_message_t *m, char **ret, size_t *ret_len)
{
	size_t size = 512;
	char *bytes = NULL;
	int r;

	do {
		char *more = realloc(bytes, size *= 2);
		size_t len = size;

		if (!more) {
			free(bytes);
			return -ENOMEM;
		}
		bytes = more;
		r = pn_message_encode(m, bytes, &len);
		if (r == 0) {
			*ret = bytes;
			*ret_len = len;
			return 0;
		}
	} while (r == PN_OVERFLOW && size < (64u << 20));
	free(bytes);
	return -ENOMEM;
}

int amqp_decode(pn_message_t *m, struct sq_slice bytes)
{
	return bytes.len > 0 && pn_message_decode(m, bytes.data, bytes.len) == 0 ? 0 : -EBADMSG;
}

int amqp_read(pn_delivery_t *d, struct buf *out)
{
	pn_link_t *link = pn_delivery_link(d);
	size_t size = pn_delivery_pending(d);
	char *room = buf_room(out, size);
	ssize_t n = room ? pn_link_recv(link, room, size) : 0;

	pn_link_advance(link);
	if (!room)
		return -ENOMEM;
	if (n < 0 && size > 0)
		return -EBADMSG;
	out->len += n > 0 ? (size_t)n : 0;
	return 0;
}

pn_uuid_t amqp_lock_token(const uint8_t tag[16])
{
	static const uint8_t order[] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	pn_uuid_t u;

	for (unsigned i = 0; i < sizeof u.bytes; i++)
		u.bytes[i] = (char)tag[order[i]];
	return u;
}
