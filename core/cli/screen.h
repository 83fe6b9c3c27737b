/*
 * screen.h - where the live view goes: a block that is redrawn on a terminal, lines elsewhere.
 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include <stdbool.h>
#include <stdio.h>

#include "view.h"

struct screen {
	FILE *out;
	bool terminal; /* redraws */
	struct look look;
	struct buf drawn; /* the block that stands there */
};

/* Colours and redrawing only on a terminal that can; no colours with NO_COLOR (no-color.org). */
void screen_open(struct screen *s, FILE *out);
void screen_close(struct screen *s); /* the block goes */
void screen_resize(struct screen *s); /* asks the terminal for its width again */
void screen_block(struct screen *s, const struct buf *block);
void screen_text(struct screen *s, const struct buf *text); /* stays; the block goes */

#endif
