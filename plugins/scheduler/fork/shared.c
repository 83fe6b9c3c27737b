/* shared.c - our jobs in the registry, and those of others. */
#include "shared.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry.h"

static int write_fence(const struct job *j, uint64_t fence)
{
	const char *dir = j->site->dir;
	struct entry e;
	int r = registry_read(dir, j->id, &e);

	if (r < 0)
		return r == -ENOENT ? 0 : r; /* nothing runs yet, or any more */
	if (e.fence > fence) {
		r = -SQ_EFENCED;
	} else if (e.fence < fence) {
		e.fence = fence;
		r = registry_write(dir, j->id, &e);
	}
	entry_free(&e);
	return r;
}

int shared_claim(struct job *j, uint64_t fence)
{
	int lock, r;

	if (fence < j->fence)
		return -SQ_EFENCED;
	lock = j->site->dir ? registry_lock(j->site->dir) : -ENOENT;
	if (lock < 0 && j->site->dir)
		return lock;
	r = j->site->dir ? write_fence(j, fence) : 0;
	if (lock >= 0)
		close(lock);
	if (r == 0)
		j->fence = fence;
	return r;
}

bool shared_is_ours(const struct job *j)
{
	struct entry e;
	bool ours = true;

	if (!j->site->dir || registry_read(j->site->dir, j->id, &e) < 0)
		return true;
	ours = e.fence <= j->fence;
	entry_free(&e);
	return ours;
}

void shared_publish(const struct job *j)
{
	struct entry e = {.fence = j->fence, .owner = process_of(getpid()), .count = j->count};
	int r = -ENOMEM;

	if (!j->site->dir)
		return;
	snprintf(e.plan_sha256, sizeof e.plan_sha256, "%s", j->plan_sha256);
	e.workers = calloc(j->count, sizeof *e.workers);
	for (uint32_t i = 0; e.workers && i < j->count; i++) {
		snprintf(e.workers[i].name, sizeof e.workers[i].name, "%s", j->children[i].name);
		e.workers[i].process = j->children[i].process;
	}
	if (e.workers)
		r = registry_write(j->site->dir, j->id, &e);
	if (r < 0)
		SQ_WARN(j->site->host, SQ_KV({"test", j->id}),
		        "its workers cannot be written down in %s (%s): nobody else can take them over",
		        j->site->dir, strerror(-r));
	entry_free(&e);
}

void shared_forget(const struct job *j)
{
	if (j->site->dir && j->resumed)
		registry_remove(j->site->dir, j->id);
}

/* 0: its owner is there, if only asleep. Else its workers end by themselves, and are not waited for: -EAGAIN
 * while one is left, then -ENOENT. */
static int look_for_owner(const char *dir, const char *id, const struct entry *e)
{
	bool left = false;

	if (e->owner.pid != getpid() && process_lives(e->owner))
		return 0;
	for (uint32_t i = 0; i < e->count; i++) {
		if (!process_lives(e->workers[i].process))
			continue;
		kill(e->workers[i].process.pid, SIGKILL);
		left = true;
	}
	if (!left)
		registry_remove(dir, id);
	return left ? -EAGAIN : -ENOENT;
}

static int adopt(struct job_site *site, const char *id, uint64_t fence, struct job **ret)
{
	struct entry e;
	struct job *j;
	int r = registry_read(site->dir, id, &e);

	if (r < 0)
		return r;
	r = look_for_owner(site->dir, id, &e);
	if (r == 0 && e.fence > fence)
		r = -SQ_EFENCED;
	j = r == 0 ? job_adopt(site, id, fence, &e) : NULL;
	if (r == 0 && !j)
		r = -ENOMEM;
	if (r == 0) {
		e.fence = fence;
		r = registry_write(site->dir, id, &e);
	}
	entry_free(&e);
	if (r == 0)
		*ret = j;
	else if (j)
		job_free(j);
	return r;
}

int shared_adopt(struct job_site *site, const char *id, uint64_t fence, struct job **ret)
{
	int lock, r;

	if (!site->dir)
		return -ENOENT;
	lock = registry_lock(site->dir);
	if (lock < 0)
		return lock;
	r = adopt(site, id, fence, ret);
	close(lock);
	return r;
}

struct each {
	const struct job_site *site;
	void (*one)(void *arg, const char *id, uint64_t fence);
	void *arg;
};

static void look_at(void *arg, const char *id)
{
	const struct each *each = arg;
	struct entry e;

	if (registry_read(each->site->dir, id, &e) < 0)
		return;
	if (e.owner.pid != getpid() && look_for_owner(each->site->dir, id, &e) == 0)
		each->one(each->arg, id, e.fence);
	entry_free(&e);
}

void shared_each(const struct job_site *site, void (*one)(void *arg, const char *id, uint64_t fence),
                 void *arg)
{
	struct each each = {site, one, arg};
	int lock = site->dir ? registry_lock(site->dir) : -ENOENT;

	if (lock < 0)
		return;
	registry_each(site->dir, look_at, &each);
	close(lock);
}
