/* test_conf.c - whole .conf files against the plugins of tests/demo. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <squall/log.h>

#include "core/host/conf.h"

#include "tests/failmalloc.h"
#include "tests/tap.h"

static char plugins[4096];
static char *said;
static size_t said_size;

static void put_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		ok(false, "cannot write %s", name);
}

/* Takes "NAME=value NAME=value" into the environment, or out of it again. */
static void set_variables(const char *list, bool set)
{
	char copy[512], *rest = copy, *word, *value;

	snprintf(copy, sizeof copy, "%s", list ? list : "");
	while ((word = strsep(&rest, " "))) {
		value = strchr(word, '=');
		if (!value)
			continue;
		*value = '\0';
		if (set)
			setenv(word, value + 1, 1);
		else
			unsetenv(word);
	}
}

/* What was said last is in said. */
static int read_file(const char *path, struct conf **c)
{
	FILE *report;
	int r;

	free(said);
	said = NULL;
	report = open_memstream(&said, &said_size);
	r = conf_read(path, plugins, c, report);
	fclose(report);
	return r;
}

static int read_text(const char *text, const char *variables, struct conf **c)
{
	int r;

	put_file("t.conf", text);
	set_variables(variables, true);
	r = read_file("t.conf", c);
	set_variables(variables, false);
	return r;
}

/* NULL if it is refused, which the test is not about. */
static struct conf *must_read(const char *text, const char *variables)
{
	struct conf *c = NULL;
	int r = read_text(text, variables, &c);

	ok(r == 0, "reads: %s", said);
	return c;
}

#define DEMO "plugin = \"demo\"; url = \"http://x\"; listen = \"127.0.0.1:8001\"; "
#define NOTHING "t.conf: 1 error, nothing started\n"

