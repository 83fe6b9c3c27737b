/* registry.c - one small file for each job that runs. */
#include "registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT 1
#define PATH 4096
#define WORKERS_MAX 4096

/* --- processes ------------------------------------------------------------------------------- */

/* Behind the last ')' of /proc/PID/stat: the state is the 3rd field, the start the 22nd. */
static bool read_stat(pid_t pid, char *state, uint64_t *since)
{
	char path[64], text[1024], *at;
	size_t n;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = '\0';
	at = strrchr(text, ')');
	if (!at || at[1] != ' ')
		return false;
	*state = at[2];
	for (int field = 3; field < 22 && at; field++)
		at = strchr(at + 2, ' ') ? strchr(at + 2, ' ') - 1 : NULL;
	return at && sscanf(at + 2, "%" SCNu64, since) == 1;
}

struct process process_of(pid_t pid)
{
	struct process p = {pid, 0};
	char state;

	read_stat(pid, &state, &p.since);
	return p;
}

bool process_lives(struct process p)
{
	uint64_t since;
	char state;

	return p.pid > 0 && read_stat(p.pid, &state, &since) && since == p.since && state != 'Z' &&
	       state != 'X';
}

/* --- files ----------------------------------------------------------------------------------- */

static int path_of(char *out, const char *dir, const char *id, const char *suffix)
{
	return snprintf(out, PATH, "%s/%s%s", dir, id, suffix) < PATH ? 0 : -ENAMETOOLONG;
}

int registry_open(const char *dir)
{
	return mkdir(dir, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int registry_lock(const char *dir)
{
	char path[PATH];
	int fd, r = path_of(path, dir, ".lock", "");

	if (r < 0)
		return r;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	r = errno == EWOULDBLOCK ? -EAGAIN : -errno;
	close(fd);
	return r;
}

void entry_free(struct entry *e)
{
	free(e->workers);
	*e = (struct entry){0};
}

static int read_process(FILE *f, struct process *p)
{
	long pid;

	if (fscanf(f, " %ld %" SCNu64, &pid, &p->since) != 2)
		return -EBADMSG;
	p->pid = (pid_t)pid;
	return 0;
}

/* "squall-workers 1", plan and fence, owner, number of workers, and a line for each. */
static int read_entry(FILE *f, struct entry *e)
{
	int format;

	if (fscanf(f, "squall-workers %d %64s %" SCNu64, &format, e->plan_sha256, &e->fence) != 3 ||
	    format != FORMAT || read_process(f, &e->owner) < 0 || fscanf(f, "%" SCNu32, &e->count) != 1 ||
	    e->count == 0 || e->count > WORKERS_MAX)
		return -EBADMSG;
	e->workers = calloc(e->count, sizeof *e->workers);
	if (!e->workers)
		return -ENOMEM;
	for (uint32_t i = 0; i < e->count; i++)
		if (fscanf(f, "%64s", e->workers[i].name) != 1 || read_process(f, &e->workers[i].process) < 0)
			return -EBADMSG;
	return 0;
}

int registry_read(const char *dir, const char *id, struct entry *out)
{
	struct entry e = {0};
	char path[PATH];
	int r = path_of(path, dir, id, "");
	FILE *f;

	if (r < 0)
		return r;
	f = fopen(path, "re");
	if (!f)
		return -errno;
	r = read_entry(f, &e);
	fclose(f);
	if (r == 0)
		*out = e;
	else
		entry_free(&e);
	return r;
}

static void write_entry(FILE *f, const struct entry *e)
{
	fprintf(f, "squall-workers %d %s %" PRIu64 "\n%ld %" PRIu64 "\n%u\n", FORMAT, e->plan_sha256,
	        e->fence, (long)e->owner.pid, e->owner.since, (unsigned)e->count);
	for (uint32_t i = 0; i < e->count; i++)
		fprintf(f, "%s %ld %" PRIu64 "\n", e->workers[i].name, (long)e->workers[i].process.pid,
		        e->workers[i].process.since);
}

/* In place of what is there, in one step. */
int registry_write(const char *dir, const char *id, const struct entry *e)
{
	char path[PATH], part[PATH];
	int r = path_of(path, dir, id, "");
	bool failed;
	FILE *f;

	r = r < 0 ? r : path_of(part, dir, id, ".part");
	if (r < 0)
		return r;
	f = fopen(part, "we");
	if (!f)
		return -errno;
	write_entry(f, e);
	failed = ferror(f);
	if (fclose(f) != 0 || failed) {
		unlink(part);
		return -EIO;
	}
	return rename(part, path) < 0 ? -errno : 0;
}

void registry_remove(const char *dir, const char *id)
{
	char path[PATH];

	if (path_of(path, dir, id, "") == 0)
		unlink(path);
}

int registry_each(const char *dir, void (*one)(void *arg, const char *id), void *arg)
{
	DIR *d = opendir(dir);
	struct dirent *found;

	if (!d)
		return -errno;
	while ((found = readdir(d)) != NULL)
		if (found->d_name[0] != '.' && strlen(found->d_name) <= SQ_ID_MAX &&
		    !strstr(found->d_name, ".part"))
			one(arg, found->d_name);
	closedir(d);
	return 0;
}
