/* runs.c - the runs that private daemons made, kept as files. */
#include "runs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json.h"
#include "plan_put.h"

#define RUN_MAX (64 << 20) /* bytes of a result document */
#define RUNS_KEPT 200 /* documents; older ones go when another comes */
#define ENDING ".json"
#define ID_LENGTH 36 /* of a UUID */

/* The XDG Base Directory Specification: a relative path counts as none. */
static int runs_folder(char out[PATH_MAX], struct sq_err *err)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n;

	if (state && *state == '/')
		n = snprintf(out, PATH_MAX, "%s/squall/runs", state);
	else if (home && *home == '/')
		n = snprintf(out, PATH_MAX, "%s/.local/state/squall/runs", home);
	else
		return sq_fail(err, -ENOENT, "no place for runs: HOME is not set");
	return n < PATH_MAX ? 0 : sq_fail(err, -ENAMETOOLONG, "the path of the runs is too long");
}

/* Like mkdir -p: every folder on the way, for the user alone. */
static int make_folder(const char *path, struct sq_err *err)
{
	char part[PATH_MAX];

	for (size_t i = 1; i <= strlen(path); i++)
		if (path[i] == '/' || path[i] == '\0') {
			memcpy(part, path, i);
			part[i] = '\0';
			if (mkdir(part, 0700) < 0 && errno != EEXIST)
				return sq_fail(err, -errno, "cannot make %s: %s", part, strerror(errno));
		}
	return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
	ssize_t n;

	for (; len > 0; data += n, len -= (size_t)n) {
		n = write(fd, data, len);
		if (n < 0 && errno != EINTR)
			return -errno;
		n = n < 0 ? 0 : n;
	}
	return 0;
}

int runs_save(const char *id, const char *ending, const char *data, size_t len, struct sq_err *err)
{
	char folder[PATH_MAX], path[PATH_MAX + 128], draft[PATH_MAX + 128];
	int fd, r = runs_folder(folder, err);

	if (r == 0)
		r = make_folder(folder, err);
	if (r < 0)
		return r;
	snprintf(path, sizeof path, "%s/%.64s.%s", folder, id, ending);
	snprintf(draft, sizeof draft, "%s/.%.64s.%s.XXXXXX", folder, id, ending);
	fd = mkostemp(draft, O_CLOEXEC);
	if (fd < 0)
		return sq_fail(err, -errno, "cannot write in %s: %s", folder, strerror(errno));
	r = write_all(fd, data, len);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(draft, path) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	unlink(draft);
	return sq_fail(err, r, "cannot write %s: %s", path, strerror(-r));
}

/* --- finding --------------------------------------------------------------------------------- */

static bool is_run(const char *name)
{
	size_t len = strlen(name), end = strlen(ENDING);

	return *name != '.' && len > end && strcmp(name + len - end, ENDING) == 0;
}

struct run {
	char name[NAME_MAX + 1];
	struct timespec written;
};

static int newest_first(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	if (x->written.tv_sec != y->written.tv_sec)
		return x->written.tv_sec < y->written.tv_sec ? 1 : -1;
	return x->written.tv_nsec < y->written.tv_nsec ? 1 : x->written.tv_nsec > y->written.tv_nsec ? -1 : 0;
}

static int add_run(struct run **runs, size_t *count, const char *name, int folder)
{
	struct run *more;
	struct stat st;

	if (fstatat(folder, name, &st, 0) < 0)
		return 0; /* gone meanwhile */
	more = reallocarray(*runs, *count + 1, sizeof **runs);
	if (!more)
		return -ENOMEM;
	*runs = more;
	snprintf(more[*count].name, sizeof more->name, "%s", name);
	more[(*count)++].written = st.st_mtim;
	return 0;
}

/* The newest first. A folder that is not there holds none. The caller's to free. */
static int scan(const char *folder, struct run **ret, size_t *ret_count, struct sq_err *err)
{
	DIR *d = opendir(folder);
	struct run *runs = NULL;
	struct dirent *e;
	size_t count = 0;
	int r = 0;

	if (!d && errno != ENOENT)
		return sq_fail(err, -errno, "cannot read %s: %s", folder, strerror(errno));
	while (d && r == 0 && (e = readdir(d)))
		if (is_run(e->d_name))
			r = add_run(&runs, &count, e->d_name, dirfd(d));
	if (d)
		closedir(d);
	if (r < 0) {
		free(runs);
		return sq_fail(err, r, "no memory");
	}
	if (count > 0)
		qsort(runs, count, sizeof *runs, newest_first);
	*ret = runs;
	*ret_count = count;
	return 0;
}

static int pick(const struct run *runs, size_t count, const char *which, const struct run **ret,
                struct sq_err *err)
{
	const struct run *found = NULL;
	size_t fits = 0;

