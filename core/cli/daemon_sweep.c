/*
 * daemon_sweep.c - folders of private daemons: removing one's own, and those of others that could not.
 *
 * A squall that is killed leaves its folder behind, for its daemon still needs it then. Whoever starts the
 * next run removes it: the daemon's log is locked for as long as somebody has it open (the lock belongs to
 * the open file, which squall shares with its daemon).
 */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon.h"

#define YOUNG_S 60 /* one that is as new as that may be about to lock its log */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	remove(path);
	return 0;
}

void daemon_remove(const char *folder)
{
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int daemon_open_log(const char *folder)
{
	char path[PATH_MAX + 16];
	int fd;

	snprintf(path, sizeof path, "%s/" DAEMON_LOG, folder);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd >= 0)
		flock(fd, LOCK_EX | LOCK_NB); /* where it cannot be locked nothing is swept */
	return fd;
}

/* Ours, not new, and nobody has its log open. */
static bool is_left(const char *folder)
{
	char path[PATH_MAX + 16];
	struct stat st;
	bool free;
	int fd;

	if (lstat(folder, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
	    time(NULL) - st.st_mtime < YOUNG_S)
		return false;
	snprintf(path, sizeof path, "%s/" DAEMON_LOG, folder);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	free = flock(fd, LOCK_EX | LOCK_NB) == 0;
	close(fd);
	return free;
}

void daemon_sweep(const char *tmp)
{
	char folder[PATH_MAX];
	struct dirent *e;
	DIR *d = opendir(tmp);

	while (d && (e = readdir(d)))
		if (strncmp(e->d_name, DAEMON_FOLDER, strlen(DAEMON_FOLDER)) == 0 &&
		    (size_t)snprintf(folder, sizeof folder, "%s/%s", tmp, e->d_name) < sizeof folder &&
		    is_left(folder))
			daemon_remove(folder);
	if (d)
		closedir(d);
}
