/*
 * How sure a change is of the costs that it rests on: what a sensitivity study
 * found, in words, and which assumed costs the cells paid most for.
 */
#include <stdlib.h>
#include <string.h>
#include "analysis/table.h"
#include "sim/base/mem.h"

enum { FLIPS_SHOWN = 2 };

static json_int_t whole(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

bool conclusion_holds(const json_t *c)
{
	const json_t *cost;
	size_t i;

	json_array_foreach(json_object_get(c, "costs"), i, cost)
		if (json_is_true(json_object_get(cost, "flips")))
			return false;
	return whole(c, "joint_same") == whole(c, "joint_runs");
}

static void put_flip(struct text *out, const json_t *cost)
{
	put_field(out, cost, "cost");
	text_put(out, " ");
	put_field(out, cost, "flips_side");
	text_add(out, " %lld (now %lld, ", (long long)whole(cost, "flips_at"),
		 (long long)whole(cost, "value"));
	put_field(out, cost, "class");
	text_add(out, ", %lld to %lld)", (long long)whole(cost, "low"),
		 (long long)whole(cost, "high"));
}

void conclusion_words(struct text *out, const json_t *c)
{
	json_int_t runs = whole(c, "joint_runs");
	const json_t *cost;
	unsigned flips = 0;
	size_t i;

	json_array_foreach(json_object_get(c, "costs"), i, cost) {
		if (!json_is_true(json_object_get(cost, "flips")))
			continue;
		if (flips < FLIPS_SHOWN) {
			text_put(out, flips ? ", " : "flips with ");
			put_flip(out, cost);
		}
		flips++;
	}
	if (flips > FLIPS_SHOWN)
		text_add(out, ", %u more", flips - FLIPS_SHOWN);
	if (!flips)
		text_put(out, "holds with every single cost over its range");
	if (runs)
		text_add(out, ", with all drawn at once in %lld of %lld",
			 (long long)whole(c, "joint_same"), (long long)runs);
}

uint32_t assumed_heaviest(const json_t *costs, const char *key[ASSUMED_SHOWN])
{
	json_int_t ns[ASSUMED_SHOWN + 1];	/* one more, for who is pushed out */
	const char *name, *name_of[ASSUMED_SHOWN + 1];
	uint32_t n = 0;
	json_t *o;

	json_object_foreach((json_t *)costs, name, o) {
		const char *cls = json_string_value(json_object_get(o, "class"));
		json_int_t total = whole(o, "total_ns");
		uint32_t at = n;

		if (!cls || strcmp(cls, "assumed") || !total)
			continue;
		for (; at > 0 && ns[at - 1] < total; at--) {
			name_of[at] = name_of[at - 1];
			ns[at] = ns[at - 1];
		}
		name_of[at] = name;
		ns[at] = total;
		n += n < ASSUMED_SHOWN;
	}
	for (uint32_t i = 0; i < n; i++)
		key[i] = name_of[i];
	return n;
}

void assumed_words(struct text *out, const json_t *cell)
{
	const json_t *costs = json_object_get(cell, "costs");
	const char *key[ASSUMED_SHOWN];
	uint32_t n = assumed_heaviest(costs, key);

	for (uint32_t i = 0; i < n; i++) {
		const json_t *o = json_object_get(costs, key[i]);

		text_put(out, i ? ", " : "");
		text_clean(out, key[i], TEXT_PLAIN);
		text_put(out, " ");
		text_value(out, (double)whole(o, "total_ns"), UNIT_NS);
		text_add(out, " (now %lld, may be %lld to %lld)",
			 (long long)whole(o, "value"), (long long)whole(o, "low"),
			 (long long)whole(o, "high"));
	}
}

/* What all assumed costs at one end of their ranges would add, in ns. */
static double at_the_end(const json_t *costs, const char *end)
{
	const char *key;
	double sum = 0;
	json_t *o;

	json_object_foreach((json_t *)costs, key, o) {
		const char *cls = json_string_value(json_object_get(o, "class"));
		double value = (double)whole(o, "value");

		if (cls && !strcmp(cls, "assumed") && value > 0)
			sum += (double)whole(o, "total_ns") *
			       ((double)whole(o, end) / value - 1);
	}
	return sum;
}

void assumed_report(struct text *out, const json_t *cell, const char *input)
{
	const json_t *costs = json_object_get(cell, "costs");
	double share, all = 0;
	const char *mode;
	json_t *o;

	if (!result_number(cell, "cost_share.assumed", &share, NULL) || share <= 0)
		return;
	json_object_foreach(json_object_get(cell, "cpu_ns"), mode, o) {
		if (strcmp(mode, "idle"))
			all += json_number_value(o);
	}
	text_add(out, "assumed costs, %.1f %% of the time: ", 100 * share);
	assumed_words(out, cell);
	if (all > 0)
		text_add(out, "; all of them at the low or high ends of their ranges: %+.0f to %+.0f %% of the CPU time, without queueing",
			 100 * at_the_end(costs, "low") / all,
			 100 * at_the_end(costs, "high") / all);
	text_add(out, "; flip points: mmreplay sensitivity %s", input);
}