static const struct {
	const char *name, *text, *variables, *want;
} faults[] = {
    /* Keys. */
    {"unknown option with a suggestion", "roles = (\n { " DEMO "\n colr = \"red\"; coun = 1; } );", NULL,
     "t.conf:3: roles[0].colr is not an option\n"
     "t.conf:3: roles[0].coun is not an option; did you mean count?\n"
     "t.conf: 2 errors, nothing started\n"},
    {"unknown option of the listener", "roles = ( { " DEMO " max_bodi = 1; } );", NULL,
     "t.conf:1: roles[0].max_bodi is not an option; did you mean max_body?\n" NOTHING},
    {"unknown option at the top", "log_levl = \"info\"; stroe = 1;\nroles = ( { " DEMO " } );", NULL,
     "t.conf:1: log_levl is not an option; did you mean log_level?\n"
     "t.conf:1: stroe is not an option; did you mean store?\n"
     "t.conf: 2 errors, nothing started\n"},
    {"a plugin's option in the wrong group", "count = 3;\nroles = ( { " DEMO " } );", NULL,
     "t.conf:1: count is not an option\n" NOTHING},
    {"the same option twice", "roles = ( { " DEMO "\n count = 1;\n count = 2; } );", NULL,
     "t.conf:3: this option stands in the same group twice\n" NOTHING},

    /* Plugins. */
    {"plugin not installed, near one", "transport = {\n plugin = \"demmo\"; };\nroles = ( { " DEMO " } );",
     NULL, "t.conf:2: transport.plugin \"demmo\" is not installed; did you mean demo?\n" NOTHING},
    {"plugin not installed, near none", "roles = ( { plugin = \"zzzzzz\"; } );", NULL,
     "t.conf:1: roles[0].plugin \"zzzzzz\" is not installed; installed: demo, needy\n" NOTHING},
    {"a name that leads out of the folder", "roles = ( { plugin = \"../demo\"; } );", NULL,
     "t.conf:1: roles[0].plugin \"../demo\" is not installed; installed: demo, needy\n" NOTHING},
    {"no plugin", "store = { host = \"x\"; };\nroles = ( { } );", NULL,
     "t.conf:1: store.plugin is required\nt.conf:2: roles[0].plugin is required\n"
     "t.conf: 2 errors, nothing started\n"},
    {"a plugin that is no text", "roles = ( { plugin = 5; } );", NULL,
     "t.conf:1: roles[0].plugin takes a text in quotes\n" NOTHING},
    {"no group", "store = \"demo\";\nroles = ( \"demo\" );", NULL,
     "t.conf:1: store takes a group: { plugin = \"NAME\"; ... }\n"
     "t.conf:2: roles[0] takes a group: { plugin = \"NAME\"; ... }\n"
     "t.conf: 2 errors, nothing started\n"},
    {"no roles", "", NULL,
     "t.conf: roles is required: what should this process be? roles = ( { plugin = \"target\"; } "
     ");\n" NOTHING},
    {"a role that is no list", "roles = { plugin = \"demo\"; };", NULL,
     "t.conf:1: roles takes a list of at least one group: roles = ( { plugin = \"target\"; } );\n" NOTHING},
    {"an empty list", "roles = ( );", NULL,
     "t.conf:1: roles takes a list of at least one group: roles = ( { plugin = \"target\"; } );\n" NOTHING},

    /* Values. */
    {"every type wrong",
     "roles = ( {\n plugin = \"demo\"; url = 5;\n flag = 1;\n count = \"3\";\n pause = 1.5;\n room = true;\n"
     " key = 7;\n colour = 2;\n hosts = \"a\"; } );",
     NULL,
     "t.conf:2: roles[0].url takes a text in quotes\n"
     "t.conf:3: roles[0].flag takes true or false\n"
     "t.conf:4: roles[0].count takes a whole number\n"
     "t.conf:5: roles[0].pause takes a duration such as \"30s\"\n"
     "t.conf:6: roles[0].room takes a size such as 65536 or \"64k\"\n"
     "t.conf:7: roles[0].key takes \"env:NAME\" or \"file:/path\"\n"
     "t.conf:8: roles[0].colour takes one of \"red\", \"green\", \"blue\"\n"
     "t.conf:9: roles[0].hosts takes a list such as ( \"a\", \"b\" )\n"
     "t.conf: 8 errors, nothing started\n"},
    {"every value wrong",
     "roles = ( { " DEMO
     "\n count = 101;\n pause = \"2 fortnights\";\n room = \"4G\";\n colour = \"grren\";\n"
     " hosts = ( \"a\", 1 ); } );",
     NULL,
     "t.conf:2: roles[0].count 101 is outside 1 .. 100\n"
     "t.conf:3: roles[0].pause \"2 fortnights\" is not a duration such as \"30s\"\n"
     "t.conf:4: roles[0].room \"4G\" is outside 1 .. 1G\n"
     "t.conf:5: roles[0].colour \"grren\" is not one of \"red\", \"green\", \"blue\"; did you mean green?\n"
     "t.conf:6: roles[0].hosts takes a list such as ( \"a\", \"b\" )\n"
     "t.conf: 5 errors, nothing started\n"},
    {"a fraction for a whole number", "roles = ( { " DEMO " count = 1.0; } );", NULL,
     "t.conf:1: roles[0].count takes a whole number\n" NOTHING},
    {"a group for a value", "roles = ( { " DEMO " count = { a = 1; }; } );", NULL,
     "t.conf:1: roles[0].count takes a whole number\n" NOTHING},
    {"a secret in the file is not repeated", "roles = ( { " DEMO " key = \"hunter2\"; } );", NULL,
     "t.conf:1: roles[0].key is a secret and does not belong into the file: write \"env:NAME\" or "
     "\"file:/path\"\n" NOTHING},
    {"required", "roles = (\n {\n plugin = \"demo\"; } );", NULL,
     "t.conf:2: roles[0].url is required, here or as variable TARGET_URL\n" NOTHING},
    {"numbers that libconfig would misread are reported once",
     "roles = ( { " DEMO "\n count = 4294967297;\n room = 010; } );", NULL,
     "t.conf:2: 4294967297 is outside -2147483648 .. 2147483647: write large sizes as text, \"4G\"\n"
     "t.conf:3: 010 starts with 0, which some read as octal: write it without\n"
     "t.conf: 2 errors, nothing started\n"},
    {"what the plugin's own check says", "roles = (\n { " DEMO " flag = true; count = 51; } );", NULL,
     "t.conf:2: roles[0]: with flag, count is at most 50\n" NOTHING},
    {"which is not asked about wrong values", "roles = ( { " DEMO " flag = true; count = 101; } );", NULL,
     "t.conf:1: roles[0].count 101 is outside 1 .. 100\n" NOTHING},
    {"foreign bytes are not passed on", "log_level = \"a\\x1b[31m\"; roles = ( { " DEMO " } );", NULL,
     "t.conf:1: log_level \"a?[31m\" is not one of \"error\", \"warn\", \"info\", \"debug\"\n" NOTHING},

    /* The environment. */
    {"a variable with a bad value", "roles = ( { " DEMO " } );",
     "DEMO_COUNT=many DEMO_FLAG=maybe DEMO_PAUSE=2h",
     "variable DEMO_FLAG: \"maybe\" is not true or false (roles[0].flag)\n"
     "variable DEMO_COUNT: \"many\" is not a whole number (roles[0].count)\n"
     "variable DEMO_PAUSE: \"2h\" is outside 1ms .. 1m (roles[0].pause)\n"
     "t.conf: 3 errors, nothing started\n"},
    {"the file is checked also where a variable overrides it", "roles = ( { " DEMO " count = 101; } );",
     "DEMO_COUNT=5", "t.conf:1: roles[0].count 101 is outside 1 .. 100\n" NOTHING},
    {"one variable against two different values",
     "store = { plugin = \"demo\";\n host = \"a\"; };\ntransport = { plugin = \"demo\";\n host = \"b\"; };\n"
     "roles = ( { " DEMO " } );",
     "REDIS_HOST=c",
     "variable REDIS_HOST: would override two different values, store.host (t.conf:2) and transport.host "
     "(t.conf:4): unset it or make them equal\n" NOTHING},

    /* Between the groups. */
    {"what a role needs", "roles = (\n { plugin = \"needy\"; } );", NULL,
     "t.conf:2: role needy needs a store: add store = { plugin = \"local\"; };\n"
     "t.conf:2: role needy needs a transport: add transport = { plugin = \"local\"; };\n"
     "t.conf:2: role needy needs a scheduler: add scheduler = { plugin = \"fork\"; };\n"
     "t.conf: 3 errors, nothing started\n"},
    {"two that take the same",
     "store = { plugin = \"demo\"; }; transport = { plugin = \"demo\"; }; scheduler = { plugin = \"demo\"; "
     "};\n"
     "roles = ( { plugin = \"needy\"; },\n { plugin = \"needy\"; } );",
     NULL,
     "t.conf:3: roles[0] (needy) and roles[1] (needy) both take deliveries: only one role of a process can\n"
     "t.conf:3: roles[0] (needy) and roles[1] (needy) both take job changes: only one role of a process can\n"
     "t.conf: 2 errors, nothing started\n"},
    {"a bad address", "roles = ( { plugin = \"demo\"; url = \"u\";\n listen = \"0.0.0.0:80000\"; } );", NULL,
     "t.conf:2: roles[0].listen \"0.0.0.0:80000\": port is outside 1 .. 65535\n" NOTHING},
    {"a bad address for the administration", "admin_listen = \"9000\";\nroles = ( { " DEMO " } );", NULL,
     "t.conf:1: admin_listen \"9000\": has no port: write host:port, [IPv6 address]:port or "
     "unix:/path\n" NOTHING},
    {"the same address twice", "roles = ( { " DEMO " },\n { " DEMO " } );", NULL,
     "t.conf:2: roles[1].listen \"127.0.0.1:8001\" is taken by roles[0].listen \"127.0.0.1:8001\"\n" NOTHING},
    {"one address within the other", "admin_listen = \"0.0.0.0:8001\"; roles = ( { " DEMO " } );", NULL,
     "t.conf:1: roles[0].listen \"127.0.0.1:8001\" is taken by admin_listen \"0.0.0.0:8001\"\n" NOTHING},
    {"two defaults",
     "roles = ( { plugin = \"demo\"; url = \"u\"; },\n { plugin = \"demo\"; url = \"u\"; } );", NULL,
     "t.conf:2: roles[1].listen \"0.0.0.0:8000\" is taken by roles[0].listen \"0.0.0.0:8000\"\n" NOTHING},

    /* The text. */
    {"syntax", "state_dir = \"x\";\nlog_level \"info\";\n", NULL,
     "t.conf:2: syntax error, here or on the line before: a quote, comma or = is missing\n" NOTHING},
    {"an array of several types", "roles = [ 1, \"x\" ];", NULL,
     "t.conf:1: mismatched element type in array\n" NOTHING},
    {"everything at once",
     "log_level = \"loud\";\nstore = { plugin = \"demo\"; port = 70000; };\ntransport = { plugin = "
     "\"reddis\"; };\n"
     "roles = ( { plugin = \"demo\"; colur = 1; } );",
     "REDIS_PORT=x",
     "t.conf:1: log_level \"loud\" is not one of \"error\", \"warn\", \"info\", \"debug\"\n"
     "t.conf:2: store.port 70000 is outside 1 .. 65535\n"
     "variable REDIS_PORT: \"x\" is not a whole number (store.port)\n"
     "t.conf:3: transport.plugin \"reddis\" is not installed; installed: demo\n"
     "t.conf:4: roles[0].url is required, here or as variable TARGET_URL\n"
     "t.conf:4: roles[0].colur is not an option; did you mean colour?\n"
     "t.conf: 6 errors, nothing started\n"},
};

