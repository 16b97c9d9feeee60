/*
 * flame: simulated waiting as folded stacks, `policy;op;lock;holder's op ns`,
 * root first, for flame graph tools, speedscope and Perfetto. A line is one
 * blame pair of one policy: the mean over its replicates, rounded down; pairs
 * below 1 ns are left out, since a count must be positive.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/analysis.h"
#include "analysis/text.h"
#include "sim/base/file.h"

static const char *word(const json_t *entry, const char *key)
{
	const char *s = json_string_value(json_object_get(entry, key));

	return s && *s ? s : "unknown";
}

static void frame(struct text *out, const char *s)
{
	text_clean(out, s, TEXT_FOLDED);
}

static void put_label(struct text *out, const struct result_set *s,
		      uint32_t group)
{
	const struct result_group *g = &s->groups[group];
	const char *key;
	json_t *v;

	frame(out, g->label);
	if (s->block_count < 2)
		return;
	json_object_foreach((json_t *)s->blocks[g->block].params, key, v) {
		text_put(out, ",");
		frame(out, key);
		text_put(out, "=");
		if (json_is_number(v))
			text_exact(out, json_number_value(v));
		else if (json_is_string(v))
			frame(out, json_string_value(v));
	}
}

/* Sums by stack in an object, which keeps the order of first appearance. */
static json_t *stacks_of(const struct result_set *s, uint32_t group)
{
	const struct result_group *g = &s->groups[group];
	json_t *sums = json_object();

	for (uint32_t i = 0; i < g->cell_count; i++) {
		const json_t *entry, *list = json_object_get(
			s->cells[g->cells[i]].json, "blame");
		size_t k;

		json_array_foreach(list, k, entry) {
			struct text stack = { 0 };
			json_int_t ns = json_integer_value(
				json_object_get(entry, "wait_ns"));

			put_label(&stack, s, group);
			text_put(&stack, ";");
			frame(&stack, word(entry, "waiter"));
			text_put(&stack, ";");
			frame(&stack, word(entry, "lock"));
			text_put(&stack, ";");
			frame(&stack, word(entry, "holder"));
			ns += json_integer_value(json_object_get(sums, stack.s));
			json_object_set_new(sums, stack.s, json_integer(ns));
			text_release(&stack);
		}
	}
	return sums;
}

int flame_write(const struct result_set *s, FILE *out, struct errbuf *e)
{
	for (uint32_t g = 0; g < s->group_count; g++) {
		json_t *sums = stacks_of(s, g), *v;
		json_int_t n = s->groups[g].cell_count;
		const char *stack;

		json_object_foreach(sums, stack, v) {
			json_int_t ns = json_integer_value(v) / n;

			if (ns > 0)
				fprintf(out, "%s %lld\n", stack, (long long)ns);
		}
		json_decref(sums);
	}
	return err_stream(e, out, "flame");
}
