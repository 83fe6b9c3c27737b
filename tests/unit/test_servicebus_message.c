/* test_servicebus_message.c - messages as AMQP: ours come back as they were, others' as well as they can. */
#include <errno.h>
#include <stdlib.h>

#include <proton/message.h>

#include "plugins/transport/servicebus/amqp.h"
#include "plugins/transport/servicebus/message.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

static void test_ours(void)
{
	static char big[200 << 10];
	const struct sq_message all[] = {{"t-1", 1, {"{\"a\":1}", 7}, 1234567},
	                                 {"t-1", 7, {"", 0}, 0},
	                                 {"", 0, {"\0\xff{", 3}, -1},
	                                 {"big", 1, {big, sizeof big}, 5}};

	for (unsigned i = 0; i < SQ_LEN(all); i++) {
		struct arrival a;
		char *bytes;
		size_t len;

		is_int(message_write(&all[i], &bytes, &len), 0, "written");
		is_int(message_read((struct sq_slice){bytes, len}, &a), 0, "and read");
		is_str(a.id, all[i].id, "the same id");
		ok(!a.foreign && a.edition == all[i].edition && a.submitted_at == all[i].submitted_at &&
		       a.body_len == all[i].body.len &&
		       (a.body_len == 0 || memcmp(a.body, all[i].body.data, a.body_len) == 0),
		   "and all the rest");
		free(a.body);
		free(bytes);
	}
}

static void test_refusals(void)
{
	char *bytes;
	size_t len;
	const char *const bad[] = {"", "\x00", "\x00\x53\x77\xa1\xff"};
	char id[SQ_ID_MAX + 2];

	memset(id, 'x', sizeof id - 1);
	id[sizeof id - 1] = '\0';
	is_int(message_write(&(struct sq_message){.id = id}, &bytes, &len), -EINVAL,
	       "too long an id is refused");
	is_int(message_write(&(struct sq_message){.id = "x", .body = {NULL, 3}}, &bytes, &len), -EINVAL,
	       "and a body that is not there");
	for (unsigned i = 1; i < SQ_LEN(bad); i++) {
		struct arrival a;

		is_int(message_read((struct sq_slice){bad[i], i == 1 ? 1 : strlen(bad[i] + 1) + 1}, &a),
		       -EBADMSG, "bytes that are no message are refused");
	}
}

/* A message of somebody else's, with this as its id and body. */
static struct arrival foreign(void (*fill)(pn_message_t *m))
{
	pn_message_t *m = pn_message();
	pn_data_t *notes = pn_message_annotations(m);
	struct arrival a = {.edition = 99};
	char *bytes;
	size_t len;

	pn_data_put_map(notes);
	pn_data_enter(notes);
	pn_data_put_symbol(notes, amqp_bytes("x-opt-sequence-number"));
	pn_data_put_long(notes, 7);
	pn_data_put_symbol(notes, amqp_bytes("x-opt-enqueued-time"));
	pn_data_put_timestamp(notes, 1000);
	pn_data_exit(notes);
	pn_message_set_delivery_count(m, 3);
	fill(m);
	if (amqp_encode(m, &bytes, &len) == 0) {
		is_int(message_read((struct sq_slice){bytes, len}, &a), 0, "a foreign message is read");
		free(bytes);
	}
	pn_message_free(m);
	return a;
}

static void as_text(pn_message_t *m)
{
	pn_data_put_string(pn_message_body(m), amqp_bytes("{\"test_id\":\"x-1\"}"));
}

static void as_uuid(pn_message_t *m)
{
	pn_uuid_t u = {{0x55, 0x0e, (char)0x84, 0x00, (char)0xe2, (char)0x9b, 0x41, (char)0xd4, (char)0xa7,
	                0x16, 0x44, 0x66, 0x55, 0x44, 0x00, 0x00}};

	pn_message_set_id(m, (pn_msgid_t){.type = PN_UUID, .u.as_uuid = u});
}

static void as_number(pn_message_t *m)
{
	pn_message_set_id(m, (pn_msgid_t){.type = PN_ULONG, .u.as_ulong = 12});
	pn_data_put_null(pn_message_body(m));
}

static void as_map(pn_message_t *m)
{
	pn_message_set_id(m, (pn_msgid_t){.type = PN_STRING, .u.as_bytes = amqp_bytes("odd id!")});
	pn_data_put_string(pn_message_body(m), amqp_bytes("x"));
}

static void test_foreign(void)
{
	struct arrival a = foreign(as_text);

	is_str(a.id, "x-1", "named by its body");
	ok(a.foreign && a.edition == 1 && a.submitted_at == 1000 && a.delivery_count == 3 && a.sequence == 7,
	   "with what the service says of it");
	is_int((long long)a.body_len, 17, "and a text as its body");
	free(a.body);
	a = foreign(as_uuid);
	is_str(a.id, "550e8400-e29b-41d4-a716-446655440000", "an id that is a UUID");
	free(a.body);
	a = foreign(as_number);
	is_str(a.id, "12", "or a number");
	free(a.body);
	a = foreign(as_map);
	is_int((long long)strlen(a.id), 36, "or no name of ours");
	free(a.body);
}

static void test_memory(void)
{
	const struct sq_message m = {"t-1", 1, {"{}", 2}, 5};
	struct arrival a;
	char *bytes;
	size_t len;

	failmalloc_after(1);
	is_int(message_write(&m, &bytes, &len), -ENOMEM, "no memory to write");
	failmalloc_stop();
	is_int(message_write(&m, &bytes, &len), 0, "and with it");
	failmalloc_after(1);
	is_int(message_read((struct sq_slice){bytes, len}, &a), -ENOMEM, "no memory to read");
	failmalloc_stop();
	free(bytes);
}

static void test_lock_token(void)
{
	const uint8_t tag[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	const char want[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	pn_uuid_t u = amqp_lock_token(tag);

	ok(memcmp(u.bytes, want, 16) == 0, "a lock token is a .NET Guid");
}

int main(void)
{
	test_ours();
	test_refusals();
	test_foreign();
	test_memory();
	test_lock_token();
	return tap_done();
}