static void test_faults(void)
{
	for (unsigned i = 0; i < SQ_LEN(faults); i++) {
		struct conf *c = NULL;

		ok(read_text(faults[i].text, faults[i].variables, &c) < 0 && !c, "refused: %s",
		   faults[i].name);
		is_str(said, faults[i].want, faults[i].name);
	}
}

/* Accepted, with a word or without. */
static const struct {
	const char *name, *text, *variables, *want;
} good[] = {
    {"the least", "roles = ( { " DEMO " } );", NULL, ""},
    {"several roles and groups",
     "store = { plugin = \"demo\"; }; transport = { plugin = \"demo\"; }; scheduler = { plugin = \"demo\"; "
     "};\n"
     "roles = ( { plugin = \"needy\"; }, { " DEMO " }, { " DEMO " \n} );",
     NULL, NULL},
    {"port 0 is never taken",
     "roles = ( { plugin = \"demo\"; url = \"u\"; listen = \"[::]:0\"; }, { plugin = \"demo\"; url = \"u\"; "
     "listen = \"[::]:0\"; } );",
     NULL, ""},
    {"a service link is ignored, once",
     "store = { plugin = \"demo\"; }; transport = { plugin = \"demo\"; }; roles = ( { " DEMO " } );",
     "REDIS_PORT=tcp://10.0.0.1:6379",
     "variable REDIS_PORT: warning: ignored, \"tcp://10.0.0.1:6379\" is a Kubernetes service link and not a "
     "number; set enableServiceLinks: false\n"},
    {"a service link that nobody reads is nothing", "roles = ( { " DEMO " } );",
     "REDIS_PORT=tcp://10.0.0.1:6379", ""},
    {"a variable that nobody reads", "roles = ( { " DEMO " } );", "REDIS_KEY=hits K8S_NAMESPACE=",
     "variable REDIS_KEY: warning: is set, and no plugin that t.conf names reads it\n"},
    {"a variable that a secret reads", "roles = ( { " DEMO " key = \"env:REDIS_PASSWORD\"; } );",
     "REDIS_PASSWORD=x", ""},
    {"one variable over equal values",
     "store = { plugin = \"demo\"; host = \"a\"; }; transport = { plugin = \"demo\"; host = \"a\"; };"
     "roles = ( { " DEMO " } );",
     "REDIS_HOST=c", ""},
    {"one variable over one value",
     "store = { plugin = \"demo\"; host = \"a\"; }; transport = { plugin = \"demo\"; }; roles = ( { " DEMO
     " } );",
     "REDIS_HOST=c", ""},
    {"a required option by its variable", "roles = ( { plugin = \"demo\"; } );", "TARGET_URL=http://y", ""},
    {"empty variables are unset", "roles = ( { " DEMO " } );", "DEMO_COUNT= DEMO_FLAG= REDIS_PORT=", ""},
};

