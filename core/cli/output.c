/* output.c - what a command leaves behind. */
#include "output.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/result_exit.h"
#include "core/base/result_text.h"
#include "later.h"
#include "say.h"
#include "screen.h"

static const char *ending(const char *path)
{
	const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');

	return dot && (!slash || dot > slash) ? dot + 1 : "";
}

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

/* A result that took an hour to measure is not lost to a slip of the pen. */
static int check_place(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX] = ".", words[SAY_ERRNO];
	size_t len = slash ? (size_t)(slash - path) + 1 : 0;

	if (len >= sizeof folder) {
		say("-o %s: the path is too long", path);
		return RESULT_EXIT_USAGE;
	}
	if (len > 0) {
		memcpy(folder, path, len);
		folder[len] = '\0';
	}
	if (access(path, W_OK) == 0 || (errno == ENOENT && access(folder, W_OK | X_OK) == 0))
		return 0;
	say("cannot write %s: %s", path, say_errno(words, errno));
	return RESULT_EXIT_USAGE;
}

int output_check(const struct options *o)
{
	static const char *const kinds[] = {"json", "txt", "csv", "hgrm", NULL};

	for (size_t i = 0; i < o->output_count; i++) {
		const char *path = o->outputs[i], *kind = ending(path);

		if (is_one_of(kind, kinds)) {
			int code = check_place(path);

			if (code)
				return code;
			continue;
		}
		if (later_is(LATER_OUTPUT, kind))
			say("-o %s: .%s " LATER_WORDS "; there are .json, .txt, .csv and .hgrm", path, kind);
		else
			say("-o %s: the ending says what is written: .json, .txt, .csv or .hgrm", path);
		return RESULT_EXIT_USAGE;
	}
	return 0;
}

static int write_file(const char *path, const struct buf *text)
{
	FILE *f = fopen(path, "wbe");
	bool good = f && fwrite(text->data, 1, text->len, f) == text->len;

	if (f && fclose(f) != 0)
		good = false;
	if (good)
		return 0;
	say("cannot write %s: %s", path, strerror(errno));
	return RESULT_EXIT_STOPPED;
}

int output_files(const struct options *o, struct source *s)
{
	int code = 0;

	for (size_t i = 0; i < o->output_count; i++) {
		struct buf text = {0};
		int r;

		buf_str(&text, "");
		r = source_report(s, ending(o->outputs[i]), &text);
		if (r == 0)
			r = write_file(o->outputs[i], &text);
		buf_free(&text);
		code = code ? code : r;
	}
	return code;
}

void output_text(const struct buf *text)
{
	if (text->len > 0)
		fwrite(text->data, 1, text->len, stdout);
}

bool output_colored(void)
{
	struct screen s;

	screen_open(&s, stdout);
	return s.look.color;
}

const char *output_dot(void)
{
	struct screen s;

	screen_open(&s, stdout);
	return s.look.utf8 ? "·" : "|";
}

int64_t output_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000 + t.tv_nsec / SQ_MS;
}

int output_json(struct json_object *doc)
{
	const char *text = json_object_to_json_string_ext(
	    doc, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);

	if (!text) {
		say("no memory");
		return RESULT_EXIT_STOPPED;
	}
	puts(text);
	return 0;
}

int output_result(const struct options *o, struct source *s)
{
	struct buf text = {0};
	int code = 0;

	if (o->json) {
		code = output_json(s->doc);
	} else {
		result_text(s->doc, output_colored(), &text);
		output_text(&text);
		buf_free(&text);
	}
	return code ? code : output_files(o, s);
}
