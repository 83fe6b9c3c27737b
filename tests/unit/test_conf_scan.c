/* test_conf_scan.c - the raw text: numbers, comments, strings, brackets, includes. */
#include <stdlib.h>
#include <unistd.h>

#include "core/host/conf_priv.h"

#include "tests/tap.h"

static char *said; /* what was reported */

static int take(struct conf_text *t, struct conf_mem *m, const char *text)
{
	struct conf_report rep = {0};
	size_t size;
	int r;

	free(said);
	rep.out = open_memstream(&said, &size);
	t->mem = m;
	r = conf_text_take(t, "t.conf", text, strlen(text), &rep);
	fclose(rep.out);
	return r;
}

/* Text that is refused, or has refused numbers in it. */
static const struct {
	const char *text, *want;
} faults[] = {
    {"a = 2147483648;",
     "t.conf:1: 2147483648 is outside -2147483648 .. 2147483647: write large sizes as text, \"4G\"\n"},
    {"a = 1;\nb = -2147483649;",
     "t.conf:2: -2147483649 is outside -2147483648 .. 2147483647: write large sizes as text, \"4G\"\n"},
    {"a = 99999999999999999999999;",
     "t.conf:1: 99999999999999999999999 is outside -2147483648 .. 2147483647: "
     "write large sizes as text, \"4G\"\n"},
    {"a = 4294967297L;",
     "t.conf:1: 4294967297L is outside -2147483648 .. 2147483647: write large sizes as text, \"4G\"\n"},
    {"a = 0x1FFFFFFFF;",
     "t.conf:1: 0x1FFFFFFFF is outside -2147483648 .. 2147483647: write large sizes as text, \"4G\"\n"},
    {"a = 0x80000000;",
     "t.conf:1: 0x80000000 is outside -2147483648 .. 2147483647: write large sizes as text, \"4G\"\n"},
    {"a = 4294967297e=1;",
     "t.conf:1: 4294967297e is outside -2147483648 .. 2147483647: write large sizes as text, \"4G\"\n"},
    {"a = 010;", "t.conf:1: 010 starts with 0, which some read as octal: write it without\n"},
    {"a = -007;", "t.conf:1: -007 starts with 0, which some read as octal: write it without\n"},
    {"a = 0b11;", "t.conf:1: 0b11 starts with 0, which some read as octal: write it without\n"},
    {"a = [ 01, 02 ];", "t.conf:1: 01 starts with 0, which some read as octal: write it without\n"
                        "t.conf:1: 02 starts with 0, which some read as octal: write it without\n"},
    {"a=1;\n/* never\nends", "t.conf:2: this comment is not closed\n"},
    {"/*/", "t.conf:1: this comment is not closed\n"},
    {"a = \"never\nends", "t.conf:1: this text in quotes is not closed\n"},
    {"a = \"ends \\\\\"; b = \"\\\"", "t.conf:1: this text in quotes is not closed\n"},
    {"a = { b = ( 1;\n}", "t.conf:2: } does not close the ( of t.conf:1\n"},
    {"a = {\n b = (\n 1", "t.conf:2: this ( is not closed\n"},
    {"a = 1; )", "t.conf:1: ) closes nothing\n"},
    {"((((((((((((((((", "t.conf:1: this ( is not closed\n"},
    {"(((((((((((((((((", "t.conf:1: nested more than 16 deep\n"},
    {"@include", "t.conf:1: @include takes a file name in quotes\n"},
    {"@include \"\"", "t.conf:1: @include takes a file name in quotes\n"},
    {"@include \"x\n\"", "t.conf:1: @include takes a file name in quotes\n"},
};

static void test_faults(void)
{
	for (unsigned i = 0; i < SQ_LEN(faults); i++) {
		struct conf_text t = {0};
		struct conf_mem m = {0};

		take(&t, &m, faults[i].text);
		is_str(said, faults[i].want, faults[i].text);
		conf_text_free(&t);
		conf_mem_free(&m);
	}
}

/* Text that passes as it is. */
static const char *const passes[] = {
    "",
    "a = 2147483647; b = -2147483648; c = 0x7FFFFFFF; d = 0; e = -0; f = 0L; g = +5;",
    "a = 0.5; b = 1e9; c = 00.5e-10; d = .01; e = 12345678901234.0;",
    "# 010 99999999999 { \" /*",
    "// 010 99999999999 ( \" */",
    "/* 010 99999999999 [ \" // */ a = 1;",
    "/**/ a = \"/* 010 */ # // 99999999999 } \\\" 010\"; b = 1;",
    "a = \"x\\\\\"; b = 1;",
    "a = \"two\nlines 010\"; b = 1;",
    "a010 = 1; b-01 = 2; c_99999999999 = 3; *007 = 4;",
    "a = ( 1, { b = [ 1, 2 ]; } );",
    "a = \"@include \"; x @include \"y\"",
    "# @include \"y\"",
    "/*\n@include \"y\"\n*/",
};