static void test_good(void)
{
	for (unsigned i = 0; i < SQ_LEN(good); i++) {
		struct conf *c = NULL;
		int r = read_text(good[i].text, good[i].variables, &c);

		if (!good[i].want)
			continue;
		is_int(r, 0, good[i].name);
		is_str(said, good[i].want, "what is said");
		if (r == 0)
			conf_free(c);
	}
}

struct demo_values {
	bool flag;
	int64_t count, pause, room;
	const char *url, *key;
	int colour;
	const char *const *hosts;
};

static void test_values(void)
{
	const struct demo_values *v;
	struct conf *c;

	c = must_read("state_dir = \"/s\"; grace = 5; log_format = \"json\";\n"
	              "store = { plugin = \"demo\"; port = 7000; };\n"
	              "roles = ( { " DEMO
	              "flag = true; pause = 3; room = \"1M\"; colour = \"blue\"; hosts = [ \"x\", \"y,z\" ]; "
	              "max_body = 2048; idle_timeout = \"1m\"; } );",
	              "DEMO_COUNT=7 DEMO_COLOUR=red DEMO_FLAG=False SQUALL_LOG_LEVEL=debug");
	if (!c)
		return;
	is_str(c->core.state_dir, "/s", "state_dir");
	is_int(c->core.grace, 5 * SQ_S, "a bare number is seconds");
	ok(c->core.log_level == SQ_L_DEBUG && c->core.log_format == 1, "choices, one by its variable");
	is_str(c->core.plugin_dir, plugins, "the caller's folder wins");
	is_int(c->count, 2, "plugins");
	ok(c->plugins[0].kind == SQ_STORE && c->plugins[1].kind == SQ_ROLE, "in order of life");
	is_str(c->plugins[0].group, "store", "group of the store");
	ok(c->plugins[0].listener == NULL, "a store does not listen");
	is_str(c->plugins[1].group, "roles[0]", "group of the role");
	is_str(c->plugins[1].name, "demo", "its name");
	v = c->plugins[1].values;
	is_str(v->url, "http://x", "text");
	ok(!v->flag && v->count == 7 && v->colour == 0, "variables override the file and the defaults");
	ok(v->pause == 3 * SQ_S && v->room == 1 << 20, "duration and size");
	is_str(v->key, "", "a secret without a value");
	ok(strcmp(v->hosts[0], "x") == 0 && strcmp(v->hosts[1], "y,z") == 0 && !v->hosts[2], "a list");
	ok(c->plugins[1].listener->max_body == 2048 && c->plugins[1].listener->idle_timeout == 60 * SQ_S &&
	       c->plugins[1].listener->max_header == 16384,
	   "the listener's options");
	conf_free(c);

	c = must_read("roles = ( { plugin = \"demo\"; } );", "DEMO_HOSTS=p,q TARGET_URL=u DEMO_PAUSE=2");
	if (!c)
		return;
	v = c->plugins[0].values;
	ok(strcmp(v->hosts[0], "p") == 0 && strcmp(v->hosts[1], "q") == 0 && !v->hosts[2],
	   "a list by its variable");
	is_int(v->pause, 2 * SQ_S, "seconds by a variable");
	is_str(c->plugins[0].listener->listen, "0.0.0.0:8000", "the default address");
	conf_free(c);
}