	if (strcmp(which, "last") == 0) {
		if (count == 0)
			return sq_fail(err, -ENOENT, "no run is kept here yet");
		*ret = &runs[0];
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		if (strncmp(runs[i].name, which, strlen(which)) == 0) {
			found = &runs[i];
			fits++;
		}
	if (fits == 0)
		return sq_fail(err, -ENOENT, "no run %s is kept here: see squall list", which);
	if (fits > 1)
		return sq_fail(err, -ENOENT, "%zu runs begin with %s: give more of the id", fits, which);
	*ret = found;
	return 0;
}

int runs_find(const char *which, char ret[PATH_MAX], struct sq_err *err)
{
	char folder[PATH_MAX];
	const struct run *found = NULL;
	struct run *runs;
	size_t count;
	int r;

	if (strchr(which, '/') || is_run(which)) {
		if (access(which, R_OK) < 0)
			return sq_fail(err, -ENOENT, "cannot open %s: %s", which, strerror(errno));
		snprintf(ret, PATH_MAX, "%s", which);
		return 0;
	}
	r = runs_folder(folder, err);
	if (r == 0)
		r = scan(folder, &runs, &count, err);
	if (r < 0)
		return r;
	r = pick(runs, count, which, &found, err);
	if (r == 0 && snprintf(ret, PATH_MAX, "%s/%s", folder, found->name) >= PATH_MAX)
		r = sq_fail(err, -ENAMETOOLONG, "the path of the runs is too long");
	free(runs);
	return r;
}

/* --- listing --------------------------------------------------------------------------------- */

static struct json_object *read_run(const char *folder, const char *name)
{
	struct json_object *doc = NULL;
	char path[PATH_MAX + NAME_MAX + 2];
	struct buf text = {0};

	snprintf(path, sizeof path, "%s/%s", folder, name);
	if (file_read(path, RUN_MAX, &text, NULL) == 0)
		doc = json_read(text.data, text.len, NULL);
	buf_free(&text);
	return doc;
}

static void copy_member(struct json_object *to, const char *name, struct json_object *from)
{
	struct json_object *v = member_get(from, name);

	if (v)
		json_put(to, name, json_object_get(v));
}

/* The members of the gateway's listing. */
static struct json_object *summary(struct json_object *doc)
{
	static const char *const own[] = {"test_id",      "name",       "state",   "verdict",
	                                  "submitted_at", "started_at", "ended_at"};
	static const char *const of_plan[] = {"hits_per_sec", "duration_sec", "workers",
	                                      "stages",       "connections",  "max_requests"};
	struct json_object *o = json_object_new_object(),
	                   *status = member_get(member_get(doc, "validity"), "status");

	if (!o)
		return NULL;
	for (size_t i = 0; i < SQ_LEN(own); i++)
		copy_member(o, own[i], doc);
	for (size_t i = 0; i < SQ_LEN(of_plan); i++)
		copy_member(o, of_plan[i], member_get(doc, "effective_plan"));
	if (status)
		json_put(o, "validity", json_object_get(status));
	return o;
}

/* Those that ran at the same time were kept in another order than they began in. Times are texts of one form.
 */
static int submitted_last(const void *a, const void *b)
{
	struct json_object *const *x = a, *const *y = b;

	return strcmp(json_text(*y, "submitted_at"), json_text(*x, "submitted_at"));
}

struct json_object *runs_list(struct sq_err *err)
{
	struct json_object *all = json_object_new_object(), *list = json_object_new_array(), *doc;
	char folder[PATH_MAX];
	struct run *runs;
	size_t count;

	if (json_put(all, "tests", list) < 0 || runs_folder(folder, err) < 0 ||
	    scan(folder, &runs, &count, err) < 0) {
		json_object_put(all);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		doc = read_run(folder, runs[i].name);
		if (json_object_is_type(doc, json_type_object))
			json_object_array_add(list, summary(doc));
		json_object_put(doc);
	}
	json_object_array_sort(list, submitted_last);
	free(runs);
	return all;
}

/* --- pruning --------------------------------------------------------------------------------- */

/* ID.json and what lies beside it: the document last, so that what is left half is found again. */
static void remove_run(const char *folder, const char *name)
{
	static const char *const endings[] = {".csv", ".hgrm", ENDING};
	char path[PATH_MAX + NAME_MAX + 8];
	int stem = (int)(strlen(name) - strlen(ENDING));

	for (size_t i = 0; i < SQ_LEN(endings); i++) {
		snprintf(path, sizeof path, "%s/%.*s%s", folder, stem, name, endings[i]);
		unlink(path);
	}
}

void runs_prune(void)
{
	char folder[PATH_MAX];
	struct run *runs;
	size_t count;

	if (runs_folder(folder, NULL) < 0 || scan(folder, &runs, &count, NULL) < 0)
		return;
	for (size_t i = RUNS_KEPT; i < count; i++)
		if (strspn(runs[i].name, "0123456789abcdef-") ==
		    ID_LENGTH) /* and not what somebody put there */
			remove_run(folder, runs[i].name);
	free(runs);
}
