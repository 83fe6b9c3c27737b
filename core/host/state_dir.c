/* state_dir.c - makes sure of it before anything starts. */
#include "state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse(struct sq_err *err, const char *dir, const char *what, int error)
{
	return sq_fail(
	    err, -error,
	    "state_dir \"%s\": %s (%s): make it a folder that user id %d can write to, or choose another",
	    dir, what, strerror(error), (int)geteuid());
}

/* The mode bits do not tell (read-only mounts, full disks, root): only a file does. */
static int try_file(const char *dir, struct sq_err *err)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof path, "%s/.squalld-XXXXXX", dir) >= (int)sizeof path)
		return refuse(err, dir, "cannot be used", ENAMETOOLONG);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return refuse(err, dir, "no file can be made there", errno);
	close(fd);
	unlink(path);
	return 0;
}

int state_dir_open(const char *dir, struct sq_err *err)
{
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return refuse(err, dir, "cannot be made", errno);
	return try_file(dir, err);
}