static void test_paths(void)
{
	static const struct {
		const char *file, *text, *want;
	} cases[] = {
	    {"t.conf", "state_dir = \"s\";", "s"},
	    {"./t.conf", "state_dir = \"s/t\";", "./s/t"},
	    {"/proc/self/cwd/t.conf", "state_dir = \"../s\";", "/proc/self/cwd/../s"},
	    {"./t.conf", "state_dir = \"/s\";", "/s"},
	    {"./t.conf", "", ""},
	};
	struct conf *c;
	char text[256];

	for (unsigned i = 0; i < SQ_LEN(cases); i++) {
		snprintf(text, sizeof text, "%s roles = ( { " DEMO " } );", cases[i].text);
		put_file("t.conf", text);
		if (read_file(cases[i].file, &c) < 0) {
			ok(false, "reads: %s", said);
			continue;
		}
		is_str(c->core.state_dir, cases[i].want, cases[i].want);
		conf_free(c);
	}
}

static void is_effective(const struct conf *c, const char *want, const char *name)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	conf_print_effective(c, f);
	fclose(f);
	is_str(text, want, name);
	free(text);
}

static void test_effective(void)
{
	char want[8192];
	struct conf *c;

	put_file("more.conf", "grace = \"1500ms\";\nlog_level = \"warn\";\n");
	c = must_read("@include \"more.conf\"\nstore = { plugin = \"demo\";\n password = \"file:/p\"; };\n"
	              "roles = ( { plugin = \"needy\"; } );\n"
	              "transport = { plugin = \"demo\"; }; scheduler = { plugin = \"demo\"; };",
	              "REDIS_PORT=7000");
	if (!c)
		return;
	snprintf(want, sizeof want,
	         "state_dir = \"\"  # default\n"
	         "plugin_dir = \"%s\"  # command line\n"
	         "admin_listen = \"\"  # default\n"
	         "grace = \"1500ms\"  # more.conf:1\n"
	         "log_level = \"warn\"  # more.conf:2\n"
	         "log_format = \"logfmt\"  # default\n"
	         "store.plugin = \"demo\"  # t.conf:2\n"
	         "store.host = \"localhost\"  # default\n"
	         "store.port = 7000  # variable REDIS_PORT\n"
	         "store.password = ********  # t.conf:3\n"
	         "transport.plugin = \"demo\"  # t.conf:5\n"
	         "transport.host = \"localhost\"  # default\n"
	         "transport.port = 7000  # variable REDIS_PORT\n"
	         "transport.password = \"\"  # default\n"
	         "scheduler.plugin = \"demo\"  # t.conf:5\n"
	         "roles[0].plugin = \"needy\"  # t.conf:4\n",
	         plugins);
	is_effective(c, want, "every option and where it came from");
	conf_free(c);
}

