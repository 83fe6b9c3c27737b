/* failpoint.c - built with --enable-failpoints only. */
#include "failpoint.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <squall/util.h>

#define POINTS_MAX 32
#define NAME_MAX_LEN 64

static struct point {
	char name[NAME_MAX_LEN];
	enum { ACT_KILL, ACT_STOP, ACT_FAIL, ACT_DELAY } action;
	long ms; /* of a delay */
	long left; /* times to pass before it strikes; 0: it has */
} points[POINTS_MAX];
static size_t count;
static bool known;

static bool read_action(const char *text, struct point *p)
{
	static const char *const words[] = {"kill", "stop", "fail"};

	for (unsigned i = 0; i < SQ_LEN(words); i++)
		if (strcmp(text, words[i]) == 0) {
			p->action = i;
			return true;
		}
	p->action = ACT_DELAY;
	return sscanf(text, "delay:%ld", &p->ms) == 1;
}

static bool read_point(const char *text, size_t len, struct point *p)
{
	char copy[NAME_MAX_LEN];
	char *action, *number;

	snprintf(copy, sizeof copy, "%.*s", (int)len, text);
	action = strchr(copy, '=');
	if (len >= sizeof copy || !action)
		return false;
	*action++ = '\0';
	number = strchr(copy, '#');
	if (number)
		*number++ = '\0';
	p->left = number ? strtol(number, NULL, 10) : 1;
	memcpy(p->name, copy, sizeof p->name);
	return read_action(action, p) && p->left > 0 &&
	       (strncmp(copy, "before:", 7) == 0 || strncmp(copy, "after:", 6) == 0);
}

static void read_all(const char *text)
{
	known = true;
	while (text && *text) {
		size_t len = strcspn(text, ",");

		if (count == POINTS_MAX || !read_point(text, len, &points[count])) {
			dprintf(STDERR_FILENO, "SQUALL_FAILPOINT: cannot be read: %s\n", text);
			abort();
		}
		count++;
		text += len;
		text += *text == ',';
	}
}

static int act(const struct point *p)
{
	struct timespec t = {p->ms / 1000, p->ms % 1000 * SQ_MS};

	switch (p->action) {
	case ACT_KILL:
		return kill(getpid(), SIGKILL);
	case ACT_STOP:
		return kill(getpid(), SIGSTOP);
	case ACT_DELAY:
		nanosleep(&t, NULL);
		return 0;
	default:
		return -EIO;
	}
}

int failpoint(const char *when, const char *what)
{
	char name[NAME_MAX_LEN];

	if (!known)
		read_all(getenv("SQUALL_FAILPOINT"));
	if (count == 0)
		return 0;
	snprintf(name, sizeof name, "%s:%s", when, what);
	for (size_t i = 0; i < count; i++) {
		struct point *p = &points[i];

		if (p->left <= 0 || strcmp(p->name, name) != 0 || --p->left > 0)
			continue;
		dprintf(STDERR_FILENO, "failpoint %s strikes process %ld\n", name, (long)getpid());
		return act(p);
	}
	return 0;
}

int failpoint_of(const char *when, const char *what, const char *part)
{
	char name[NAME_MAX_LEN];

	snprintf(name, sizeof name, "%s.%s", what, part);
	return failpoint(when, name);
}
