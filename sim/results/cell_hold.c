/*
 * The hold ledger of a cell as JSON: classes, stages, what the end cut off, and
 * whose it was (MODEL.md 9).
 */
#include <stdlib.h>
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "sim/results/cell.h"

enum { OWNERS_SHOWN = 8 };

static void set_uint(json_t *o, const char *key, uint64_t value)
{
	json_object_set_new(o, key, json_integer((json_int_t)value));
}

static void set_byte_seconds(json_t *o, const char *key, __int128 byte_ns)
{
	json_object_set_new(o, key, json_real((double)byte_ns / 1e9));
}

static json_t *stages_part(const struct metrics *m,
			   const struct hold_stage *stage)
{
	json_t *o = json_object();

	for (uint32_t i = 0; i < m->stage_count; i++)
		if (stage[i].moved)
			set_byte_seconds(o, m->stage_names[i], stage[i].byte_ns);
	return o;
}

/* What is still there at @end_ns, and how long ago the program asked. */
static json_t *censored_part(const struct metrics *m,
			     const struct hold_stage *stage, int64_t end_ns)
{
	json_t *o = json_object();

	for (uint32_t i = 0; i < m->stage_count; i++) {
		const struct hold_stage *s = &stage[i];
		__int128 age = (__int128)s->objects * end_ns - s->asked_sum_ns;
		json_t *left;

		if (!s->objects)
			continue;
		left = json_object();
		set_uint(left, "objects", s->objects);
		set_uint(left, "bytes", s->bytes);
		set_uint(left, "mean_age_ns", (uint64_t)(age / s->objects));
		json_object_set_new(o, m->stage_names[i], left);
	}
	return o;
}

/* By freeing op, over all address spaces. */
static json_t *ops_part(const struct metrics *m,
			const struct hold_account *const *list, uint32_t n)
{
	json_t *o = json_object();

	for (unsigned op = 0; op < METRIC_OPS_MAX; op++) {
		struct hold_stage stage[METRIC_STAGES_MAX] = { 0 };
		uint64_t freed = 0;
		__int128 sum = 0;
		json_t *part;

		for (uint32_t i = 0; i < n; i++) {
			if (list[i]->op != op)
				continue;
			freed += list[i]->freed;
			for (uint32_t s = 0; s < m->stage_count; s++) {
				stage[s].moved += list[i]->stage[s].moved;
				stage[s].byte_ns += list[i]->stage[s].byte_ns;
			}
			sum += hold_account_byte_ns(m, list[i]);
		}
		if (!freed)
			continue;
		part = json_object();
		set_uint(part, "freed", freed);
		set_byte_seconds(part, "byte_seconds", sum);
		json_object_set_new(part, "stages", stages_part(m, stage));
		json_object_set_new(o, cell_op_name(op), part);
	}
	return o;
}

static void set_owner(json_t *o, uint32_t mm)
{
	json_object_set_new(o, "mm", mm == HOLD_NO_MM ? json_string("kernel") :
			    mm == HOLD_REST ? json_string("others") :
			    json_integer(mm));
}

/* By address space and freeing op, most first; what is not shown is one row. */
static json_t *owners_part(const struct metrics *m,
			   const struct hold_account *const *list, uint32_t n)
{
	json_t *rows = json_array();
	__int128 rest = 0;
	uint64_t rest_freed = 0;

	for (uint32_t i = 0; i < n; i++) {
		json_t *o;

		if (list[i]->mm == HOLD_REST ||
		    json_array_size(rows) == OWNERS_SHOWN) {
			rest += hold_account_byte_ns(m, list[i]);
			rest_freed += list[i]->freed;
			continue;
		}
		o = json_object();
		set_owner(o, list[i]->mm);
		json_object_set_new(o, "op", json_text(cell_op_name(list[i]->op)));
		set_uint(o, "freed", list[i]->freed);
		set_byte_seconds(o, "byte_seconds",
				 hold_account_byte_ns(m, list[i]));
		json_object_set_new(o, "stages", stages_part(m, list[i]->stage));
		json_array_append_new(rows, o);
	}
	if (rest_freed) {
		json_t *o = json_object();

		set_owner(o, HOLD_REST);
		set_uint(o, "freed", rest_freed);
		set_byte_seconds(o, "byte_seconds", rest);
		json_array_append_new(rows, o);
	}
	return rows;
}

/* Byte-seconds of finished waits for grace periods, by whose quiescent state
 * ended each. */
static json_t *ends_part(const struct hold_class *h)
{
	static const char *const names[HOLD_ENDS] = {
		[END_IDLE] = "idle", [END_SWITCH] = "context-switch",
		[END_USER] = "user", [END_PREEMPTIBLE] = "preemptible",
		[END_RESCHED] = "cond_resched", [END_CLOCK] = "fixed",
	};
	json_t *o = json_object();

	for (unsigned i = 0; i < HOLD_ENDS; i++)
		if (h->wait[i].objects)
			set_byte_seconds(o, names[i] ? names[i] : cell_op_name(i),
					 h->wait[i].byte_ns);
	return o;
}

static json_t *class_part(const struct metrics *m, uint32_t hold,
			  int64_t makespan_ns)
{
	const struct hold_class *h = &m->holds[hold];
	const struct hold_account **list;
	json_t *o = json_object();
	uint32_t n;

	list = xcalloc(hold_account_count(m) + 1, sizeof(*list));
	n = hold_accounts(m, hold, list);
	set_uint(o, "peak_bytes", h->peak_bytes);
	set_uint(o, "mean_bytes", makespan_ns > 0 ?
		 (uint64_t)(h->byte_ns / makespan_ns) : 0);
	set_byte_seconds(o, "byte_seconds", h->byte_ns);
	set_uint(o, "peak_objects", h->peak_objects);
	set_byte_seconds(o, "reusable_same_type_byte_seconds",
			 h->reusable_byte_ns);
	json_object_set_new(o, "stages", stages_part(m, h->stage));
	json_object_set_new(o, "censored",
			    censored_part(m, h->stage, h->since_ns));
	json_object_set_new(o, "grace_period_ended_by", ends_part(h));
	json_object_set_new(o, "ops", ops_part(m, list, n));
	json_object_set_new(o, "owners", owners_part(m, list, n));
	free(list);
	return o;
}

json_t *cell_hold_json(const struct replay_result *r, bool address_space)
{
	const struct metrics *m = r->metrics;
	json_t *all = json_object();

	for (uint32_t i = 0; i < m->hold_count; i++) {
		const struct hold_class *h = &m->holds[i];

		if (h->address_space == address_space && h->peak_objects)
			json_object_set_new(all, h->name,
					    class_part(m, i, r->makespan_ns));
	}
	return all;
}
