/* attend.c - stays with a test until its document says how it ended. */
#include "attend.h"

#include <string.h>

#include "core/base/result_exit.h"
#include "say.h"
#include "signals.h"

static void show_title(struct screen *screen, const struct view *v)
{
	struct buf title = {0};

	view_title(v, &title);
	if (screen->terminal)
		buf_str(&title, "\n");
	screen_text(screen, &title);
	buf_free(&title);
}

static int leave(const struct source *s)
{
	say("detached; the test goes on: squall watch %.8s", s->id);
	return 128 + signals_taken();
}

int attend(struct source *s, const struct options *o, const struct follow_how *how, bool shown)
{
	struct screen screen = {.out = NULL};
	enum follow_end end = FOLLOW_OVER;
	struct view view;
	int code = source_read(s);

	if (code)
		return code;
	view_init(&view);
	view.hint = how->cancels ? "ctrl-c stops" : "ctrl-c detaches";
	view_record(&view, s->doc);
	if (shown) {
		screen_open(&screen, o->json ? stderr : stdout);
		show_title(&screen, &view);
	}
	if (!view_over(&view))
		end = follow(s->api, s->id, &view, shown ? &screen : NULL, how);
	if (shown)
		screen_close(&screen);
	view_free(&view);
	if (end == FOLLOW_LEFT)
		return leave(s);
	return end == FOLLOW_LOST ? RESULT_EXIT_STOPPED : source_read(s);
}
