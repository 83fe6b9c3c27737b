/*
 * shared.h - jobs that other processes of this state folder know as well (registry.h).
 *
 * Who starts a job publishes it. Who adopts the test while that process sleeps writes its own fence there:
 * from then on its owner does nothing to the workers any more, though they still end with it. When the owner
 * is dead its workers are as good as gone, for their life-line is: what is left is ended at once.
 */
#ifndef FORK_SHARED_H
#define FORK_SHARED_H

#include "job.h"

/* A verb of this fence changes a job of our list: 0, and the fence stands there; -SQ_EFENCED: it is somebody
 * else's by now; -EAGAIN: somebody is at it. */
int shared_claim(struct job *j, uint64_t fence);
bool shared_is_ours(const struct job *j); /* no higher fence was written */
/* A job that another process started, as one of ours with this fence. -ENOENT: there is none. -EAGAIN: what a
 * dead process left is still going away. */
int shared_adopt(struct job_site *site, const char *id, uint64_t fence, struct job **ret);
void shared_publish(const struct job *j); /* its processes run */
void shared_forget(const struct job *j); /* they are gone */
/* Calls one for each job that runs elsewhere. */
void shared_each(const struct job_site *site, void (*one)(void *arg, const char *id, uint64_t fence),
                 void *arg);

#endif
