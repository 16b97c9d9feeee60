/*
 * trade: latency of the heaviest op against the memory that is held meanwhile,
 * a point a policy. Columns side by side that differ in an option only, as batch
 * sizes do, are joined: the curve along that option.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/plots/plot.h"
#include "analysis/table.h"
#include "sim/base/mem.h"

enum { BLOCKS_MOST = 8, CURVE_LEAST = 3 };

/** struct spot - where a label stands */
struct spot {
	double x, y;
};

/** struct trade - axes, and the labels so far */
struct trade {
	const char *x, *y;
	double x_room, y_room;
	struct spot *placed;
	uint32_t n;
};

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

/*
 * Heights of the labels of a block set: as their points, but for those that
 * would cover one below; they go up, to the line above it.
 */
static double label_at(const struct spot *placed, uint32_t n, struct spot want,
		       double x_room, double y_room)
{
	bool moved;

	do {
		moved = false;
		for (uint32_t i = 0; i < n && !moved; i++) {
			moved = fabs(placed[i].x - want.x) < x_room &&
				fabs(placed[i].y - want.y) < y_room * 0.99;
			if (moved)
				want.y = placed[i].y + y_room;
		}
	} while (moved);
	return want.y;
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

static void put_points(struct plot_job *job, struct trade *t, uint32_t block,
		       bool curve)
{
	const struct result_set *s = job->set;
	bool any = false;
	double held, ns;

	text_add(&job->dat, "# %s\n# byte-seconds\tns\tpolicy\tlabel_ns\n",
		 curve ? "curve" : "others");
	for (uint32_t g = 0; g < s->group_count; g++) {
		if (s->groups[g].block != block || on_curve(s, g) != curve ||
		    !group_mean(s, g, t->x, &held) || !group_mean(s, g, t->y, &ns))
			continue;
		t->placed[t->n] = (struct spot){ held, ns };
		t->placed[t->n].y = label_at(t->placed, t->n, t->placed[t->n],
					     t->x_room, t->y_room);
		any = true;
		text_exact(&job->dat, held);
		text_put(&job->dat, "\t");
		text_exact(&job->dat, ns);
		text_put(&job->dat, "\t");
		text_put(&job->dat, "\"");
		text_clean(&job->dat, s->groups[g].name, TEXT_GNUPLOT);
		text_add(&job->dat, "\"\t%.9g\n", t->placed[t->n++].y);
	}
	/* gnuplot does not count a block without a line */
	text_put(&job->dat, any ? "\n\n" : "NaN\tNaN\t\"\"\tNaN\n\n\n");
}

/* The params of a block: what its points have in common; empty if it has none,
 * as where traces differ, which is in the labels of its points then. */
static void block_title(struct text *out, const struct result_block *b)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)b->params, key, v) {
		text_add(out, "%s%s = ", out->len ? ", " : "", key);
		if (json_is_number(v))
			text_exact(out, json_number_value(v));
		else
			text_put(out, json_is_string(v) ? json_string_value(v) :
				 "?");
	}
}

static void put_block(struct plot_job *job, uint32_t block, bool last)
{
	struct text title = { 0 };
	bool labels = last;

	block_title(&title, &job->set->blocks[block]);
	text_add(&job->gp, "  '%s.dat' index %u using 1:2 with linespoints lc rgb '%s' lw 2 pt 7 ps 0.9 ",
		 job->name, 2 * block, plot_colour(block));
	if (title.len) {
		text_put(&job->gp, "title ");
		plot_quoted(&job->gp, text_str(&title));
	} else {
		text_put(&job->gp, "notitle");
		labels = true;
	}
	text_add(&job->gp, ", \\\n  '' index %u using 1:2 with points lc rgb '%s' pt 5 ps 1.1 notitle",
		 2 * block + 1, plot_colour(block));
	for (uint32_t i = 2 * block; labels && i < 2 * block + 2; i++)
		text_add(&job->gp,
			 ", \\\n  '' index %u using ($1<middle?$1:1/0):4:3 with labels left offset 0.8,0.5 notitle"
			 ", \\\n  '' index %u using ($1<middle?1/0:$1):4:3 with labels right offset -0.8,0.5 notitle",
			 i, i);
	text_put(&job->gp, last ? "\n" : ", \\\n");
	text_release(&title);
}

static void draw(struct plot_job *job, const char *class, const char *op)
{
	char *x = xasprintf("hold.%s.byte_seconds", class);
	char *y = xasprintf("latency_ns.%s.mean", op);
	char *title = xasprintf("%s, mean latency against %s held", op, class);
	struct trade t = { .x = x, .y = y,
		.placed = xcalloc(job->set->group_count + 1, sizeof(*t.placed)) };
	uint32_t blocks = job->set->block_count < BLOCKS_MOST ?
			  job->set->block_count : BLOCKS_MOST;
	double low, high, most;

	spread(job->set, x, &low, &high);
	spread(job->set, y, &t.y_room, &most);
	t.x_room = (high * 1.25 - low * 0.9) / 5;
	t.y_room = most * 1.2 / 24;
	for (uint32_t b = 0; b < blocks; b++) {
		put_points(job, &t, b, true);
		put_points(job, &t, b, false);
	}
	plot_panels(job, 1, 1, 520, &(struct plot_frame){ .left = 90, .gap = 60,
							  .key_rows = blocks });
	text_put(&job->gp, "set title ");
	plot_quoted(&job->gp, title);
	text_add(&job->gp, "\nset xlabel 'freed and not yet reusable, byte-seconds'\n"
		 "set format x '%%.2s %%cB·s'\n");
	text_add(&job->gp, "set xrange [%.9g:%.9g]\nmiddle = %.9g\n", low * 0.9,
		 high * 1.25, low * 0.45 + high * 0.625);
	text_add(&job->gp, "set yrange [0:%.9g]\n", most * 1.2);
	plot_tics(job, "y", most * 1.1, UNIT_NS);
	plot_key(job, true, blocks);
	text_put(&job->gp, "plot \\\n");
	for (uint32_t b = 0; b < blocks; b++)
		put_block(job, b, b + 1 == blocks);
	free(t.placed);
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
