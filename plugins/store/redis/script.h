/*
 * script.h - what the store does inside of Redis: one Lua script with a function for each verb.
 *
 * Called with one key, KEYS[1] = "squall:{SPACE}:store"; all keys begin as that one does, and so share its
 * hash tag. ARGV[1] is the verb. The answer is a word of enum answer, and what the verb says behind it. The
 * command set is that of Redis 6.0.
 *
 *     squall:{SPACE}:store        hash: id, format, clock (Unix ms, never goes back), num (of records made)
 *     ...:r:ID                    hash, the head of a record: version fence life state num created updated
 * owner address till ttl (ms by Redis TIME) and l.LOG = highest number of that log
 *     ...:b:ID                    string, its body
 *     ...:p:ID                    hash, its parts: s/NAME = seq, d/NAME = data
 *     ...:l:ID/LOG                sorted set without scores: 19 digits, a colon, and the entry
 *     ...:n:NAME                  a counter; c:ID is the set of those that belong to a record
 *     ...:all :live :s:STATE      sorted sets of ids by num: all records but tombstones, live ones, of a
 * state
 *     ...:ended :buried           of ids by Unix ms: when they become tombstones, and when they became one
 *     ...:greeting                for a moment, to see that keys can be made
 *
 * A record that ends gives a time to live to all that is large: body, parts, logs, counters. A server that
 * evicts (volatile-lru) may take these sooner, and the record is a tombstone from then on. Its head is small
 * and has none, for what it says must not be forgotten: the reaper takes it, at the end of the tombstone's
 * time.
 */
#ifndef STORE_REDIS_SCRIPT_H
#define STORE_REDIS_SCRIPT_H

#define STORE_FORMAT 1

extern const char store_script[];

#endif
