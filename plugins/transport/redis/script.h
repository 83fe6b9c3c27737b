/*
 * script.h - what the transport does inside of Redis: one Lua script with a function for each verb.
 *
 * Called with one key, KEYS[1] = "squall:{SPACE}:jobs"; all keys share its hash tag. The command set is that
 * of Redis 6.0.
 *
 *     squall:{SPACE}:jobs          stream, never trimmed: id edition submitted body. Group "orchestrators"
 * with the one consumer "squall"; its pending entries are what is in anybody's hands, or has come back; their
 * delivery counts are the attempts so far
 *     ...:locks                    hash: entry -> "TOKEN UNTIL LENGTH": until when (Unix ms by Redis TIME) it
 *                                  belongs to the delivery of this token; token 0: it came back
 *     ...:queue                    hash: format, token (the last one given)
 *     ...:dead                     stream of dead letters: the message's fields, src attempts reason
 * description
 *     ...:seen:ID/EDITION          for as long as it is there a message is dropped when it is published again
 *     ...:greeting                 for a moment, to see that keys can be made
 *
 * A message whose every delivery ran out is delivered once more, so that the reader writes the reason into its
 * test. When that runs out as well it is a dead letter, and the test may still be queued: it is published again
 * then, as another edition, and its deliveries count from 1. What ends that is the time that a test may wait.
 *
 * A delivery is one token, so whoever slept beyond its lock can neither settle nor renew what is another's by
 * now, be it another delivery to the same process.
 */
#ifndef TRANSPORT_REDIS_SCRIPT_H
#define TRANSPORT_REDIS_SCRIPT_H

#define QUEUE_FORMAT 1

extern const char queue_script[];

#endif
