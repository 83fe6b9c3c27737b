/* test_digest.c - fingerprints against published values, and the shape of UUIDs. */
#include "plugins/common/digest.h"
#include "tests/tap.h"

static void test_sha256(void)
{
	char text[SHA256_TEXT];

	/* FIPS 180-4's examples. */
	is_int(sha256_text("abc", 3, text), 0, "SHA-256 of abc");
	is_str(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	       "is the published one");
	is_int(sha256_text("", 0, text), 0, "SHA-256 of nothing");
	is_str(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	       "is the published one");
	ok(sha256_is_text(text), "which is recognised");
	text[0] = 'E';
	ok(!sha256_is_text(text), "but not with a capital letter");
	text[0] = 'g';
	ok(!sha256_is_text(text), "or another one");
	ok(!sha256_is_text("") && !sha256_is_text("e3b0"), "or when it is short");
}

static void test_uuid(void)
{
	char a[UUID_TEXT], b[UUID_TEXT];

	is_int(uuid_random(a), 0, "a random UUID");
	is_int(uuid_random(b), 0, "and another");
	ok(strcmp(a, b) != 0, "are different");
	ok(uuid_is_text(a, 36) && a[14] == '4' && strchr("89ab", a[19]), "%s is of version 4", a);
	is_int(uuid_named("key", 3, a), 0, "a named UUID");
	is_int(uuid_named("key", 3, b), 0, "and again");
	is_str(a, b, "are the same");
	is_str(a, "ac4140e0-4d06-5767-a8bf-ceb9ffc04176", "for ever");
	ok(uuid_is_text(a, 36) && a[14] == '5' && strchr("89ab", a[19]), "%s is of version 5", a);
	is_int(uuid_named("kez", 3, b), 0, "another name");
	ok(strcmp(a, b) != 0, "is another UUID");
}

static void test_uuid_text(void)
{
	static const char *const bad[] = {"",
	                                  "550e8400-e29b-41d4-a716-44665544000",
	                                  "550e8400-e29b-41d4-a716-4466554400000",
	                                  "550e8400-e29b-41d4-a716-44665544000G",
	                                  "550E8400-e29b-41d4-a716-446655440000",
	                                  "550e8400e-29b-41d4-a716-446655440000",
	                                  "550e8400-e29b-41d4-a716_446655440000"};

	ok(uuid_is_text("550e8400-e29b-41d4-a716-446655440000", 36), "a UUID");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ok(!uuid_is_text(bad[i], strlen(bad[i])), "\"%s\" is none", bad[i]);
}

int main(void)
{
	test_sha256();
	test_uuid();
	test_uuid_text();
	ok(secret_equal("same", "same", 4) && !secret_equal("same", "sane", 4), "secrets are compared");
	return tap_done();
}
