/*
 * log.c - one line per event on standard error.
 *
 * A line is never longer than what a pipe takes in one piece (PIPE_BUF), so that lines of several
 * processes on one pipe do not mix, and so that poll() can tell beforehand whether write() would
 * block. Nobody reads: the line is given up after a short wait, and counted.
 */
#include "log.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/text.h"

#define WAIT_MS 100 /* longest wait for a reader; not repeated until one is back */
#define VALUE_MAX 512
#define TEXT_ROOM 1024
/* Pairs that would reach beyond this are left out, so that the text always fits, escaped or not. */
#define PAIRS_END (PIPE_BUF - 2 * TEXT_ROOM - 32)

static enum sq_level most = SQ_L_INFO;
static bool as_json;
static unsigned lost;

struct line {
	size_t len;
	char data[PIPE_BUF];
};

void log_setup(enum sq_level level, int json)
{
	most = level;
	as_json = json;
}

static void put(struct line *l, const char *s, size_t len)
{
	assert(len <= sizeof l->data - l->len);
	memcpy(l->data + l->len, s, len);
	l->len += len;
}

static void put_str(struct line *l, const char *s)
{
	put(l, s, strlen(s));
}

/* In quotes, as both logfmt and JSON read them. s holds no control characters. */
static void put_quoted(struct line *l, const char *s)
{
	put(l, "\"", 1);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			put(l, "\\", 1);
		put(l, s, 1);
	}
	put(l, "\"", 1);
}

static void put_pair(struct line *l, const char *key, const char *value)
{
	if (l->len > 1)
		put(l, ",", 1);
	put_quoted(l, key);
	put(l, ":", 1);
	put_quoted(l, value);
}

static const char *level_word(enum sq_level level)
{
	static const char *const words[] = {"error", "warn", "info", "debug"};

	return words[level];
}

static void put_field(struct line *l, const char *key, const char *value)
{
	if (as_json)
		return put_pair(l, key, value);
	put_str(l, key);
	put(l, "=", 1);
	if (*value && !strpbrk(value, " =\"\\"))
		put_str(l, value);
	else
		put_quoted(l, value);
	put(l, " ", 1);
}

static void put_fields(struct line *l, const struct sq_kv *kv)
{
	char value[VALUE_MAX];

	for (; kv && kv->key; kv++) {
		const char *v = kv->value ? kv->value : "";

		text_safe(value, sizeof value, v, strlen(v));
		if (l->len + 2 * (strlen(kv->key) + strlen(value)) + 8 <= PAIRS_END)
			put_field(l, kv->key, value);
	}
}

static void put_json(struct line *l, const char *when, const char *component, enum sq_level level,
                     const struct sq_kv *kv, const char *text)
{
	put(l, "{", 1);
	put_pair(l, "time", when);
	put_pair(l, "level", level_word(level));
	put_pair(l, "component", component);
	put_fields(l, kv);
	put_pair(l, "message", text);
	put(l, "}", 1);
}

static void put_logfmt(struct line *l, const char *when, const char *component, enum sq_level level,
                       const struct sq_kv *kv, const char *text)
{
	put_str(l, when);
	put(l, " ", 1);
	put_str(l, level_word(level));
	put(l, " ", 1);
	put_str(l, component);
	put(l, " ", 1);
	put_fields(l, kv);
	put_str(l, text);
}

static void format(struct line *l, const char *component, enum sq_level level, const struct sq_kv *kv,
                   const char *text)
{
	struct timespec now;
	char when[TEXT_MAX];

	clock_gettime(CLOCK_REALTIME, &now);
	text_time(when, now.tv_sec * 1000 + now.tv_nsec / SQ_MS);
	l->len = 0;
	if (as_json)
		put_json(l, when, component, level, kv, text);
	else
		put_logfmt(l, when, component, level, kv, text);
	l->data[l->len++] = '\n';
}

static bool emit(const struct line *l, int wait_ms)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
	ssize_t n;

	if (poll(&p, 1, wait_ms) != 1)
		return false;
	do
		n = write(STDERR_FILENO, l->data, l->len);
	while (n < 0 && errno == EINTR);
	return n >= 0;
}

/* Says first how much was lost, once somebody reads again. */
static bool report_lost(void)
{
	struct line l;
	char text[96];

	snprintf(text, sizeof text, "%u log lines are lost: standard error was not read", lost);
	format(&l, "host", SQ_L_WARN, NULL, text);
	if (!emit(&l, 0))
		return false;
	lost = 0;
	return true;
}

void log_vevent(const char *component, enum sq_level level, const struct sq_kv *kv, const char *fmt,
                va_list ap)
{
	char raw[TEXT_ROOM], text[TEXT_ROOM];
	struct line l;

	if (level > most)
		return;
	if (vsnprintf(raw, sizeof raw, fmt, ap) >= (int)sizeof raw)
		strcpy(raw + sizeof raw - sizeof "...", "...");
	text_safe(text, sizeof text, raw, strlen(raw));
	format(&l, component, level, kv, text);
	if ((lost > 0 && !report_lost()) || !emit(&l, WAIT_MS))
		lost++;
}

void log_event(const char *component, enum sq_level level, const struct sq_kv *kv, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vevent(component, level, kv, fmt, ap);
	va_end(ap);
}
