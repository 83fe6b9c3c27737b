/*
 * message.h - a test's message as AMQP, and back.
 *
 * Ours is a DATA section with the JSON text, as every client of Service Bus reads and writes it; message-id
 * as identity.h says, and the application properties squall-id, squall-edition, squall-submitted (Unix ms). A
 * message without squall-id is foreign.
 */
#ifndef SERVICEBUS_MESSAGE_H
#define SERVICEBUS_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/record.h>
#include <squall/transport.h>

/* Encodes m, malloc()ed. 0, -EINVAL (id or body that cannot be), -EIO, -ENOMEM. */
int message_write(const struct sq_message *m, char **ret, size_t *ret_len);

struct arrival {
	char id[SQ_ID_MAX + 1];
	uint32_t edition;
	int64_t submitted_at;
	char *body; /* malloc()ed: the caller's */
	size_t body_len;
	uint32_t delivery_count; /* 0 at the first delivery */
	int64_t sequence; /* x-opt-sequence-number, 0 = none */
	int64_t enqueued, locked_until; /* Unix ms by the service's clock, 0 = none */
	bool foreign;
};

/* 0, -EBADMSG, -ENOMEM. out is written on success only; but for a body or a name that cannot be read
 * (-EBADMSG) its sequence, if it has one. */
int message_read(struct sq_slice bytes, struct arrival *out);

#endif