static void test_passes(void)
{
	char want[512];

	for (unsigned i = 0; i < SQ_LEN(passes); i++) {
		struct conf_text t = {0};
		struct conf_mem m = {0};

		is_int(take(&t, &m, passes[i]), 0, passes[i]);
		is_str(said, "", "nothing is said");
		snprintf(want, sizeof want, "%s\n", passes[i]);
		is_str(t.text.data, want, "the text is the same");
		conf_text_free(&t);
		conf_mem_free(&m);
	}
}

static void test_limits(void)
{
	static char large[CONF_BYTES_MAX + 1];
	struct conf_report rep = {.out = stderr};
	struct conf_mem m = {0};
	struct conf_text t = {.mem = &m};
	size_t size;

	memset(large, ' ', sizeof large);
	is_int(conf_text_take(&t, "t.conf", large, sizeof large - 1, &rep), 0, "as large as may be");
	conf_text_free(&t);
	free(said);
	rep.out = open_memstream(&said, &size);
	t.mem = &m;
	ok(conf_text_take(&t, "t.conf", large, sizeof large, &rep) < 0, "one more");
	large[5] = '\0';
	ok(conf_text_take(&t, "t.conf", large, 10, &rep) < 0, "a zero byte");
	fclose(rep.out);
	is_str(said,
	       "t.conf: is larger than 256 KiB with what it includes\nt.conf: is no text: it holds a zero "
	       "byte\n",
	       "both say why");
	conf_text_free(&t);
	conf_mem_free(&m);
}

static void put_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	ok(f && fputs(text, f) >= 0, "a file %s", name);
	if (f)
		fclose(f);
}

static void is_place(const struct conf_text *t, unsigned line, const char *file, unsigned want,
                     const char *name)
{
	struct conf_place at = conf_text_place(t, line);

	is_str(at.file, file, name);
	is_int(at.line, want, "its line");
}

static int read_main(struct conf_text *t, struct conf_mem *m)
{
	struct conf_report rep = {0};
	size_t size;
	int r;

	free(said);
	rep.out = open_memstream(&said, &size);
	*t = (struct conf_text){.mem = m};
	r = conf_text_read(t, "d/main.conf", &rep);
	fclose(rep.out);
	return r;
}

static void test_includes(void)
{
	struct conf_text t;
	struct conf_mem m = {0};

	put_file("d/main.conf",
	         "a = 1;\n\t@include \"one.conf\" b = 2;\nc = 3;\n@include \"sub/two.conf\"\nd = 4;\n");
	put_file("d/one.conf", "o = 1;\np = 010;\n# no end");
	put_file("d/sub/two.conf", "@include \"three.conf\"\n");
	put_file("d/sub/three.conf", "t = 3;\n");
	is_int(read_main(&t, &m), 0, "includes");
	is_str(said, "d/one.conf:2: 010 starts with 0, which some read as octal: write it without\n",
	       "a number in an included file");
	is_str(t.text.data,
	       "a = 1;\n\to = 1;\np = \"\001\";\n# no end\n b = 2;\nc = 3;\nt = 3;\n\n\n\n\nd = 4;\n\n",
	       "the whole text");
	is_place(&t, 1, "d/main.conf", 1, "before");
	is_place(&t, 2, "d/one.conf", 1, "first line inside");
	is_place(&t, 4, "d/one.conf", 3, "last line inside");
	is_place(&t, 5, "d/main.conf", 2, "rest of the line");
	is_place(&t, 6, "d/main.conf", 3, "between");
	is_place(&t, 7, "d/sub/three.conf", 1, "two deep, relative to the file that includes");
	is_place(&t, 12, "d/main.conf", 5, "behind");
	conf_text_free(&t);

	put_file("d/main.conf", "a = 1;\n@include \"gone.conf\"\n");
	ok(read_main(&t, &m) < 0, "an include that is not there");
	is_str(said, "d/main.conf:2: cannot read d/gone.conf: No such file or directory\n", "says where");
	conf_text_free(&t);

	put_file("d/main.conf", "@include \"main.conf\"\n");
	ok(read_main(&t, &m) < 0, "a file that includes itself");
	is_str(said, "d/main.conf:1: @include is nested more than 8 deep: does a file include itself?\n",
	       "ends");
	conf_text_free(&t);

	put_file("d/main.conf", "@include \"one.conf\"\n");
	put_file("d/one.conf", "a = {\nb = 1;");
	ok(read_main(&t, &m) < 0, "a bracket left open in an included file");
	is_str(said, "d/one.conf:1: this { is not closed\n", "is found there");
	conf_text_free(&t);
	conf_mem_free(&m);
}

int main(void)
{
	char dir[] = "/tmp/conf-scan-XXXXXX";

	test_faults();
	test_passes();
	test_limits();
	if (!mkdtemp(dir) || chdir(dir) < 0 || system("mkdir -p d/sub") != 0)
		return tap_skip_all("no temporary folder");
	test_includes();
	if (chdir("/") < 0 || system(NULL) == 0)
		return 1;
	free(said);
	for (const char *const *f = (const char *const[]){"d/main.conf", "d/one.conf", "d/sub/two.conf",
	                                                  "d/sub/three.conf", "d/sub", "d", "", NULL};
	     *f; f++) {
		char path[128];

		snprintf(path, sizeof path, "%s/%s", dir, *f);
		remove(path);
	}
	return tap_done();
}
