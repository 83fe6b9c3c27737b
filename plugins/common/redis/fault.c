/* fault.c - errors of a Redis. Their first word is their name; older servers say more in prose. */
#include "fault.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <squall/op.h>

#include "core/base/text.h"

#define MOVING "is moving our keys to another node"
#define CURE_MOVING "that passes when their slot has moved"
#define CURE_PASSWORD "set username and password (variable REDIS_PASSWORD) to those of the server"

static const struct {
	const char *begin; /* of the error */
	struct fault fault;
} known[] = {
    {"NOSCRIPT", {FAULT_SCRIPT, -EIO, NULL, NULL}},
    {"MOVED ", {FAULT_MOVED, -EIO, NULL, NULL}},
    {"ASK ", {FAULT_STATE, -EIO, MOVING, CURE_MOVING}},
    /* It was begun. Redis 7, and before. */
    {"ERR Script attempted to access a non local key", {FAULT_STATE, -SQ_EUNCERTAIN, MOVING, CURE_MOVING}},
    {"Lua script attempted to access a non local key", {FAULT_STATE, -SQ_EUNCERTAIN, MOVING, CURE_MOVING}},
    {"OOM ", {FAULT_STATE, -ENOSPC, "is full", "raise maxmemory, or let maxmemory-policy be volatile-lru"}},
    {"MISCONF", {FAULT_STATE, -EIO, "cannot write to its disk and so takes no writes", "look at its log"}},
    {"NOREPLICAS",
     {FAULT_STATE, -EIO, "takes no writes, for too few replicas follow it", "look at its replicas"}},
    {"CLUSTERDOWN",
     {FAULT_STATE, -EIO, "belongs to a cluster that is down", "look at the nodes of the cluster"}},
    {"BUSY ", {FAULT_STATE, -EIO, "is busy with somebody's script", "end it with SCRIPT KILL"}},
    {"LOADING", {FAULT_PEER, -EIO, "is loading its data", NULL}},
    {"MASTERDOWN", {FAULT_PEER, -EIO, "is a replica without its master", "set host to the master"}},
    {"READONLY", {FAULT_PEER, -EIO, "is a read-only replica", "set host to the master"}},
    {"NOAUTH", {FAULT_PEER, -EIO, "asks for a password", CURE_PASSWORD}},
    {"WRONGPASS", {FAULT_PEER, -EIO, "does not take our password", CURE_PASSWORD}},
    {"ERR invalid password", {FAULT_PEER, -EIO, "does not take our password", CURE_PASSWORD}},
    {"ERR AUTH",
     {FAULT_PEER, -EIO, "has no password, and we were given one",
      "unset password (variable REDIS_PASSWORD)"}},
    {"ERR Client sent AUTH",
     {FAULT_PEER, -EIO, "has no password, and we were given one",
      "unset password (variable REDIS_PASSWORD)"}},
    {"ERR max number of clients", {FAULT_PEER, -EIO, "takes no more clients", "raise its maxclients"}},
    {"DENIED",
     {FAULT_PEER, -EIO, "runs in protected mode and takes local clients only", "give it a password"}},
    {"NOPERM", {FAULT_CALL, -EIO, NULL, "grant it to our user (ACL SETUSER)"}},
    {"ERR increment or decrement would overflow", {FAULT_CALL, -ERANGE, NULL, NULL}},
};

static const struct fault other = {FAULT_CALL, -EIO, NULL, NULL};

/* Before Redis 7 what fails inside of a script is wrapped:
 *     ERR Error running script (call to f_SHA): @user_script:7: @user_script: 7: -OOM command not allowed */
static bool names(const char *text, const char *name)
{
	const char *inner;

	if (strncmp(text, name, strlen(name)) == 0)
		return true;
	if (strncmp(text, "ERR Error running script", 24) != 0)
		return false;
	inner = strstr(text, name);
	return inner && (inner[-1] == ' ' || inner[-1] == '-');
}

const struct fault *fault_of(const struct reply *r)
{
	for (size_t i = 0; i < SQ_LEN(known); i++)
		if (names(reply_text(r), known[i].begin))
			return &known[i].fault;
	return &other;
}

bool fault_moved(const struct reply *r, char *host, size_t size, int64_t *port)
{
	const char *space = strrchr(reply_text(r), ' '), *colon = space ? strrchr(space, ':') : NULL;
	int64_t n;

	if (!colon || text_parse_int(colon + 1, &n) < 0 || n < 1 || n > 65535)
		return false;
	if ((size_t)(colon - space) > size)
		return false;
	snprintf(host, size, "%.*s", (int)(colon - space - 1), space + 1);
	*port = n;
	return true;
}
