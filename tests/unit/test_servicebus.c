/* test_servicebus.c - connection strings, SAS tokens, the error table and names of messages. */
#include <errno.h>
#include <stdlib.h>

#include "plugins/transport/servicebus/connstr.h"
#include "plugins/transport/servicebus/errors.h"
#include "plugins/transport/servicebus/identity.h"
#include "plugins/transport/servicebus/sas.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

#define KEY "c2VjcmV0+/=="
#define NAME "SharedAccessKeyName=Root;SharedAccessKey=" KEY

static void test_connstr_forms(void)
{
	static const struct {
		const char *text, *host, *entity, *name, *key, *signature;
		int port;
		bool tls;
	} forms[] = {
	    {"Endpoint=sb://ns.servicebus.windows.net/;" NAME, "ns.servicebus.windows.net", "", "Root", KEY,
	     "", 5671, true},
	    {"Endpoint=sb://ns.servicebus.windows.net;" NAME ";EntityPath=q;", "ns.servicebus.windows.net",
	     "q", "Root", KEY, "", 5671, true},
	    {" endpoint = amqps://ns:5673/ ; SHAREDACCESSKEYNAME=Root;sharedaccesskey=" KEY
	     " ;;TransportType=Amqp",
	     "ns", "", "Root", KEY, "", 5673, true},
	    {"Endpoint=sb://localhost;" NAME ";UseDevelopmentEmulator=true;", "localhost", "", "Root", KEY,
	     "", 5672, false},
	    {"Endpoint=sb://localhost:1234;" NAME ";UseDevelopmentEmulator=True", "localhost", "", "Root",
	     KEY, "", 1234, false},
	    {"Endpoint=sb://[::1]:99/x;" NAME ";UseDevelopmentEmulator=false", "::1", "", "Root", KEY, "", 99,
	     true},
	    {"Endpoint=sb://ns/;SharedAccessSignature=SharedAccessSignature sr=a&sig=b%3D&se=9&skn=n", "ns",
	     "", "", "", "SharedAccessSignature sr=a&sig=b%3D&se=9&skn=n", 5671, true},
	    {"Endpoint=sb://ns.servicebus.windows.net/;EntityPath=q", "ns.servicebus.windows.net", "q", "",
	     "", "", 5671, true},
	    {"ns.servicebus.windows.net", "ns.servicebus.windows.net", "", "", "", "", 5671, true},
	    {" sb://ns.servicebus.windows.net/\n", "ns.servicebus.windows.net", "", "", "", "", 5671, true},
	};

	for (unsigned i = 0; i < SQ_LEN(forms); i++) {
		struct connstr c = {0};
		struct sq_err err = {0};

		is_int(connstr_parse(forms[i].text, &c, &err), 0, forms[i].text);
		is_str(c.host, forms[i].host, "  host");
		is_str(c.entity, forms[i].entity, "  queue");
		ok(strcmp(c.key_name, forms[i].name) == 0 && strcmp(c.key, forms[i].key) == 0 &&
		       strcmp(c.signature, forms[i].signature) == 0,
		   "  credentials");
		ok(c.port == forms[i].port && c.tls == forms[i].tls, "  port and TLS");
		connstr_free(&c);
	}
}

static void test_connstr_refusals(void)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
	    {"", "has no Endpoint"},
	    {";;", "names no host"},
	    {";=", "not NAME=VALUE"},
	    {"SharedAccessKeyName=Root;SharedAccessKey=hush", "has no Endpoint"},
	    {"Endpoint=sb://ns/;SharedAccessKey=hush", "has SharedAccessKey but no SharedAccessKeyName"},
	    {"Endpoint=sb://ns/;SharedAccessKeyName=Root", "but no SharedAccessKey:"},
	    {"Endpoint=sb://ns/;hush;x=y", "not NAME=VALUE"},
	    {"Endpoint=sb://ns/;=hush", "not NAME=VALUE"},
	    {"Endpoint=sb://ns/;Endpoint=sb://hush/", "names Endpoint twice"},
	    {"Endpoint=sb:///;" NAME, "names no host"},
	    {"Endpoint=sb://h ush/;" NAME, "names no host"},
	    {"Endpoint=sb://ns:hush/;" NAME, "no number"},
	    {"Endpoint=sb://ns:70000/;" NAME, "no number"},
	    {"Endpoint=sb://ns/;" NAME ";SharedAccessSignature=SharedAccessSignature sr=hush", "has both"},
	    {"Endpoint=sb://ns/;SharedAccessSignature=hush", "does not begin with"},
	};

	for (unsigned i = 0; i < SQ_LEN(bad); i++) {
		struct connstr c = {0};
		struct sq_err err = {0};

		ok(connstr_parse(bad[i].text, &c, &err) == -EINVAL && strstr(err.text, bad[i].why),
		   "refused: %s", err.text);
		ok(!strstr(err.text, "hush") && !strstr(err.text, KEY) && c.text == NULL,
		   "without repeating what stands there");
	}
	failmalloc_after(1);
	is_int(connstr_parse("ns", &(struct connstr){0}, NULL), -ENOMEM, "no memory is no crash");
	failmalloc_stop();
}

