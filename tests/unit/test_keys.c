/* test_keys.c - the file of API keys, and who is let in. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "plugins/role/gateway/keys.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

/* printf %s one | sha256sum */
#define ONE "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
#define TWO "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"

static bool admits(const struct keys *k, const char *authorization)
{
	return keys_admit(k, (struct sq_slice){authorization, authorization ? strlen(authorization) : 0});
}

static void test_admit(void)
{
	struct keys none = {0}, k;

	is_int(keys_parse("f", "# who may\n" ONE "  -\n\n" TWO "\r\n", &k, NULL), 0, "a file with two keys");
	is_int(k.count, 2, "has two");
	ok(admits(&k, "Bearer one") && admits(&k, "bearer  two"), "each of them is let in");
	ok(!admits(&k, "Bearer three") && !admits(&k, "Bearer onetwo"), "another one is not");
	ok(!admits(&k, "Bearer " ONE), "nor is the hash itself");
	ok(!admits(&k, "Bearer ") && !admits(&k, "Bearer") && !admits(&k, "one") &&
	       !admits(&k, "Basic one") && !admits(&k, NULL),
	   "nor what is no key");
	ok(admits(&none, NULL) && admits(&none, "Bearer x"), "without a file everybody is");
	keys_free(&k);
}

static void test_bad(void)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
	    {"", "there is no key"},
	    {"# nothing\n\n", "there is no key"},
	    {"secret\n", "f:1: not the SHA-256"},
	    {ONE "\n" ONE "0\n", "f:2: not the SHA-256"},
	    {"7692C3AD3540BB803C020B3AEE66CD8887123234EA0C6E7143C0ADD73FF431ED\n", "f:1: not the SHA-256"},
	    {" " ONE "\n", "f:1: not the SHA-256"},
	};

	for (size_t i = 0; i < SQ_LEN(cases); i++) {
		struct keys k;
		struct sq_err err = {0};

		ok(keys_parse("f", cases[i].text, &k, &err) == -EINVAL && strstr(err.text, cases[i].why),
		   "%s", err.text);
		ok(!strstr(err.text, "secret"), "what stands there is not repeated");
	}
}

static void test_file(void)
{
	char path[] = "/tmp/squall-keys-XXXXXX";
	struct sq_err err = {0};
	struct keys k;
	int fd = mkstemp(path);

	ok(write(fd, ONE "\n", 65) == 65, "a file");
	close(fd);
	is_int(keys_load(path, &k, &err), 0, "is loaded");
	ok(admits(&k, "Bearer one"), "and works");
	keys_free(&k);
	unlink(path);
	is_int(keys_load(path, &k, &err), -ENOENT, "one that is not there is an error");
	ok(strstr(err.text, path) && strstr(err.text, "api_keys_file"), "%s", err.text);
	is_int(keys_load("/", &k, &err), -EISDIR, "a folder, too");
}

static void test_memory(void)
{
	struct keys k;
	bool good = true;
	unsigned n;
	int r;

	for (n = 1;; n++) {
		failmalloc_after(n);
		r = keys_parse("f", ONE "\n" TWO "\n", &k, NULL);
		if (!failmalloc_stop())
			break;
		good &= r == -ENOMEM;
	}
	ok(good && r == 0 && n == 3, "%u allocations failed, all reported", n - 1);
	keys_free(&k);
}

int main(void)
{
	test_admit();
	test_bad();
	test_file();
	test_memory();
	return tap_done();
}
