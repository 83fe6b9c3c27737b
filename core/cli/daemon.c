/* daemon.c - a private standalone squalld for one run. */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon_find.h"
#include "json.h"
#include "plan_put.h"
#include "say.h"
#include "signals.h"

#define START_MS 20000
#define STOP_MS 20000 /* beyond its own grace */
#define TURN_MS 10
#define LOG_MAX (8 << 20)
#define LIFELINE_FD 3 /* in the daemon */

/* --- its folder ------------------------------------------------------------------------------ */

static int write_conf(const char *folder, const char *name, const struct buf *text)
{
	char path[PATH_MAX + 32];
	bool good;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	f = fopen(path, "wxe");
	good = f && !buf_failed(text) && fwrite(text->data, 1, text->len, f) == text->len;
	if (f && fclose(f) != 0)
		good = false;
	return good ? 0 : -EIO;
}

static int make_folder(struct daemon *d, const char *plugins, const char *target_url,
                       struct json_object *allowed, struct sq_err *err)
{
	const char *tmp = getenv("TMPDIR");
	struct buf own = {0}, worker = {0};
	int r = 0;

	tmp = tmp && *tmp ? tmp : "/tmp";
	daemon_sweep(tmp);
	snprintf(d->folder, sizeof d->folder - 32, "%s/" DAEMON_FOLDER "XXXXXX", tmp);
	if (!mkdtemp(d->folder)) {
		r = sq_fail(err, -errno, "cannot make a folder %s: %s", d->folder, strerror(errno));
		*d->folder = '\0';
		return r;
	}
	daemon_conf(d->folder, plugins, target_url, allowed, &own);
	daemon_worker_conf(plugins, &worker);
	if (write_conf(d->folder, "squalld.conf", &own) < 0 ||
	    write_conf(d->folder, "worker.conf", &worker) < 0)
		r = sq_fail(err, -EIO, "cannot write into %s: %s", d->folder, strerror(errno));
	buf_free(&own);
	buf_free(&worker);
	return r;
}

static void remove_folder(struct daemon *d)
{
	if (*d->folder)
		daemon_remove(d->folder);
	*d->folder = '\0';
}

/* --- its life -------------------------------------------------------------------------------- */

/* Nothing of the user's surroundings may change what the run does or reach the workers. */
static void fill_environment(char **out, size_t size)
{
	static const char *const kept[] = {"PATH=",
	                                   "HOME=",
	                                   "TMPDIR=",
	                                   "LANG=",
	                                   "LC_ALL=",
	                                   "TZ=",
	                                   "SQUALL_PLUGIN_DIR=",
	                                   "SQUALL_FAILPOINT=",
	                                   "ASAN_OPTIONS=",
	                                   "UBSAN_OPTIONS="};
	size_t n = 0;

	for (char **e = environ; *e; e++)
		for (size_t i = 0; i < SQ_LEN(kept); i++)
			if (n + 1 < size && strncmp(*e, kept[i], strlen(kept[i])) == 0)
				out[n++] = *e;
	out[n] = NULL;
}

/* In a session of its own: Ctrl-C in our terminal is ours to handle. */
static int spawn(const char *program, char *const argv[], int log, int lifeline, pid_t *ret)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	char *environment[32];
	int r;

	fill_environment(environment, SQ_LEN(environment));
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&how);
	posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID);
	r = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, log, STDERR_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, lifeline, LIFELINE_FD);
	if (r == 0)
		r = posix_spawnp(ret, program, &files, &how, argv, environment);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&how);
	return -r;
}

static int launch(struct daemon *d, const char *program, struct sq_err *err)
{
	char conf[PATH_MAX + 16], name[] = "squalld", c[] = "-c", lifeline[] = "--lifeline", fd[8];
	char *const argv[] = {name, c, conf, lifeline, fd, NULL};
	int ends[2], r, log;

	snprintf(conf, sizeof conf, "%s/squalld.conf", d->folder);
	snprintf(fd, sizeof fd, "%d", LIFELINE_FD);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return sq_fail(err, -errno, "no pipe: %s", strerror(errno));
	log = daemon_open_log(d->folder);
	r = log < 0 ? -errno : spawn(program, argv, log, ends[0], &d->pid);
	if (log >= 0)
		close(log);
	close(ends[0]);
	if (r == 0) {
		d->lifeline = ends[1];
		return 0;
	}
	close(ends[1]);
	d->pid = 0;
	return sq_fail(err, r, "cannot start %s: %s; SQUALLD names another", program, strerror(-r));
}

enum found { FOUND_NOTHING, FOUND_LINE, FOUND_ERROR };

/* --- its log --------------------------------------------------------------------------------- */

