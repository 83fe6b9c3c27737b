/*
 * watch.h - a collection of the API server, kept up to date: a list, then a watch from its version on.
 *
 *     list -> objects, synced -> watch -> changes
 *      ^                           |
 *      +---- 410, in both shapes --+   a lost connection goes on from the last version seen
 *      +---- trouble, twice -------+   a refused one too, at first
 *
 * 410 comes as an HTTP status, or as an ERROR event in a 200 (seen after the server was restarted). So does
 * other trouble, which may lie in the version: after the store of the cluster was set back it is one that
 * will not come for long. What cannot be read or kept is lost, and a list is due as well. Bookmarks move the
 * version on while nothing changes. A watch that is silent beyond its own time is cut and begun anew, so
 * half-open connections heal.
 *
 * Loop thread only.
 */
#ifndef KUBERNETES_WATCH_H
#define KUBERNETES_WATCH_H

#include "api.h"

struct watch;

struct watch_calls {
	/* object: valid during the call. deleted: it is gone. Who cannot keep it says so by watch_lost(). */
	void (*changed)(struct watch *w, struct json_object *object, bool deleted);
	/* A list was read: what is not in it does not exist any more. begin before its objects, end behind.
	 */
	void (*begin)(struct watch *w);
	void (*end)(struct watch *w);
	/* up: all that exists is known and changes arrive. why: for people, when down. */
	void (*state)(struct watch *w, bool up, const char *why);
};

struct watch {
	struct api *api;
	const struct watch_calls *calls;
	const char *path; /* "/api/v1/namespaces/NS/pods", borrowed */
	const char *selector; /* for labelSelector=, borrowed */
	char version[64]; /* "" = a list is needed */
	bool up, stopped;
	struct api_call list;
	struct fetch stream;
	bool streaming;
	struct buf url, line;
	const char *headers[4];
	int told; /* HTTP status of an ERROR event, 0 = none */
	int refused; /* HTTP status of the last list or watch that was refused, 0 = there was no answer */
	unsigned troubles; /* in a row, of watches from this version */
	bool lost; /* a list is due, whatever the version */
	int64_t begun; /* when the stream was, monotonic ns */
	char why[API_WHY];
	struct sq_timer timer;
	struct backoff backoff;
};

/* Begins in the next turn. The four strings and calls outlive it. */
void watch_start(struct watch *w, struct api *api, const struct watch_calls *calls, const char *path,
                 const char *selector);
void watch_lost(struct watch *w); /* something told was not taken: all is listed once more */
void watch_stop(struct watch *w); /* nothing is called any more; harmless when never started */

#endif
