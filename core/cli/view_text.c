/* view_text.c - how a running test looks: a block on a terminal, lines in a log. */
#include <math.h>
#include <string.h>

#include "core/base/result_page.h"
#include "core/base/text.h"
#include "rate.h"
#include "view.h"

#define BAR 30
#define RIGHT 58 /* column of what stands on the right */
#define LATE_MS 1.0 /* a request that leaves later than that is late (design 5) */

void view_title(const struct view *v, struct buf *out)
{
	struct page p = {.out = out};
	char duration[TEXT_MAX], count[TEXT_MAX];

	page_begin(&p, "squall: ", strlen("squall: "), NULL);
	page_put(&p, 0, "test %.*s", SHORT_ID, v->id);
	if (*v->url)
		page_put(&p, 2, "%s %s", v->method, v->url);
	if (v->most > 0)
		page_put(&p, 2, "%s for %s requests", v->load, text_count(count, v->most));
	else if (*v->load && v->duration > 0)
		page_put(&p, 2, "%s for %s", v->load, text_duration(duration, v->duration));
	if (v->workers > 0)
		page_put(&p, 2, "%s worker%s", text_count(count, v->workers), v->workers == 1 ? "" : "s");
	page_end(&p);
}

/* --- a line of limited width ------------------------------------------------------------------- */

struct line {
	char text[512]; /* bytes; a character is one column wide */
	size_t len;
	unsigned column;
};

static void put(struct line *l, const char *fmt, ...) SQ_PRINTF(2, 3);
static void put(struct line *l, const char *fmt, ...)
{
	int n;
	va_list ap;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->len, sizeof l->text - l->len, fmt, ap);
	va_end(ap);
	for (; n > 0 && l->text[l->len]; l->len++)
		l->column += (l->text[l->len] & 0xc0) != 0x80; /* not the rest of a character in UTF-8 */
}

/* Ends the line; what reaches beyond the width is cut, so that no terminal breaks it. */
static void end_line(struct line *l, const struct look *look, struct buf *out)
{
	unsigned column = 0;
	size_t len = 0;

	while (len < l->len && (column += (l->text[len] & 0xc0) != 0x80) <= look->width)
		len++;
	buf_add(out, l->text, len);
	buf_str(out, "\n");
	*l = (struct line){.len = 0};
}

/* On the right, if there is room for it; else behind what stands there, or not at all. */
static void put_right(struct line *l, const struct look *look, const char *text)
{
	if (!*text || l->column + 2 + strlen(text) > look->width)
		return;
	if (RIGHT + strlen(text) <= look->width && l->column + 2 <= RIGHT)
		put(l, "%*s", (int)(RIGHT - l->column), "");
	else
		put(l, "  ");
	put(l, "%s", text);
}

/* --- the parts ------------------------------------------------------------------------------- */

static double seconds(const struct view *v)
{
	double whole = (double)v->duration / SQ_S, done = (double)v->next;

	return whole > 0 && done > whole ? whole : done;
}

/* "18/30": seconds, whole ones without decimals. */
static void put_seconds(struct line *l, const struct view *v)
{
	const double parts[] = {seconds(v), (double)v->duration / SQ_S};
	char text[TEXT_MAX];

	for (size_t i = 0; i < (v->most ? 1 : SQ_LEN(parts)); i++)
		put(l, "%s%s", i ? "/" : "",
		    parts[i] == floor(parts[i]) ? text_count(text, (uint64_t)parts[i])
		                                : text_number(text, parts[i]));
	put(l, " s");
}

/* "   9,000 of 15,000 requests", as much of it as there is room for: a number that is cut is another one. */
static void put_volume(struct line *l, const struct view *v, const struct look *look)
{
	char sent[TEXT_MAX], all[2 * TEXT_MAX] = "", whole[TEXT_MAX];

	text_count(sent, v->sent);
	if (v->whole > 0)
		snprintf(all, sizeof all, " of %s", text_count(whole, v->whole));
	if (l->column + 3 + strlen(sent) > look->width)
		return;
	put(l, "   %s", sent);
	if (l->column + strlen(all) > look->width)
		return;
	put(l, "%s", all);
	if (l->column + strlen(" requests") <= look->width)
		put(l, " request%s", (v->whole ? v->whole : v->sent) == 1 ? "" : "s");
}

/* "  [=========>     ]  18/30 s   9,000 of 15,000 requests" */
static void put_progress(struct line *l, const struct view *v, const struct look *look)
{
	int size = look->width >= PAGE_WIDTH ? BAR : (int)look->width / 4, filled;
	double part = v->duration > 0 ? seconds(v) * SQ_S / (double)v->duration : 0;

	if (v->most > 0)
		part = v->sent < v->most ? (double)v->sent / (double)v->most : 1;
	filled = (int)(part * size);
	put(l, "  [");
	for (int i = 0; i < size; i++)
		put(l, "%s", i < filled ? "=" : i == filled ? ">" : " ");
	put(l, "]  ");
	put_seconds(l, v);
	put_volume(l, v, look);
}

/* What was asked for reaches the last but one step, so that more than that can be seen. */
static const char *spark(double ratio, bool utf8)
{
	static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const ascii[] = {"_", ".", ":", "-", "=", "+", "*", "#"};
	int level = ratio > 0 ? (int)fmin(ratio * 6 + 0.5, 7) : 0;

	return utf8 ? blocks[level] : ascii[level];
}