/* Its gateway's address, when that stands in the line. */
static void take_line(struct daemon *d, const char *line, size_t len)
{
	static const char words[] = "listening on ";
	struct json_object *o = json_read(line, len, NULL);
	const char *message = json_text(o, "message");

	if (strcmp(json_text(o, "component"), "gateway") == 0 && strncmp(message, words, strlen(words)) == 0)
		snprintf(d->url, sizeof d->url, "%s", message + strlen(words));
	json_object_put(o);
}

/* The last line that is an error, or else the last one; of those before there is a log, which are about a
 * .conf that will be gone, the first one. */
static void take_error(const struct daemon *d, const char *line, size_t len, char out[400], enum found *found)
{
	struct json_object *o = json_read(line, len, NULL);
	bool grave = strcmp(json_text(o, "level"), "error") == 0;

	if (*json_text(o, "message") && (grave || *found != FOUND_ERROR)) {
		snprintf(out, 400, "%s", json_text(o, "message"));
		*found = grave ? FOUND_ERROR : FOUND_LINE;
	} else if (!o && len > 0 && *found == FOUND_NOTHING) {
		size_t folder = strlen(d->folder);

		if (len > folder && strncmp(line, d->folder, folder) == 0 && line[folder] == '/') {
			line += folder + 1;
			len -= folder + 1;
		}
		snprintf(out, 400, "%.*s", (int)len, line);
		*found = FOUND_LINE;
	}
	json_object_put(o);
}

static bool read_log(const struct daemon *d, struct buf *out)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof path, "%s/" DAEMON_LOG, d->folder);
	buf_reset(out);
	return file_read(path, LOG_MAX, out, NULL) == 0;
}

static void find_error(const struct daemon *d, char out[400])
{
	struct buf log = {0};
	enum found found = FOUND_NOTHING;

	strcpy(out, "it said nothing");
	if (read_log(d, &log))
		for (char *line = log.data; *line; line += strcspn(line, "\n"), line += *line == '\n')
			take_error(d, line, strcspn(line, "\n"), out, &found);
	buf_free(&log);
}

static bool find_url(struct daemon *d)
{
	struct buf log = {0};
	bool ready = false;

	if (read_log(d, &log)) {
		for (char *line = log.data; *line; line += strcspn(line, "\n"), line += *line == '\n')
			take_line(d, line, strcspn(line, "\n"));
		ready = strstr(log.data, "\"ready roles=") != NULL;
	}
	buf_free(&log);
	return ready && *d->url;
}

/* --- the whole ------------------------------------------------------------------------------- */

static void pause_ms(int ms)
{
	const struct timespec t = {.tv_nsec = ms * SQ_MS};

	nanosleep(&t, NULL);
}

/* Its status once it has ended. */
static bool has_ended(struct daemon *d, int *status)
{
	if (d->pid == 0 || waitpid(d->pid, status, WNOHANG) != d->pid)
		return false;
	d->pid = 0;
	return true;
}

static int await(struct daemon *d, struct sq_err *err)
{
	char why[400];
	int status;

	for (int ms = 0; ms < START_MS; ms += TURN_MS) {
		if (find_url(d))
			return 0;
		if (signals_taken())
			return sq_fail(err, -EINTR, "stopped before the start");
		if (has_ended(d, &status)) {
			find_error(d, why);
			return sq_fail(err, -EIO, "squalld did not start: %s", why);
		}
		pause_ms(TURN_MS);
	}
	find_error(d, why);
	return sq_fail(err, -ETIMEDOUT, "squalld was not ready after 20 s: %s", why);
}

int daemon_start(struct daemon *d, const char *target_url, struct json_object *allowed, struct sq_err *err)
{
	char program[PATH_MAX], plugins[PATH_MAX];
	int r;

	*d = (struct daemon){.lifeline = -1};
	daemon_find(program, plugins);
	r = make_folder(d, *plugins ? plugins : NULL, target_url, allowed, err);
	if (r == 0)
		r = launch(d, program, err);
	if (r == 0)
		r = await(d, err);
	if (r < 0)
		daemon_stop(d);
	return r;
}

bool daemon_alive(void *ctx)
{
	struct daemon *d = ctx;
	char why[400];
	int status;

	if (!has_ended(d, &status))
		return true;
	find_error(d, why);
	if (WIFSIGNALED(status))
		say("squalld was killed by signal %d: %s", WTERMSIG(status), why);
	else
		say("squalld ended with status %d: %s", WEXITSTATUS(status), why);
	return false;
}

void daemon_stop(struct daemon *d)
{
	int status;

	if (d->pid && d->lifeline >= 0)
		close(d->lifeline);
	for (int ms = 0; d->pid && ms < STOP_MS && !has_ended(d, &status); ms += TURN_MS)
		pause_ms(TURN_MS);
	if (d->pid) {
		kill(d->pid, SIGKILL);
		waitpid(d->pid, &status, 0);
		d->pid = 0;
	}
	remove_folder(d);
}
