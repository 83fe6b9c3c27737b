/* test_conf_doc.c - what --describe prints of the plugins of tests/demo. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/host/conf.h"

#include "tests/tap.h"

static char demo_dir[4096], bad_dir[4096];
static char *text, *report;

static int describe(const char *dir, const char *which, enum conf_doc format)
{
	size_t text_size, report_size;
	FILE *out, *rep;
	int r;

	free(text);
	free(report);
	out = open_memstream(&text, &text_size);
	rep = open_memstream(&report, &report_size);
	r = conf_describe(dir, which, format, out, rep);
	fclose(out);
	fclose(rep);
	return r;
}

static void has(const char *what)
{
	if (!ok(strstr(text, what), "has: %.60s", what))
		printf("# in: %s\n", text);
}

static const char store_text[] = "\nstore demo\n"
                                 "  For tests.\n"
                                 "\n  host = \"localhost\"\n"
                                 "      Host name of the server.\n"
                                 "      (string, variable REDIS_HOST)\n"
                                 "\n  port = 6379\n"
                                 "      TCP port.\n"
                                 "      (integer, 1 .. 65535, variable REDIS_PORT)\n"
                                 "\n  password = \"\"\n"
                                 "      For AUTH.\n"
                                 "      (secret, \"env:NAME\" or \"file:/path\", variable REDIS_PASSWORD)\n"
                                 "\nEnvironment\n"
                                 "  A variable overrides the file; an empty one counts as unset.\n"
                                 "\n  REDIS_HOST                     store demo: host\n"
                                 "  REDIS_PORT                     store demo: port\n"
                                 "  REDIS_PASSWORD                 store demo: password\n";

static void is_narrow(void)
{
	const char *line = text;
	size_t longest = 0;

	while (*line) {
		size_t len = strcspn(line, "\n");

		longest = len > longest ? len : longest;
		line += len + (line[len] == '\n');
	}
	ok(longest <= 80, "the longest line has %zu columns", longest);
}

static void test_text(void)
{
	is_int(describe(demo_dir, "store/demo", CONF_DOC_TEXT), 0, "one plugin");
	is_str(text, store_text, "as text");
	is_int(describe(demo_dir, "demo", CONF_DOC_TEXT), 0, "a name that several kinds have");
	has("\nstore demo\n");
	has("\nrole demo\n");
	has("\n  url\n      Where to go.\n      (string, required, variable TARGET_URL)\n");
	has("\n  hosts = ( \"a\", \"b\" )\n");
	has("\n  GET /demo\n      Says so.\n");
	ok(!strstr(text, "log_level"), "without the host's own");
	is_int(describe(demo_dir, NULL, CONF_DOC_TEXT), 0, "all");
	has("\n  log_level = \"info\"\n");
	has("\n  max_body = \"1M\"\n");
	has("SQUALL_PLUGIN_DIR");
	is_narrow();
}

static void test_markdown(void)
{
	is_int(describe(demo_dir, NULL, CONF_DOC_MARKDOWN), 0, "Markdown");
	has("\n## role demo\n\nFor tests.\n\n| Option | Type | Default | Meaning |\n|---|---|---|---|\n"
	    "| `url` | string | required | Where to go. Variable `TARGET_URL`. |\n");
	has("| `colour` | one of \"red\", \"green\", \"blue\" | `\"green\"` | Which one. Variable "
	    "`DEMO_COLOUR`. |\n");
	has("\n| `GET /demo` | Says so. |\n");
	has("\n| `REDIS_HOST` | store demo: `host` |\n");
}

static int read_sample(struct conf **c)
{
	FILE *f = fopen("sample.conf", "w");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		return -EIO;
	return conf_read("sample.conf", demo_dir, c, stdout);
}

/* The defaults are read by the same code as a file: uncommented, the sample is still right. */
static void uncomment(void)
{
	for (char *c = text; (c = strchr(c, '#')); c++) {
		if (c[1] != ' ' && c[1] != '\t' && c[1] != ',' && c[1] != '}')
			*c = ' ';
	}
}

static void test_sample(void)
{
	struct conf *c;

	is_int(describe(demo_dir, NULL, CONF_DOC_SAMPLE), 0, "a sample");
	has("\n#log_level = \"info\";\n");
	has("\n\t\turl = \"\"; # required\n");
	has("\n\t#, {\n\t#\tplugin = \"needy\";\n\t#}\n");
	ok(!strstr(text, "hosts"), "options for experts are left out");
	is_narrow();
	if (ok(read_sample(&c) == 0, "is read as it stands")) {
		is_int(c->count, 4, "with a plugin of each kind");
		conf_free(c);
	}
	uncomment();
	has("\n log_level = \"info\";\n");
	if (ok(read_sample(&c) == 0, "and with all its options live"))
		conf_free(c);
	remove("sample.conf");
}

static void test_man(void)
{
	char line[512];
	FILE *f;

	is_int(describe(demo_dir, NULL, CONF_DOC_MAN), 0, "a manual page");
	ok(strncmp(text, ".TH SQUALL.CONF 5 ", 18) == 0, "has its title");
	has("\n.SH \"ROLE DEMO\"\n");
	has("\n.B \"port = 6379\"\n");
	has("\n.B \"host = \\(dqlocalhost\\(dq\"\n");
	has("\n.B \"GET /demo\"\n");
	if (system("groff --version >/dev/null 2>&1") != 0) {
		printf("ok %d # SKIP groff is not installed\n", ++tap_count);
		return;
	}
	f = popen("groff -man -Tascii -wall >/dev/null 2>groff.out; test ! -s groff.out", "w");
	ok(f && fputs(text, f) >= 0 && pclose(f) == 0, "groff has nothing to say about it");
	f = fopen("groff.out", "r");
	while (f && fgets(line, sizeof line, f))
		printf("# %s", line);
	if (f)
		fclose(f);
	remove("groff.out");
}

static void test_errors(void)
{
	is_int(describe(demo_dir, "nosuch", CONF_DOC_TEXT), -ENOENT, "no such plugin");
	ok(strncmp(report, "no plugin \"nosuch\" in ", 22) == 0, "says where it looked: %s", report);
	is_str(text, "", "and nothing else");
	is_int(describe(bad_dir, "role/create", CONF_DOC_TEXT), -EPROTO, "a plugin that is unusable");
	ok(strstr(report, "is unusable: create is missing"), "says why: %s", report);
}

int main(void)
{
	const char *build = getenv("top_builddir");
	char dir[] = "/tmp/conf-doc-XXXXXX", here[2048];

	if (!getcwd(here, sizeof here))
		return 1;
	snprintf(demo_dir, sizeof demo_dir, "%s/tests/demo", build ? build : here);
	snprintf(bad_dir, sizeof bad_dir, "%s/tests/bad", build ? build : here);
	if (!mkdtemp(dir) || chdir(dir) < 0)
		return tap_skip_all("no temporary folder");
	test_text();
	test_markdown();
	test_sample();
	test_man();
	test_errors();
	if (chdir("/") == 0)
		rmdir(dir);
	free(text);
	free(report);
	return tap_done();
}