static void test_sas(void)
{
	struct buf b = {0};

	is_int(
	    sas_sign("sb://ns.servicebus.windows.net/load-test-requests", "Root Manage", KEY, 1700000000, &b),
	    0, "a token");
	is_str(b.data,
	       "SharedAccessSignature sr=sb%3A%2F%2Fns.servicebus.windows.net%2Fload-test-requests"
	       "&sig=ArNhKxZBKS8qVaPCqjIogYWPM0GikosnuBbmrjNH%2BGQ%3D&se=1700000000&skn=Root%20Manage",
	       "as another implementation signs it");
	is_int(sas_expires(b.data), 1700000000, "says when it expires");
	buf_free(&b);
	is_int(sas_expires("SharedAccessSignature se=5&sr=x"), 5, "wherever it stands");
	is_int(sas_expires("SharedAccessSignature sr=x&use=7&sig=y"), 0, "0 when it does not");
	is_int(sas_expires("SharedAccessSignature sr=x&se=7x&sig=y"), 0, "or not as a number");
	is_int(sas_expires("se="), 0, "nor is there anything behind it");
	for (unsigned n = 1; n <= 3; n++) {
		failmalloc_after(n);
		ok(sas_sign("sb://ns/q", "n", "k", 1, &b) == -ENOMEM, "no memory (%u) is said so", n);
		failmalloc_stop();
		buf_free(&b);
	}
}

static void test_errors(void)
{
	struct backoff b = {.base = SQ_S / 5, .ceiling = 30 * SQ_S, .seed = 1};

	is_int(error_rule("amqp:link:detach-forced")->trouble, TROUBLE_NORMAL, "an idle link is normal");
	is_int(error_rule("com.microsoft:server-busy")->trouble, TROUBLE_BUSY, "a busy server is left alone");
	is_int(error_rule("amqp:unauthorized-access")->trouble, TROUBLE_ACCESS, "access");
	is_int(error_rule("amqp:not-found")->trouble, TROUBLE_SETUP, "no queue");
	is_int(error_rule_settling("amqp:not-found")->trouble, TROUBLE_LOCK, "but a lock when settling");
	is_int(error_rule_settling("com.microsoft:message-lock-lost")->trouble, TROUBLE_LOCK, "as this one");
	is_int(error_rule_settling("com.microsoft:server-busy")->trouble, TROUBLE_BUSY,
	       "others mean the same");
	is_int(error_rule("vendor:new")->trouble, TROUBLE_PASSING, "what is unknown is tried again");
	is_int(error_rule(NULL)->trouble, TROUBLE_PASSING, "and what has no name");
	ok(error_pause(TROUBLE_NORMAL, &b) <= SQ_S / 5, "a short pause first");
	ok(error_pause(TROUBLE_BUSY, &b) >= 2 * SQ_S, "at least 2 s for who is busy");
	for (int i = 0; i < 100; i++)
		if (error_pause(TROUBLE_PASSING, &b) > 30 * SQ_S)
			ok(false, "no pause over the ceiling");
	is_str(error_of_status(410), "com.microsoft:message-lock-lost", "410");
	is_str(error_of_status(401), "amqp:unauthorized-access", "401");
	is_str(error_of_status(500), "amqp:internal-error", "500");
	is_str(error_of_status(400), "amqp:invalid-field", "400 is no matter of the queue's kind");
}

static void test_wire_ids(void)
{
	char out[WIRE_ID_MAX + 1], again[WIRE_ID_MAX + 1];

	identity_wire("t-1", 1, out);
	is_str(out, "t-1", "the first edition of a test is called as it");
	identity_wire("t-1", 4294967295u, out);
	is_str(out, "t-1/4294967295", "others have their number, and are no duplicates of it");
	identity_wire("", 0, out);
	identity_wire("", 0, again);
	ok(strlen(out) == 36 && strcmp(out, again) != 0, "what has no name gets one of its own");
}

static struct sq_slice slice(const char *s)
{
	return (struct sq_slice){s, strlen(s)};
}

static void test_foreign_ids(void)
{
	static const struct {
		const char *message_id, *body, *id;
	} cases[] = {
	    {"msg.1", "{\"test_id\":\"other\"}", "msg.1"},
	    {"", "{\"test_id\":\"550e8400-e29b-41d4-a716-446655440000\",\"hits_per_sec\":5}",
	     "550e8400-e29b-41d4-a716-446655440000"},
	    {"", "{\"hits_per_sec\":5}", "seq-7-3e8"},
	    {"", "{\"test_id\":7}", "seq-7-3e8"},
	    {"", "{\"test_id\":\"\"}", "seq-7-3e8"},
	    {"", "[1]", "seq-7-3e8"},
	    {"", "not json", "seq-7-3e8"},
	};
	char out[SQ_ID_MAX + 1], again[SQ_ID_MAX + 1];
	struct foreign odd = {.message_id = slice("a/b c"), .sequence = 7, .enqueued = 1000};

	for (unsigned i = 0; i < SQ_LEN(cases); i++) {
		struct foreign f = {slice(cases[i].message_id), slice(cases[i].body), 7, 1000};

		is_int(identity_foreign(&f, out), 0, cases[i].body);
		is_str(out, cases[i].id, "  is about this test");
	}
	is_int(identity_foreign(&odd, out), 0, "a message-id that is no name of the store");
	is_int(identity_foreign(&odd, again), 0, "gets one");
	ok(identity_valid(out, strlen(out)) && strcmp(out, again) == 0, "the same each time");
	odd.message_id = slice("x23456789012345678901234567890123456789012345678901234567890123456789");
	is_int(identity_foreign(&odd, out), 0, "a long one");
	is_int((long long)strlen(out), 36, "too");
}

int main(void)
{
	test_connstr_forms();
	test_connstr_refusals();
	test_sas();
	test_errors();
	test_wire_ids();
	test_foreign_ids();
	return tap_done();
}