static void put_rates(struct line *l, const struct view *v, const struct look *look)
{
	char now[TEXT_MAX], asked[TEXT_MAX];
	unsigned room, shown = v->rate_count < VIEW_SPARKS ? v->rate_count : VIEW_SPARKS;

	put(l, "  rate    %s/s", text_number(now, v->second_rate));
	if (v->rate <= 0)
		return;
	put(l, " of %s   ", rate_text(asked, v->rate));
	room = look->width > l->column + 2 ? look->width - l->column - 2 : 0;
	shown = shown < room ? shown : room;
	for (unsigned i = v->rate_count - shown; i < v->rate_count; i++)
		put(l, "%s", spark(v->rates[i % VIEW_SPARKS] * RATE_ONE / (double)v->rate, look->utf8));
}

/* few: where there is little room. */
static void put_latencies(struct line *l, const struct view *v, bool few)
{
	static const struct {
		const char *name;
		double percent;
		uint64_t least; /* samples without which it would be one request's luck */
	} columns[] = {{"p50", 50, 1}, {"p95", 95, 20}, {"p99", 99, 100}};
	const char *gap = few ? "  " : "   ";
	char text[TEXT_MAX];

	if (!v->response || v->response->count == 0) {
		put(l, "no answers yet");
		return;
	}
	for (size_t i = 0; i < SQ_LEN(columns); i++) {
		if (few && columns[i].percent == 95)
			continue;
		put(l, "%s %s%s", columns[i].name,
		    v->response->count < columns[i].least
		        ? "-"
		        : text_duration(text, hist_percentile(v->response, columns[i].percent)),
		    gap);
	}
	put(l, "max %s", text_duration(text, v->response->max));
}

static void put_generator(struct line *l, const struct view *v, const struct look *look)
{
	char text[TEXT_MAX], cpu[TEXT_MAX] = "";

	if (v->note) {
		put(l, "  %s", v->note);
	} else if (v->lag_p99 >= 0) {
		put(l, "  generator %s: lag p99 %s", v->lag_p99 <= LATE_MS ? "ok" : "late",
		    text_ms(text, v->lag_p99));
		if (v->cpu >= 0 && v->cpu < 1e6)
			snprintf(cpu, sizeof cpu, ", cpu %.0f %%", v->cpu);
		if (l->column + strlen(cpu) <= look->width)
			put(l, "%s", cpu);
	} else {
		put(l, "  %s", v->state);
	}
}

/* "provisioning 12 s (deadline 10 min): 3/5 ready, pod load-7f3k-2 ImagePullBackOff" */
static void put_state(struct line *l, const struct view *v, int64_t now)
{
	char text[TEXT_MAX];
	int64_t stay = v->since > 0 && now > v->since ? (now - v->since) / 1000 : 0;

	put(l, "%s %s", *v->state ? v->state : "waiting",
	    stay < 1 ? "0 s" : text_duration(text, stay * SQ_S));
	if (v->deadline > v->since && v->since > 0)
		put(l, " (deadline %s)", text_duration(text, (v->deadline - v->since + 500) / 1000 * SQ_S));
	if (*v->why || v->note)
		put(l, ": %s", v->note ? v->note : v->why);
}

/* --- the whole ------------------------------------------------------------------------------- */

static void put_errors(char out[2 * TEXT_MAX], const struct view *v)
{
	char count[TEXT_MAX];

	snprintf(out, 2 * TEXT_MAX, "errors %s", text_count(count, v->errors));
}

void view_block(const struct view *v, const struct look *look, int64_t now, struct buf *out)
{
	char errors[2 * TEXT_MAX];
	struct line l = {.len = 0};

	if (!view_measures(v)) {
		put_state(&l, v, now);
		end_line(&l, look, out);
		return;
	}
	put_progress(&l, v, look);
	end_line(&l, look, out);
	put_rates(&l, v, look);
	end_line(&l, look, out);
	put(&l, "  ");
	put_latencies(&l, v, look->width < PAGE_WIDTH);
	put_errors(errors, v);
	put_right(&l, look, errors);
	end_line(&l, look, out);
	if (strcmp(v->state, "draining") == 0) {
		put(&l, "  ");
		put_state(&l, v, now);
	} else {
		put_generator(&l, v, look);
	}
	put_right(&l, look, v->hint ? v->hint : "");
	end_line(&l, look, out);
}

void view_point_line(const struct view *v, struct buf *out)
{
	const struct look look = {.width = PAGE_WIDTH};
	char rate[TEXT_MAX], errors[2 * TEXT_MAX];
	struct line l = {.len = 0};

	put(&l, "  ");
	put_seconds(&l, v);
	put(&l, "  %s/s  ", text_number(rate, v->second_rate));
	put_latencies(&l, v, true);
	put_errors(errors, v);
	put(&l, "  %s", errors);
	end_line(&l, &look, out);
}

void view_state_line(const struct view *v, int64_t now, struct buf *out)
{
	const struct look look = {.width = PAGE_WIDTH};
	struct line l = {.len = 0};

	put_state(&l, v, now);
	end_line(&l, &look, out);
}
