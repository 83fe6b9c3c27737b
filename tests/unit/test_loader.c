/* test_loader.c - plugins that are wrong in every way we could think of, and some that are right. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/host/loader.h"

#include "tests/tap.h"

static char bad_dir[4096], demo_dir[4096], odd_dir[] = "loader-test-XXXXXX";

static const struct {
	enum sq_kind kind;
	const char *name;
	int code;
	const char *why; /* behind the path */
} refusals[] = {
    {SQ_ROLE, "stranger", -ENOEXEC, "is not a plugin of squall (no symbol sq_plugin)"},
    {SQ_ROLE, "function", -ENOEXEC, "is not a plugin of squall (its sq_plugin is no descriptor)"},
    {SQ_ROLE, "tiny", -ENOEXEC, "is not a plugin of squall (its sq_plugin is no descriptor)"},
    {SQ_ROLE, "magic", -ENOEXEC, "is not a plugin of squall (wrong magic number)"},
    {SQ_ROLE, "major", -EPROTO,
     "was built for plugin ABI 2.0 and this host speaks 1.0: update squalld or rebuild the plugin"},
    {SQ_ROLE, "minor", -EPROTO,
     "was built for plugin ABI 1.1 and this host speaks 1.0: update squalld or rebuild the plugin"},
    {SQ_ROLE, "kind", -EPROTO, "is of kind store, not role"},
    {SQ_ROLE, "kindless", -EPROTO, "is of kind unknown, not role"},
    {SQ_ROLE, "renamed", -EPROTO, "calls itself \"another\": file and plugin have to agree"},
    {SQ_ROLE, "nameless", -EPROTO, "calls itself \"\": file and plugin have to agree"},
    {SQ_ROLE, "summary", -EPROTO, "is unusable: summary is missing"},
    {SQ_ROLE, "create", -EPROTO, "is unusable: create is missing"},
    {SQ_ROLE, "drain", -EPROTO, "is unusable: drain is missing"},
    {SQ_ROLE, "vtable", -EPROTO, "is unusable: vt.role is missing"},
    {SQ_ROLE, "vtsize", -EPROTO, "is unusable: vt.role->size is 0"},
    {SQ_ROLE, "lost", -EPROTO, "is unusable: vt.role->deliver is there and vt.role->lost is missing"},
    {SQ_STORE, "partial", -EPROTO, "is unusable: vt.store->lease is missing"},
    {SQ_TRANSPORT, "partial", -EPROTO, "is unusable: vt.transport->settle is missing"},
    {SQ_SCHEDULER, "partial", -EPROTO, "is unusable: vt.scheduler->stop is missing"},
    {SQ_ROLE, "path", -EPROTO, "is unusable: route GET \"demo\" is not a method and a path"},
    {SQ_ROLE, "brace", -EPROTO, "is unusable: route GET \"/{demo\" is not a method and a path"},
    {SQ_ROLE, "params", -EPROTO, "is unusable: route /{a}/{b}/{c}/{d}/{e} has more than 4 parameters"},
    {SQ_ROLE, "handler", -EPROTO, "is unusable: route GET /demo has no handler"},
    {SQ_ROLE, "offset", -EPROTO,
     "is unusable: option count: its place is outside the configuration structure"},
    {SQ_ROLE, "type", -EPROTO, "is unusable: option count: its type is unknown"},
    {SQ_ROLE, "flags", -EPROTO, "is unusable: option count: its flags are unknown"},
    {SQ_ROLE, "reread", -EPROTO, "is unusable: option count: only secrets are read again"},
    {SQ_ROLE, "range", -EPROTO, "is unusable: option count: its least value is above its largest"},
    {SQ_ROLE, "default", -EPROTO, "is unusable: option count: its default \"10\" is outside 0 .. 9"},
    {SQ_ROLE, "required", -EPROTO, "is unusable: option count: it must not have a default"},
    {SQ_ROLE, "choices", -EPROTO, "is unusable: option colour: it has no choices"},
    {SQ_ROLE, "help", -EPROTO, "is unusable: option count: it has no help"},
    {SQ_ROLE, "key", -EPROTO, "is unusable: option row 0 has no usable key"},
    {SQ_ROLE, "twice", -EPROTO, "is unusable: option count stands there twice"},
    {SQ_ROLE, "clash", -EPROTO, "is unusable: option max_body: the host has one of that name"},
};

static void test_refusals(void)
{
	char want[8192];

	for (unsigned i = 0; i < SQ_LEN(refusals); i++) {
		const struct sq_plugin *p = NULL;
		struct sq_err err = {0};

		is_int(loader_open(bad_dir, refusals[i].kind, refusals[i].name, &p, &err), refusals[i].code,
		       refusals[i].name);
		snprintf(want, sizeof want, "%s/%s_%s.so %s", bad_dir, loader_kind_word(refusals[i].kind),
		         refusals[i].name, refusals[i].why);
		is_str(err.text, want, "says why");
		ok(p == NULL && err.code == refusals[i].code, "the output is untouched");
	}
}

static void is_odd(const char *name, const char *why)
{
	const struct sq_plugin *p = NULL;
	struct sq_err err;
	char want[128];

	snprintf(want, sizeof want, "%s/role_%s.so %s", odd_dir, name, why);
	is_int(loader_open(odd_dir, SQ_ROLE, name, &p, &err), -ENOEXEC, name);
	is_str(err.text, want, "says why");
}

/* The beginning of a good plugin. */
static void cut_short(long size)
{
	char command[9000];

	snprintf(command, sizeof command, "head -c %ld %s/role_demo.so >%s/role_short.so", size, demo_dir,
	         odd_dir);
	is_int(system(command), 0, "a copy that is cut short");
}

