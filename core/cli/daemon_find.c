/* daemon_find.c - where squalld and its plugins are. */
#include "daemon_find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static void cut_name(char path[PATH_MAX])
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
	else
		*path = '\0';
}

/* FOLDER/NAME, if it is there and may be used so. */
static int is_there(const char *folder, const char *name, int mode, char out[PATH_MAX])
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	if (strlen(path) >= PATH_MAX || access(path, mode) < 0)
		return 0;
	strcpy(out, path);
	return 1;
}

static void find_program(char out[PATH_MAX])
{
	const char *named = getenv("SQUALLD");
	char own[PATH_MAX] = "";
	ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);

	if (named && *named && strlen(named) < PATH_MAX) {
		strcpy(out, named);
		return;
	}
	own[n > 0 ? n : 0] = '\0';
	cut_name(own);
	if (!is_there(own, "squalld", X_OK, out) && !is_there(own, "../sbin/squalld", X_OK, out))
		strcpy(out, "squalld");
}

void daemon_find(char program[PATH_MAX], char plugins[PATH_MAX])
{
	static const char *const folders[] = {".libs", "../lib/squall"};
	const char *named = getenv("SQUALL_PLUGIN_DIR");
	char folder[PATH_MAX], found[PATH_MAX];

	*plugins = '\0';
	find_program(program);
	if ((named && *named) || !strchr(program, '/'))
		return;
	strcpy(folder, program);
	cut_name(folder);
	for (size_t i = 0; i < sizeof folders / sizeof *folders && !*plugins; i++) {
		char candidate[2 * PATH_MAX];

		snprintf(candidate, sizeof candidate, "%s/%s", folder, folders[i]);
		if (is_there(candidate, "role_gateway.so", R_OK, found)) {
			strcpy(plugins, found);
			cut_name(plugins);
		}
	}
}
