/*
 * trade: latency of the heaviest op against the memory that is held meanwhile,
 * a point a policy. Columns side by side that differ in an option only, as batch
 * sizes do, are joined: the curve along that option.
 */
#include <stdlib.h>
#include <string.h>
#include "analysis/plots/plot.h"
#include "analysis/table.h"
#include "sim/base/mem.h"

enum { BLOCKS_MOST = 8, CURVE_LEAST = 3 };

/* Least and most of @path over all groups; false: it never differs. */
static bool spread(const struct result_set *s, const char *path, double *low,
		   double *high)
{
	double v;

	*low = 1e300;
	*high = 0;
	for (uint32_t g = 0; g < s->group_count; g++) {
		if (!group_mean(s, g, path, &v))
			continue;
		*low = v < *low ? v : *low;
		*high = v > *high ? v : *high;
	}
	return *low < *high;
}

/* The class of memory whose hold differs most between policies. */
static char *class_that_differs(const struct result_set *s)
{
	const json_t *below = NULL;
	double most = 0, low, high;
	const char *class;
	char *best = NULL;
	json_t *v;

	for (uint32_t g = 0; g < s->group_count && !json_object_size(below); g++)
		below = json_object_get(s->cells[s->groups[g].example].json,
					"hold");
	json_object_foreach((json_t *)(uintptr_t)below, class, v) {
		char *path = xasprintf("hold.%s.byte_seconds", class);

		if (spread(s, path, &low, &high) &&
		    (high - low) / high > most) {
			most = (high - low) / high;
			free(best);
			best = xstrdup(class);
		}
		free(path);
	}
	return best;
}

static const json_t *policies(const struct result_set *s, uint32_t group)
{
	return json_object_get(s->cells[s->groups[group].example].json,
			       "policies");
}

static bool alike(const struct result_set *s, uint32_t a, uint32_t b)
{
	return s->groups[a].block == s->groups[b].block &&
	       json_equal(policies(s, a), policies(s, b));
}

/* On a curve: enough columns side by side have the same policies. */
static bool on_curve(const struct result_set *s, uint32_t group)
{
	uint32_t first = group, end = group + 1;

	while (first && alike(s, first - 1, group))
		first--;
	while (end < s->group_count && alike(s, end, group))
		end++;
	return end - first >= CURVE_LEAST;
}

static void put_points(struct plot_job *job, uint32_t block, bool curve,
		       const char *x, const char *y)
{
	const struct result_set *s = job->set;
	double held, ns;

	text_add(&job->dat, "# %s\n# byte-seconds\tns\tpolicy\n",
		 curve ? "curve" : "others");
	for (uint32_t g = 0; g < s->group_count; g++) {
		if (s->groups[g].block != block || on_curve(s, g) != curve ||
		    !group_mean(s, g, x, &held) || !group_mean(s, g, y, &ns))
			continue;
		text_exact(&job->dat, held);
		text_put(&job->dat, "\t");
		text_exact(&job->dat, ns);
		text_put(&job->dat, "\t");
		text_put(&job->dat, "\"");
		text_clean(&job->dat, s->groups[g].name, TEXT_GNUPLOT);
		text_put(&job->dat, "\"\n");
	}
	text_put(&job->dat, "\n\n");
}

/* The params of a block: what its points have in common. */
static void block_title(struct text *out, const struct result_block *b)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)b->params, key, v) {
		text_add(out, "%s%s = ", text_str(out)[0] ? ", " : "", key);
		if (json_is_number(v))
			text_exact(out, json_number_value(v));
		else
			text_put(out, json_is_string(v) ? json_string_value(v) :
				 "?");
	}
	if (!text_str(out)[0])
		text_put(out, "policies");
}

static void put_block(struct plot_job *job, uint32_t block, bool last)
{
	struct text title = { 0 };

	block_title(&title, &job->set->blocks[block]);
	text_add(&job->gp, "  '%s.dat' index %u using 1:2 with linespoints lc rgb '%s' lw 2 pt 7 ps 0.9 title ",
		 job->name, 2 * block, plot_colour(block));
	plot_quoted(&job->gp, text_str(&title));
	text_add(&job->gp, ", \\\n  '' index %u using 1:2 with points lc rgb '%s' pt 5 ps 1.1 notitle",
		 2 * block + 1, plot_colour(block));
	for (uint32_t i = 2 * block; last && i < 2 * block + 2; i++)
		text_add(&job->gp, ", \\\n  '' index %u using 1:2:3 with labels left offset 0.8,0.5 notitle",
			 i);
	text_put(&job->gp, last ? "\n" : ", \\\n");
	text_release(&title);
}

static void draw(struct plot_job *job, const char *class, const char *op)
{
	char *x = xasprintf("hold.%s.byte_seconds", class);
	char *y = xasprintf("latency_ns.%s.p50", op);
	char *title = xasprintf("%s, median latency against %s held", op, class);
	uint32_t blocks = job->set->block_count < BLOCKS_MOST ?
			  job->set->block_count : BLOCKS_MOST;
	double low, high;

	for (uint32_t b = 0; b < blocks; b++) {
		put_points(job, b, true, x, y);
		put_points(job, b, false, x, y);
	}
	plot_panels(job, 1, 1, 520, &(struct plot_frame){ .left = 90, .gap = 60,
							  .key_rows = blocks });
	text_put(&job->gp, "set title ");
	plot_quoted(&job->gp, title);
	text_add(&job->gp, "\nset xlabel 'freed and not yet reusable, byte-seconds'\n"
		 "set format x '%%.2s %%cB·s'\n");
	spread(job->set, x, &low, &high);
	text_add(&job->gp, "set xrange [%.9g:%.9g]\n", low * 0.9, high * 1.25);
	spread(job->set, y, &low, &high);
	text_add(&job->gp, "set yrange [%.9g:%.9g]\n", low * 0.9, high * 1.05);
	plot_tics(job, "y", high, UNIT_NS);
	plot_key(job, true, blocks);
	text_put(&job->gp, "plot \\\n");
	for (uint32_t b = 0; b < blocks; b++)
		put_block(job, b, b + 1 == blocks);
	free(title);
	free(x);
	free(y);
}

static void build(struct plot_job *job)
{
	char *class = class_that_differs(job->set);
	uint32_t count;
	char **ops = plot_top_ops(job->set, 1, &count);

	if (!class)
		text_put(&job->why, "no policy holds more than another");
	else if (!count)
		text_put(&job->why, "no op has a latency");
	else
		draw(job, class, ops[0]);
	plot_names_free(ops, count);
	free(class);
}

const struct plot plot_trade = {
	{ "trade", "Latency against memory held",
	  "hold.*.byte_seconds that differ between policies" },
	build
};
