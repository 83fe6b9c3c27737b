/* main.c - squall, the command for people. */
#include <curl/curl.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "command.h"
#include "later.h"
#include "say.h"

static int complain(const char *text)
{
	say("%s", text);
	return RESULT_EXIT_USAGE;
}

/* A result that could not be written is not a result. */
static int printed(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "squall: standard output could not be written: %s\n", strerror(errno));
	return code ? code : RESULT_EXIT_STOPPED;
}

/* The first word is no command: the most likely slip is a forgotten "run". */
static int refuse_command(const char *word)
{
	const char *names[16], *near;
	char shown[200], text[480];
	size_t n = 0;

	for (const struct command *c = commands; c->name; c++)
		names[n++] = c->name;
	names[n] = NULL;
	text_safe(shown, sizeof shown, word, strlen(word));
	near = text_nearest(word, names);
	if (later_is(LATER_COMMAND, word))
		snprintf(text, sizeof text, "%s " LATER_WORDS, word);
	else if (*word == '-')
		snprintf(text, sizeof text, "the command comes first: squall run URL %s ...", shown);
	else if (strpbrk(word, ":/.") || strcmp(word, "localhost") == 0)
		snprintf(text, sizeof text, "did you mean: squall run %s", shown);
	else if (near)
		snprintf(text, sizeof text, "\"%s\" is not a command; did you mean %s?", shown, near);
	else
		snprintf(text, sizeof text, "\"%s\" is not a command: see squall --help", shown);
	return complain(text);
}

static int print_help(const char *name)
{
	const struct command *c = name ? command_find(name) : NULL;

	if (!name)
		options_usage(stdout);
	else if (strcmp(name, "--man") == 0)
		options_roff(stdout);
	else if (c)
		options_help(c, stdout);
	else
		return refuse_command(name);
	return printed(RESULT_EXIT_PASS);
}

static int run(const struct command *c, int argc, char **argv)
{
	struct options o = {.command = c};
	enum parsed parsed;
	struct sq_err err;
	int code;

	if (options_parse(&o, argc, argv, &parsed, &err) < 0)
		return complain(err.text);
	if (parsed == PARSED_HELP)
		options_help(c, stdout);
	if (parsed == PARSED_VERSION)
		puts("squall " PACKAGE_VERSION);
	code = parsed == PARSED_RUN ? c->run(&o) : RESULT_EXIT_PASS;
	options_free(&o);
	return printed(code);
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;
	const struct command *c;
	int code;

	setlocale(LC_CTYPE, "");
	if (!word) {
		options_usage(stderr);
		return RESULT_EXIT_USAGE;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
		return print_help(argc > 2 ? argv[2] : NULL);
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
		puts("squall " PACKAGE_VERSION);
		return printed(RESULT_EXIT_PASS);
	}
	c = command_find(word);
	if (!c)
		return refuse_command(word);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		return complain("libcurl did not start");
	code = run(c, argc - 2, argv + 2);
	curl_global_cleanup();
	return code;
}
