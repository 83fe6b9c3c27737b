/* message.c - to and from proton's message. */
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <proton/message.h>

#include "amqp.h"
#include "identity.h"

#define P_ID "squall-id"
#define P_EDITION "squall-edition"
#define P_SUBMITTED "squall-submitted"

/* --- writing ----------------------------------------------------------------------------------- */

static void put_properties(pn_data_t *p, const struct sq_message *m)
{
	pn_data_put_map(p);
	pn_data_enter(p);
	amqp_put_text(p, P_ID, m->id);
	pn_data_put_string(p, amqp_bytes(P_EDITION));
	pn_data_put_long(p, m->edition);
	pn_data_put_string(p, amqp_bytes(P_SUBMITTED));
	pn_data_put_long(p, m->submitted_at);
	pn_data_exit(p);
}

int message_write(const struct sq_message *m, char **ret, size_t *ret_len)
{
	char id[WIRE_ID_MAX + 1];
	pn_message_t *msg;
	int r;

	if (!m->id || strlen(m->id) > SQ_ID_MAX || (!m->body.data && m->body.len > 0))
		return -EINVAL;
	r = identity_wire(m->id, m->edition, id);
	msg = r == 0 ? pn_message() : NULL;
	if (!msg)
		return r < 0 ? r : -ENOMEM;
	pn_message_set_durable(msg, true);
	pn_message_set_id(msg, (pn_msgid_t){.type = PN_STRING, .u.as_bytes = amqp_bytes(id)});
	pn_message_set_content_type(msg, "application/json");
	pn_message_set_inferred(msg, true);
	put_properties(pn_message_properties(msg), m);
	pn_data_put_binary(pn_message_body(msg), pn_bytes(m->body.len, m->body.data ? m->body.data : ""));
	r = amqp_encode(msg, ret, ret_len);
	pn_message_free(msg);
	return r;
}

/* --- reading ----------------------------------------------------------------------------------- */

static int64_t number_at(pn_data_t *map, const char *key)
{
	int64_t n = 0;

	if (amqp_find(map, key))
		amqp_number(map, &n);
	return n;
}

/* Several DATA sections come from proton as one value each. */
static int read_body(pn_data_t *d, struct buf *out)
{
	pn_data_rewind(d);
	while (pn_data_next(d)) {
		struct sq_slice s = amqp_text(d);

		if (s.data)
			buf_add(out, s.data, s.len);
		else if (pn_data_type(d) != PN_NULL)
			return -EBADMSG;
	}
	return buf_failed(out) ? -ENOMEM : 0;
}

/* A message-id as text: other clients use strings, some UUIDs or numbers. */
static struct sq_slice id_text(pn_message_t *m, char out[64])
{
	pn_data_t *d = pn_message_id(m);
	struct sq_slice s;
	pn_uuid_t u;
	int n = 0;

	pn_data_rewind(d);
	if (!pn_data_next(d))
		return (struct sq_slice){NULL, 0};
	s = amqp_text(d);
	if (s.data)
		return s;
	if (pn_data_type(d) == PN_ULONG) {
		n = snprintf(out, 64, "%llu", (unsigned long long)pn_data_get_ulong(d));
	} else if (pn_data_type(d) == PN_UUID) {
		u = pn_data_get_uuid(d);
		for (unsigned i = 0; i < sizeof u.bytes; i++)
			n += snprintf(out + n, 64 - (size_t)n, "%s%02x",
			              i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", (uint8_t)u.bytes[i]);
	}
	return (struct sq_slice){out, (size_t)n};
}

static int read_identity(pn_message_t *m, struct sq_slice body, struct arrival *a)
{
	pn_data_t *p = pn_message_properties(m);
	struct foreign f = {.body = body, .sequence = a->sequence, .enqueued = a->enqueued};
	struct sq_slice own;
	char text[64];

	if (amqp_find(p, P_ID)) {
		own = amqp_text(p);
		if (own.data && (own.len == 0 || identity_valid(own.data, own.len))) {
			snprintf(a->id, sizeof a->id, "%.*s", (int)own.len, own.data);
			a->edition = (uint32_t)number_at(p, P_EDITION);
			a->submitted_at = number_at(p, P_SUBMITTED);
			return 0;
		}
	}
	a->foreign = true;
	a->edition = 1;
	a->submitted_at = a->enqueued;
	f.message_id = id_text(m, text);
	return identity_foreign(&f, a->id);
}

static int read_message(pn_message_t *m, struct arrival *a, struct buf *body)
{
	pn_data_t *notes = pn_message_annotations(m);
	int r;

	a->delivery_count = pn_message_get_delivery_count(m);
	a->sequence = number_at(notes, "x-opt-sequence-number");
	a->enqueued = number_at(notes, "x-opt-enqueued-time");
	a->locked_until = number_at(notes, "x-opt-locked-until");
	r = read_body(pn_message_body(m), body);
	return r < 0 ? r : read_identity(m, (struct sq_slice){body->data, body->len}, a);
}

int message_read(struct sq_slice bytes, struct arrival *out)
{
	pn_message_t *m = pn_message();
	struct arrival a = {0};
	struct buf body = {0};
	int r;

	if (!m)
		return -ENOMEM;
	r = amqp_decode(m, bytes);
	if (r == 0)
		r = read_message(m, &a, &body);
	pn_message_free(m);
	if (r == -EBADMSG)
		out->sequence = a.sequence;
	if (r < 0) {
		buf_free(&body);
		return r;
	}
	a.body = body.data;
	a.body_len = body.len;
	*out = a;
	return 0;
}
