/* conf_parse.c - libconfig, which is given texts that conf_scan.c has seen. */
#include "conf_priv.h"

#include <errno.h>
#include <string.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif

/* libconfig 1.5 loses a few bytes at each syntax error (the text in quotes that it had just
 * read). Nothing starts then, so that is no harm; but the leak sanitizer would not know. */
#if defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#else
#define __lsan_disable() ((void)0)
#define __lsan_enable() ((void)0)
#endif

static int read_text(config_t *cfg, const char *text)
{
	int good;

	__lsan_disable();
	good = config_read_string(cfg, text);
	__lsan_enable();
	return good ? 0 : -EINVAL;
}

int conf_parse(const struct conf_text *t, config_t *cfg, struct conf_report *rep)
{
	struct conf_place at;
	const char *what;

	if (read_text(cfg, t->text.data) == 0)
		return 0;
	at = conf_text_place(t, (unsigned)config_error_line(cfg));
	what = config_error_text(cfg);
	if (strcmp(what, "syntax error") == 0)
		what = "syntax error, here or on the line before: a quote, comma or = is missing";
	else if (strcmp(what, "duplicate setting name") == 0)
		what = "this option stands in the same group twice";
	conf_error(rep, at, "%s", what);
	return -EINVAL;
}