static void is_resolved(struct conf *c, int want, const char *report, const char *name)
{
	FILE *f;

	free(said);
	said = NULL;
	f = open_memstream(&said, &said_size);
	is_int(conf_resolve(c, f), want, name);
	fclose(f);
	is_str(said, report, "what is said");
}

struct store_values {
	const char *host, *password;
};

static void test_secrets(void)
{
	const struct store_values *store, *transport;
	const struct demo_values *role;
	struct conf *c;

	put_file("key", "from a file\r\n");
	setenv("REDIS_PASSWORD", "file:/taken/literally", 1);
	setenv("OTHER", "from a variable", 1);
	c = must_read(
	    "store = { plugin = \"demo\"; };\ntransport = { plugin = \"demo\"; password = \"file:p\"; };\n"
	    "roles = ( { " DEMO "\n key = \"file:key\"; },\n { plugin = \"demo\"; url = \"u\"; "
	    "key = \"env:OTHER\"; } );",
	    NULL);
	if (!c)
		return;
	store = c->plugins[0].values;
	transport = c->plugins[1].values;
	is_str(store->password, "env:REDIS_PASSWORD", "not resolved by reading");
	is_resolved(c, 0, "", "resolves");
	is_str(store->password, "file:/taken/literally", "a variable is taken as it is");
	is_str(transport->password, "env:REDIS_PASSWORD", "it overrides the file; whoever reads again is told where");
	role = c->plugins[2].values;
	is_str(role->key, "from a file", "a file, without its last line end");
	role = c->plugins[3].values;
	is_str(role->key, "from a variable", "a variable that the file names");
	put_file("key", "\n");
	unsetenv("OTHER");
	is_resolved(
	    c, -EINVAL,
	    "t.conf:4: roles[0].key: key is empty\nt.conf:5: roles[1].key: variable OTHER is not set\n"
	    "t.conf: 2 errors, nothing started\n",
	    "all that cannot be resolved");
	remove("key");
	setenv("OTHER", "", 1);
	is_resolved(c, -EINVAL,
	            "t.conf:4: roles[0].key: cannot read key: No such file or directory\n"
	            "t.conf:5: roles[1].key: variable OTHER is not set\n"
	            "t.conf: 2 errors, nothing started\n",
	            "a file that is gone, a variable that is empty");
	conf_free(c);
	unsetenv("OTHER");
	unsetenv("REDIS_PASSWORD");
}

