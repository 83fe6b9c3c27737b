/* test_log.c - the lines on standard error, read back through a pipe. */
#include "core/host/log.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "tests/tap.h"

static int reader;
static char line[2 * PIPE_BUF];

/* Everything that was written since the last call, without the time stamps' digits. */
static const char *read_back(void)
{
	ssize_t n = read(reader, line, sizeof line - 1);

	line[n > 0 ? n : 0] = '\0';
	for (char *c = line; *c; c++)
		if (*c >= '0' && *c <= '9')
			*c = '9';
	return line;
}

static void test_logfmt(void)
{
	log_event("target", SQ_L_INFO, NULL, "listening on %s", "x");
	is_str(read_back(), "9999-99-99T99:99:99.999Z info target listening on x\n", "a plain line");
	log_event("orchestrator", SQ_L_WARN, SQ_KV({"test", "abc"}, {"worker", "abc-w"}), "lost: no report");
	is_str(read_back(),
	       "9999-99-99T99:99:99.999Z warn orchestrator test=abc worker=abc-w lost: no report\n",
	       "what it is about stands before the text");
	log_event("host", SQ_L_ERROR, SQ_KV({"a", "two words"}, {"b", ""}, {"c", "q\"\\"}, {"d", NULL}), "x");
	is_str(read_back(),
	       "9999-99-99T99:99:99.999Z error host a=\"two words\" b=\"\" c=\"q\\\"\\\\\" d=\"\" x\n",
	       "values that need quotes get them");
}

static void test_json(void)
{
	log_setup(SQ_L_INFO, true);
	log_event("host", SQ_L_WARN, SQ_KV({"test", "a\"b"}), "say \"%s\" \\", "hi");
	is_str(read_back(),
	       "{\"time\":\"9999-99-99T99:99:99.999Z\",\"level\":\"warn\",\"component\":\"host\","
	       "\"test\":\"a\\\"b\",\"message\":\"say \\\"hi\\\" \\\\\"}\n",
	       "one object per line");
	log_setup(SQ_L_INFO, false);
}

static void test_foreign_text(void)
{
	log_event("host", SQ_L_INFO, SQ_KV({"k", "a\nb\033[2J"}), "%s", "x\n2026 fake\r\x9b");
	is_str(read_back(), "9999-99-99T99:99:99.999Z info host k=a?b?[9J x?9999 fake??\n",
	       "control characters cannot make a line or reach a terminal");
}

static void test_level(void)
{
	log_event("host", SQ_L_DEBUG, NULL, "hidden");
	is_str(read_back(), "", "debug is hidden by default");
	log_setup(SQ_L_DEBUG, false);
	log_event("host", SQ_L_DEBUG, NULL, "shown");
	is_str(read_back(), "9999-99-99T99:99:99.999Z debug host shown\n", "and shown when asked for");
	log_setup(SQ_L_INFO, false);
}

static void test_long(void)
{
	static char text[3000];
	struct sq_kv kv[] = {{"a", text}, {"b", text}, {"c", text}, {"d", text}, {"e", text}, {NULL, NULL}};
	size_t len;

	memset(text, '"', sizeof text - 1);
	for (int json = 0; json <= 1; json++) {
		log_setup(SQ_L_INFO, json);
		log_event("host", SQ_L_INFO, kv, "%s", text);
		read_back();
		len = strlen(line);
		ok(len > 1000 && len <= PIPE_BUF && strchr(line, '\n') == line + len - 1,
		   "far too long: one line that a pipe takes in one piece");
		ok(strstr(line, json ? "...\"}\n" : "...\n"), "... shows that it was cut");
	}
	log_setup(SQ_L_INFO, false);
}

static void test_no_reader(void)
{
	char block[PIPE_BUF];
	unsigned lines = 0;

	memset(block, '.', sizeof block);
	fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
	while (write(STDERR_FILENO, block, sizeof block) > 0)
		;
	fcntl(STDERR_FILENO, F_SETFL, 0);
	log_event("host", SQ_L_INFO, NULL, "first");
	log_event("host", SQ_L_INFO, NULL, "second");
	ok(true, "a full pipe does not stop the process");
	while (read(reader, block, sizeof block) > 0)
		;
	log_event("host", SQ_L_INFO, NULL, "third");
	read_back();
	for (const char *c = line; *c; c++)
		lines += *c == '\n';
	ok(lines == 2 && strstr(line, "warn host 9 log lines are lost") && strstr(line, "info host third"),
	   "what was lost is counted once somebody reads again");
}

int main(void)
{
	int fds[2];

	if (pipe(fds) < 0)
		return 1;
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	dup2(fds[1], STDERR_FILENO);
	reader = fds[0];
	test_logfmt();
	test_json();
	test_foreign_text();
	test_level();
	test_long();
	test_no_reader();
	return tap_done();
}
