/* run_slots.c - the slot map as a part beside the record: who has which place, and what moved. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "plugins/common/doc.h"
#include "plugins/common/members.h"
#include "run.h"

static struct json_object *write_move(const struct slot_move *m)
{
	struct json_object *o = json_object_new_object(), *to = json_object_new_array();
	bool good = true;

	for (uint32_t i = 0; good && i < m->to_count; i++)
		good = doc_append(to, json_object_new_int64(m->to[i]));
	good = doc_put(o, "to", to) && good;
	return doc_close(o, good && doc_put_count(o, "place", m->place) &&
	                        doc_put_count(o, "until_tick", m->until));
}

/* Those that are confirmed, and the one that is to be. */
static struct json_object *write_moves(const struct run *r)
{
	const struct slot_map *map = &r->test.spread.map;
	struct json_object *moves = json_object_new_array();
	bool good = true;

	for (uint32_t i = 0; good && i < map->move_count; i++)
		good = doc_append(moves, write_move(&map->moves[i]));
	if (good && r->draft.moves > map->move_count)
		good = doc_append(moves, write_move(&r->test.spread.move));
	return doc_close(moves, good);
}

/* {"places":[{"uid","name"},..],"moves":[{"place","until_tick","to":[places]},..]}: whose ticks are whose,
 * for who adopts it. */
struct json_object *run_write_places(const struct run *r)
{
	struct json_object *o = json_object_new_object(), *places = json_object_new_array();
	bool good = doc_put(o, "moves", write_moves(r));

	for (uint32_t i = 0; good && i < r->test.setup.workers; i++) {
		const struct worker *w = &r->test.workers[i];
		struct json_object *place = json_object_new_object();

		good = doc_put_text(place, "uid", w->uid) && doc_put_text(place, "name", w->name);
		good = doc_append(places, doc_close(place, good));
	}
	good = doc_put(o, "places", places) && good;
	return doc_close(o, good);
}

static int read_move(struct run *r, struct json_object *doc, struct sq_err *err)
{
	uint32_t n = r->test.setup.workers;
	struct members m = members_of(doc, "slots.moves", err);
	struct slot_move move = {.place = (uint32_t)members_count(&m, "place", n - 1),
	                         .until = members_count(&m, "until_tick", MEMBERS_COUNT_MAX)};
	struct json_object *to = members_array(&m, "to", n, false);
	int status = members_end(&m);

	if (status < 0)
		return status;
	move.to = calloc(n, sizeof *move.to);
	if (!move.to)
		return sq_fail(err, -ENOMEM, "no memory");
	for (; status == 0 && move.to_count < json_object_array_length(to); move.to_count++) {
		struct json_object *place = json_object_array_get_idx(to, move.to_count);
		int64_t value = json_object_get_int64(place);

		if (!json_object_is_type(place, json_type_int) || value < 0 || value >= n)
			status = sq_fail(err, -EBADMSG, "slots.moves.to: there is no such place");
		else
			move.to[move.to_count] = (uint32_t)value;
	}
	if (status == 0)
		status = test_restore_move(&r->test, &move);
	free(move.to);
	return status;
}

int run_read_places(struct run *r, struct sq_slice text)
{
	struct json_object *doc = NULL, *places, *moves;
	struct members m;
	struct sq_err err;
	int status = doc_parse(text, 8, &doc, &err);

	m = members_of(doc, "slots", &err);
	places = members_array(&m, "places", r->test.setup.workers, false);
	moves = members_array(&m, "moves", r->test.setup.workers, false);
	status = status < 0 ? status : members_end(&m);
	for (uint32_t i = 0; status == 0 && i < json_object_array_length(places); i++) {
		struct members place = members_of(json_object_array_get_idx(places, i), "slots.places", &err);
		char uid[CONTROL_UID_MAX + 1], name[SQ_ID_MAX + 1];
		const struct report *last;

		members_name(&place, "uid", uid, sizeof uid, false);
		members_name(&place, "name", name, sizeof name, true);
		status = members_end(&place);
		last = merger_report(r->merger, uid);
		if (status == 0)
			test_restore(&r->test, i, uid, name, last);
	}
	for (uint32_t i = 0; status == 0 && i < json_object_array_length(moves); i++)
		status = read_move(r, json_object_array_get_idx(moves, i), &err);
	r->moves_noted = r->test.spread.map.move_count;
	json_object_put(doc);
	if (status < 0)
		SQ_ERROR(r->o->host, RUN_KV(r), "its slot map cannot be read: %s", err.text);
	return status;
}