static void test_files(void)
{
	struct conf *c = NULL;

	ok(read_file("gone.conf", &c) < 0, "no such file");
	is_str(said,
	       "gone.conf: cannot be read: No such file or directory\ngone.conf: 1 error, nothing started\n",
	       "says so");
	ok(read_file("/", &c) < 0, "a folder");
	is_str(said, "/: cannot be read: Is a directory\n/: 1 error, nothing started\n", "says so");
	if (geteuid() != 0) {
		put_file("t.conf", "");
		chmod("t.conf", 0);
		ok(read_file("t.conf", &c) < 0, "a file that is not ours");
		is_str(said, "t.conf: cannot be read: Permission denied\nt.conf: 1 error, nothing started\n",
		       "says so");
		chmod("t.conf", 0600);
	}
	conf_free(NULL);
}

/* Every allocation fails once: an error and no leak, or as if nothing had happened. */
static void test_memory(void)
{
	struct conf *c = NULL;
	unsigned n = 0;
	int r;

	put_file("more.conf", "log_level = \"warn\";\n");
	put_file("t.conf", "@include \"more.conf\"\nstore = { plugin = \"demo\"; };\n"
	                   "transport = { plugin = \"demo\"; password = \"file:key\"; }; scheduler = { "
	                   "plugin = \"demo\"; };\n"
	                   "roles = ( { " DEMO " hosts = ( \"a\", \"b\" ); }, { plugin = \"needy\"; } );");
	put_file("key", "x\n");
	setenv("DEMO_HOSTS", "c,d", 1);
	do {
		FILE *report = tmpfile();

		failmalloc_after(++n);
		r = conf_read("t.conf", plugins, &c, report);
		if (r == 0) {
			int e = conf_resolve(c, report);

			r = failmalloc_stop() ? -1 : 0;
			if (e == 0 && r < 0)
				ok(false, "allocation %u failed unnoticed", n);
			conf_free(c);
		} else {
			failmalloc_stop();
			if (ftell(report) == 0)
				ok(false, "allocation %u failed without a word", n);
		}
		fclose(report);
	} while (r < 0 && n < 2000);
	ok(r == 0 && n > 40, "each of %u allocations may fail", n - 1);
	unsetenv("DEMO_HOSTS");
}

int main(void)
{
	static const char *const files[] = {"t.conf", "more.conf", "key"};
	const char *build = getenv("top_builddir");
	char dir[] = "/tmp/conf-XXXXXX", here[2048];

	if (!getcwd(here, sizeof here) || !mkdtemp(dir) || chdir(dir) < 0)
		return tap_skip_all("no temporary folder");
	snprintf(plugins, sizeof plugins, "%s/tests/demo", build ? build : here);
	test_faults();
	test_good();
	test_values();
	test_paths();
	test_effective();
	test_secrets();
	test_files();
	test_memory();
	for (unsigned i = 0; i < SQ_LEN(files); i++)
		remove(files[i]);
	if (chdir("/") == 0)
		rmdir(dir);
	free(said);
	return tap_done();
}
