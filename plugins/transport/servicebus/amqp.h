/*
 * amqp.h - small helpers around proton's values and messages.
 */
#ifndef SERVICEBUS_AMQP_H
#define SERVICEBUS_AMQP_H

#include <stdbool.h>
#include <stdint.h>

#include <proton/codec.h>
#include <proton/delivery.h>
#include <proton/message.h>

#include <squall/util.h>

#include "core/base/buf.h"

/* The current value as a number, whatever its width. False: it is none. */
bool amqp_number(pn_data_t *d, int64_t *ret);
/* The current value as text: string, symbol or binary. data NULL: it is none. */
struct sq_slice amqp_text(pn_data_t *d);
/* Moves to the value of a key (string or symbol) of the map that d holds. False: there is none. */
bool amqp_find(pn_data_t *d, const char *key);

void amqp_put_text(pn_data_t *d, const char *key, const char *value); /* into a map */
pn_bytes_t amqp_bytes(const char *s);

/* The encoded message, malloc()ed. 0 or -ENOMEM. */
int amqp_encode(pn_message_t *m, char **ret, size_t *ret_len);
/* 0 or -EBADMSG. proton itself asserts that there is a byte at all. */
int amqp_decode(pn_message_t *m, struct sq_slice bytes);
/* The bytes of a whole delivery, which is advanced over. 0, -ENOMEM, -EBADMSG. */
int amqp_read(pn_delivery_t *d, struct buf *out);

/* A lock token as $management wants it: the tag is a .NET Guid, whose first three parts are little-endian. */
pn_uuid_t amqp_lock_token(const uint8_t tag[16]);

#endif