/* What dlopen says is in its own words. */
static void test_unopenable(void)
{
	const struct sq_plugin *p = NULL;
	struct sq_err err;

	is_int(loader_open(bad_dir, SQ_ROLE, "undefined", &p, &err), -ENOEXEC, "undefined symbol");
	ok(strstr(err.text, "squall_has_no_such_function"), "names the symbol: %s", err.text);
	is_odd("text", "is no shared object for this machine");
	is_odd("empty", "is no shared object for this machine");
	is_odd("folder", "is not a file");
	is_odd("pipe", "is not a file");
	for (long size = 1000; size < 5000; size += 3096) {
		cut_short(size);
		is_odd("short", "was cut short: install it again");
	}
	is_int(loader_open(bad_dir, SQ_ROLE, "size", &p, &err), -EPROTO, "less than there was in 1.0");
	ok(strstr(err.text, "role_size.so has a descriptor of 32 bytes, at least"), "says so: %s", err.text);
	is_int(loader_open(bad_dir, SQ_ROLE, "oversize", &p, &err), -EPROTO, "more than there is");
	ok(strstr(err.text, "role_oversize.so has a descriptor of"), "says so: %s", err.text);
}

static void test_missing(void)
{
	static const char *const names[] = {"nosuch",  "", "../bad/role_create", "a/b", "Demo",
	                                    "demo.so", "."};
	const struct sq_plugin *p = NULL;
	struct sq_err err;

	for (unsigned i = 0; i < SQ_LEN(names); i++)
		is_int(loader_open(demo_dir, SQ_ROLE, names[i], &p, &err), -ENOENT, names[i]);
	is_int(loader_open(":/nonexistent::", SQ_ROLE, "demo", &p, &err), -ENOENT, "no such folder");
	is_str(err.text, "no role plugin \"demo\" in :/nonexistent::", "says where it looked");
	is_int(loader_open("", SQ_ROLE, "demo", &p, &err), -ENOENT, "no folder at all");
}

static void test_right(void)
{
	const struct sq_plugin *p = NULL, *again = NULL;
	char dirs[9000];
	struct sq_err err;

	snprintf(dirs, sizeof dirs, "/nonexistent:%s:%s", demo_dir, bad_dir);
	is_int(loader_open(dirs, SQ_ROLE, "demo", &p, &err), 0, "found in the second folder");
	is_str(p->name, "demo", "its name");
	ok(p->vt.role->routes && p->vt.role->size == sizeof(struct sq_role), "its functions");
	is_int(loader_open(demo_dir, SQ_ROLE, "demo", &again, &err), 0, "and again");
	ok(again == p, "gives the same copy");
	is_int(loader_open(demo_dir, SQ_STORE, "demo", &p, &err), 0, "a store");
	is_int(loader_open(demo_dir, SQ_TRANSPORT, "demo", &p, &err), 0, "a transport");
	is_int(loader_open(demo_dir, SQ_SCHEDULER, "demo", &p, &err), 0, "a scheduler");
	is_int(loader_open(dirs, SQ_ROLE, "older", &p, &err), 0, "shorter functions of an older plugin");
	ok(p->vt.role->routes && !p->vt.role->deliver && !p->vt.role->job_changed, "with zeroes behind them");
	is_int(loader_open(dirs, SQ_ROLE, "longer", &p, &err), 0, "a descriptor longer than ours");
	is_str(p->summary, "For tests.", "of which our part is copied");
}

static void test_names(void)
{
	char dirs[9000], **names;

	snprintf(dirs, sizeof dirs, "%s:%s:/nonexistent", demo_dir, demo_dir);
	names = loader_names(dirs, SQ_ROLE);
	ok(names && names[0] && names[1] && !names[2], "two roles, each once");
	is_str(names ? names[0] : NULL, "demo", "in order");
	loader_names_free(names);
	names = loader_names("/nonexistent", SQ_ROLE);
	ok(names && !names[0], "none in a folder that is not there");
	loader_names_free(names);
	loader_names_free(NULL);
}

static void make_odd(void)
{
	char path[64];
	int fd;

	ok(mkdtemp(odd_dir), "a folder for odd files");
	snprintf(path, sizeof path, "%s/role_folder.so", odd_dir);
	mkdir(path, 0755);
	snprintf(path, sizeof path, "%s/role_pipe.so", odd_dir);
	mkfifo(path, 0644);
	snprintf(path, sizeof path, "%s/role_empty.so", odd_dir);
	close(open(path, O_CREAT | O_WRONLY, 0644));
	snprintf(path, sizeof path, "%s/role_text.so", odd_dir);
	fd = open(path, O_CREAT | O_WRONLY, 0644);
	ok(fd >= 0 && write(fd, "plugin, please", 14) == 14, "a text file");
	close(fd);
}

static void remove_odd(void)
{
	static const char *const names[] = {"empty", "text", "folder", "pipe", "short"};
	char path[64];

	for (unsigned i = 0; i < SQ_LEN(names); i++) {
		snprintf(path, sizeof path, "%s/role_%s.so", odd_dir, names[i]);
		remove(path);
	}
	rmdir(odd_dir);
}

int main(void)
{
	const char *build = getenv("top_builddir");

	snprintf(bad_dir, sizeof bad_dir, "%s/tests/bad", build ? build : ".");
	snprintf(demo_dir, sizeof demo_dir, "%s/tests/demo", build ? build : ".");
	make_odd();
	test_refusals();
	test_unopenable();
	test_missing();
	test_right();
	test_names();
	remove_odd();
	return tap_done();
}
