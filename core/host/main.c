/* main.c - the command line of squalld. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/text.h"

#include "conf.h"
#include "host.h"
#include "probe.h"

enum { OPT_EFFECTIVE = 256, OPT_DESCRIBE, OPT_FORMAT, OPT_LIFELINE, OPT_CONNECT };

enum mode { MODE_RUN, MODE_TEST, MODE_EFFECTIVE, MODE_DESCRIBE, MODE_DONE };

struct arguments {
	enum mode mode;
	const char *conf, *plugin_dir, *which;
	enum conf_doc format;
	int lifeline;
	bool connect;
};

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"test", no_argument, NULL, 't'},
    {"connect", no_argument, NULL, OPT_CONNECT},
    {"plugin-dir", required_argument, NULL, 'p'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {"effective", no_argument, NULL, OPT_EFFECTIVE},
    {"describe", optional_argument, NULL, OPT_DESCRIBE},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"lifeline", required_argument, NULL, OPT_LIFELINE},
    {NULL, 0, NULL, 0},
};

static const char help[] =
    "usage: squalld -c FILE            run what FILE describes\n"
    "       squalld -c FILE -t         check FILE and the plugins it names, start nothing\n"
    "       squalld -c FILE -t --connect\n"
    "                                  try also whether what it names is there: store, queue,\n"
    "                                  scheduler, target; one line each, nothing is changed\n"
    "       squalld -c FILE --effective\n"
    "                                  print every option with its value and where it comes from\n"
    "       squalld --describe[=PLUGIN] [--format text|markdown|conf|man]\n"
    "                                  print what can stand in a FILE\n"
    "\n"
    "  -c, --config FILE      configuration file\n"
    "  -t, --test             check only; exit status 0 when FILE is good, else 2\n"
    "      --connect          with -t: exit status 1 when something cannot be reached\n"
    "  -p, --plugin-dir DIR   folders with plugins, separated by ':' (overrides plugin_dir)\n"
    "      --lifeline FD      stop when descriptor FD reaches its end of file\n"
    "  -V, --version\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 stopped in order, 1 could not start, 2 configuration or usage,\n"
    "3 did not stop within the grace period; a role may define others.\n";

static int usage(const char *what, const char *which)
{
	fprintf(stderr, "squalld: %s%s: see squalld --help\n", what, which);
	return -EINVAL;
}

static int parse_format(struct arguments *a, const char *word)
{
	static const char *const words[] = {"text", "markdown", "conf", "man", NULL};
	static const enum conf_doc formats[] = {CONF_DOC_TEXT, CONF_DOC_MARKDOWN, CONF_DOC_SAMPLE,
	                                        CONF_DOC_MAN};

	for (unsigned n = 0; words[n]; n++) {
		if (strcmp(words[n], word) == 0) {
			a->format = formats[n];
			return 0;
		}
	}
	return usage("--format is text, markdown, conf or man, not ", word);
}

static int parse_lifeline(struct arguments *a, const char *word)
{
	int64_t fd;

	if (text_parse_int(word, &fd) < 0 || fd < 0 || fd > INT32_MAX || fcntl((int)fd, F_GETFD) < 0)
		return usage("--lifeline wants an open descriptor, not ", word);
	a->lifeline = (int)fd;
	return 0;
}

static int parse_one(struct arguments *a, int option)
{
	switch (option) {
	case 'c':
		a->conf = optarg;
		return 0;
	case 'p':
		a->plugin_dir = optarg;
		return 0;
	case 't':
		a->mode = MODE_TEST;
		return 0;
	case OPT_CONNECT:
		a->connect = true;
		return 0;
	case OPT_EFFECTIVE:
		a->mode = MODE_EFFECTIVE;
		return 0;
	case OPT_DESCRIBE:
		a->mode = MODE_DESCRIBE;
		a->which = optarg;
		return 0;
	case OPT_FORMAT:
		return parse_format(a, optarg);
	case OPT_LIFELINE:
		return parse_lifeline(a, optarg);
	case 'V':
		puts("squalld " PACKAGE_VERSION);
		a->mode = MODE_DONE;
		return 0;
	case 'h':
		fputs(help, stdout);
		a->mode = MODE_DONE;
		return 0;
	default: /* getopt has said what is wrong */
		fputs("squalld: see squalld --help\n", stderr);
		return -EINVAL;
	}
}

static int parse(struct arguments *a, int argc, char **argv)
{
	int option, r;

	while ((option = getopt_long(argc, argv, "c:tp:Vh", options, NULL)) != -1) {
		r = parse_one(a, option);
		if (r < 0 || a->mode == MODE_DONE)
			return r;
	}
	if (optind < argc)
		return usage("unexpected argument ", argv[optind]);
	if (a->connect && a->mode != MODE_TEST)
		return usage("--connect goes with -t", "");
	if (a->mode != MODE_DESCRIBE && !a->conf)
		return usage("a configuration is needed (-c FILE)", "");
	return 0;
}

/* A result that could not be written is not a result. */
static int printed(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	fprintf(stderr, "squalld: standard output could not be written: %s\n", strerror(errno));
	return EXIT_START;
}

/* Whoever closed one of the first three must not find a client's socket or the store in its place.
 * Opened the wrong way round, so that its use still fails. */
static int hold_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return -errno;
	return 0;
}

static int describe(const struct arguments *a)
{
	if (conf_describe(a->plugin_dir, a->which, a->format, stdout, stderr) < 0)
		return EXIT_CONF;
	return printed();
}

/* Unlike a mere check it needs the secrets. */
static int try(struct conf *c)
{
	int code = conf_resolve(c, stderr) < 0 ? EXIT_CONF : host_probe(c, stdout), r = printed();

	return code ? code : r;
}

static int with_conf(const struct arguments *a, struct conf *c)
{
	switch (a->mode) {
	case MODE_TEST:
		printf("%s: ok\n", a->conf);
		return a->connect ? try(c) : printed();
	case MODE_EFFECTIVE:
		conf_print_effective(c, stdout);
		return printed();
	default:
		if (conf_resolve(c, stderr) < 0)
			return EXIT_CONF;
		/* Processes that this one starts find the same plugins. */
		if (a->plugin_dir && setenv("SQUALL_PLUGIN_DIR", a->plugin_dir, 1) < 0)
			return EXIT_START;
		return host_run(c, a->lifeline);
	}
}

int main(int argc, char **argv)
{
	struct arguments a = {.lifeline = -1};
	struct conf *conf;
	int code;

	if (hold_standard_descriptors() < 0)
		return EXIT_START;
	if (parse(&a, argc, argv) < 0)
		return EXIT_CONF;
	if (a.mode == MODE_DONE)
		return printed();
	if (a.mode == MODE_DESCRIBE)
		return describe(&a);
	if (conf_read(a.conf, a.plugin_dir, &conf, stderr) < 0)
		return EXIT_CONF;
	code = with_conf(&a, conf);
	if (code == EXIT_GRACE) {
		/* What hangs may still use everything that a normal exit takes down. */
		fflush(stdout);
		_exit(code);
	}
	conf_free(conf);
	return code;
}
