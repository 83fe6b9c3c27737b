/* role_demo.c - a role with an option of every type. */
#include "demo.h"

static const char *const colours[] = {"red", "green", "blue", NULL};

struct conf {
	bool flag;
	int64_t count, pause, room;
	const char *url, *key;
	int colour;
	const char *const *hosts;
};

static const struct sq_opt opts[] = {
	SQ_STRING_REQ(struct conf, url, "Where to go.", .env = "TARGET_URL"),
	SQ_BOOL(struct conf, flag, "false", "A switch.", .env = "DEMO_FLAG"),
	SQ_INT(struct conf, count, "3", 1, 100, "How many.", .env = "DEMO_COUNT"),
	SQ_DURATION(struct conf, pause, "2s", 1 * SQ_MS, 60 * SQ_S, "How long.", .env = "DEMO_PAUSE"),
	SQ_SIZE(struct conf, room, "64k", 1, 1 << 30, "How much.", .env = "DEMO_ROOM"),
	SQ_SECRET(struct conf, key, "Who may.", .env = "DEMO_KEY"),
	SQ_ENUM(struct conf, colour, "green", colours, "Which one.", .env = "DEMO_COLOUR"),
	SQ_LIST(struct conf, hosts, "a,b", "Who else.", .env = "DEMO_HOSTS", .flags = SQ_F_EXPERT),
	SQ_OPTS_END
};

static int check(const void *conf, struct sq_err *err)
{
	const struct conf *c = conf;

	if (c->flag && c->count > 50)
		return sq_fail(err, -EINVAL, "with flag, count is at most 50");
	return 0;
}

SQ_PLUGIN(role, SQ_ROLE, demo, DEMO_LIFE, .opts = opts, .conf_size = sizeof(struct conf), .check = check,
          .vt.role = &demo_role);
