/*
 * failpoint.h - places at which a test holds, kills or hinders this process. Compiled in by configure
 * --enable-failpoints alone; otherwise nothing is left of them.
 *
 *     SQUALL_FAILPOINT="WHEN:WHAT[#N]=ACTION[,...]"
 *
 *     WHEN:WHAT   before:store.put     each request to store, transport or scheduler: not sent yet
 *                 after:store.put      done and answered, but nobody in this process knows
 *                 before:write.ready   a record that is to say so: write.STATE, write.t0 (commit point)
 *                 after:write.ready
 *     N           the Nth time, 1 without; once
 *     ACTION      kill        SIGKILL
 *                 stop        SIGSTOP; SIGCONT goes on
 *                 delay:MS    all of this thread sleeps
 *                 fail        before: refused with -EIO; after: the answer is lost (uncertain)
 *
 *     SQUALL_FAILPOINT="after:write.t0=kill"
 *
 * Each that strikes is told on standard error. A text that cannot be read ends the process, so that no
 * test passes because of a slip. Loop thread only; every shared object counts for itself.
 */
#ifndef BASE_FAILPOINT_H
#define BASE_FAILPOINT_H

#ifdef SQ_FAILPOINTS

/* 0, or negative: the action is fail. */
int failpoint(const char *when, const char *what);
/* The same for the point WHAT.PART. */
int failpoint_of(const char *when, const char *what, const char *part);

#else

static inline int failpoint(const char *when, const char *what)
{
	(void)when;
	(void)what;
	return 0;
}

static inline int failpoint_of(const char *when, const char *what, const char *part)
{
	(void)when;
	(void)what;
	(void)part;
	return 0;
}

#endif

#endif
