/*
 * vmap: virtual address space that is lazily freed, and that is in pools, over
 * simulated time, a line a policy; below, for each policy with pools, a row a
 * node, the darker the more is pooled there. Nobody on another node's CPUs, or
 * who asks for another size, can have it. First replicates, as in hold.
 */
#include <stdlib.h>
#include <string.h>
#include "analysis/plots/plot.h"
#include "analysis/plots/series.h"
#include "sim/base/mem.h"

#define LAZY "vmap.vmap-lazy"
#define POOL "vmap.vmap-pool"

enum { LINES_MOST = 8, MAPS_MOST = 4, POINTS_MOST = 2000 };

struct view {
	struct series_file file[LINES_MOST];
	uint32_t groups[PLOT_GROUPS_MOST], n, index;
	int64_t end_ns;
	double lazy, pool, node;	/* highest: of a line, of a node's pool */
};

static const struct series *metric_of(const struct series_file *f,
				      const char *name)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (!strcmp(f->s[i].metric, name))
			return &f->s[i];
	return NULL;
}

/* The node of "vmap.vmap-pool.12"; -1: it is none of a pool. */
static long node_of(const char *metric)
{
	return strncmp(metric, POOL ".", sizeof(POOL)) ? -1 :
	       strtol(metric + sizeof(POOL), NULL, 10);
}

static void read_all(struct plot_job *job, struct view *v)
{
	for (uint32_t i = 0; i < v->n; i++) {
		const struct result_group *g = &job->set->groups[v->groups[i]];
		const struct result_cell *c = &job->set->cells[g->cells[0]];
		struct series_file *f = &v->file[i];

		series_read(c, "vmap.vmap-", POINTS_MOST, f, &job->bad);
		v->end_ns = f->end_ns > v->end_ns ? f->end_ns : v->end_ns;
		for (uint32_t k = 0; k < f->count; k++) {
			double high = f->s[k].high, *most =
				node_of(f->s[k].metric) >= 0 ? &v->node :
				!strcmp(f->s[k].metric, POOL) ? &v->pool :
				!strcmp(f->s[k].metric, LAZY) ? &v->lazy : NULL;

			if (most && high > *most)
				*most = high;
		}
	}
}

static void put_point(struct plot_job *job, int64_t t_ns, double value)
{
	text_add(&job->dat, "%lld\t", (long long)t_ns);
	text_exact(&job->dat, value);
	text_put(&job->dat, "\n");
}

static void put_line(struct plot_job *job, const struct view *v, uint32_t i,
		     const char *metric)
{
	const struct series *s = metric_of(&v->file[i], metric);

	text_add(&job->dat, "# %s, ", metric);
	plot_label(&job->dat, job, v->groups[i], 200);
	text_put(&job->dat, "\n# t_ns\tbytes\n");
	for (uint32_t k = 0; s && k < s->count; k++)
		put_point(job, s->p[k].t_ns, s->p[k].value);
	put_point(job, v->file[i].end_ns, s && s->count ?
		  s->p[s->count - 1].value : 0);
	text_put(&job->dat, "\n\n");
}

static void lines(struct plot_job *job, struct view *v, const char *metric,
		  const char *title, double high)
{
	text_add(&job->gp, "set title '%s'\nset yrange [0:%.9g]\n", title,
		 high > 0 ? high * 1.08 : 1);
	plot_tics(job, "y", high, UNIT_BYTES);
	plot_key(job, !v->index, plot_key_rows(job, v->groups, v->n));
	text_put(&job->gp, "plot \\\n");
	for (uint32_t i = 0; i < v->n; i++) {
		put_line(job, v, i, metric);
		text_add(&job->gp, "  '%s.dat' index %u using 1:2 with steps ",
			 job->name, v->index++);
		plot_line(&job->gp, job, v->groups[i]);
		text_put(&job->gp, " title '");
		plot_label(&job->gp, job, v->groups[i], 60);
		text_put(&job->gp, i + 1 < v->n ? "', \\\n" : "'\n");
	}
}

static void put_row(struct plot_job *job, int64_t from, int64_t to, long node,
		    double bytes)
{
	if (bytes <= 0)
		return;
	text_add(&job->dat, "%lld\t%lld\t%ld\t", (long long)from,
		 (long long)to, node);
	text_exact(&job->dat, bytes);
	text_put(&job->dat, "\n");
}

/*
 * Rows of one node: from and to, where something stood in its pool. What lasts
 * for no pixel of its map is one row with what follows, at their mean.
 */
static void put_node(struct plot_job *job, const struct series *s, long node,
		     int64_t end_ns)
{
	int64_t from = 0, pixel = end_ns / 1000;
	double area = 0;	/* bytes times time since @from */

	for (uint32_t i = 0; i < s->count; i++) {
		int64_t at = s->p[i].t_ns;
		int64_t to = i + 1 < s->count ? s->p[i + 1].t_ns : end_ns;

		if (i && at > from && to - at >= pixel) {
			put_row(job, from, at, node, area / (double)(at - from));
			area = 0;
		}
		if (!i || area == 0)
			from = at;
		area += s->p[i].value * (double)(to - at);
		if (to - from < pixel || to <= from)
			continue;
		put_row(job, from, to, node, area / (double)(to - from));
		area = 0;
		from = to;
	}
	if (end_ns > from)
		put_row(job, from, end_ns, node, area / (double)(end_ns - from));
}

static long put_map(struct plot_job *job, const struct view *v, uint32_t i)
{
	const struct series_file *f = &v->file[i];
	long nodes = 0;

	text_put(&job->dat, "# pools by node, ");
	plot_label(&job->dat, job, v->groups[i], 200);
	text_put(&job->dat, "\n# from_ns\tto_ns\tnode\tbytes\n");
	for (uint32_t k = 0; k < f->count; k++) {
		long node = node_of(f->s[k].metric);

		if (node < 0)
			continue;
		nodes = node >= nodes ? node + 1 : nodes;
		put_node(job, &f->s[k], node, f->end_ns);
	}
	text_put(&job->dat, "\n\n");
	return nodes;
}

static void map(struct plot_job *job, struct view *v, uint32_t i)
{
	long nodes = put_map(job, v, i);
	struct text most = { 0 };

	text_value(&most, v->node, UNIT_BYTES);
	text_add(&job->gp, "set xrange [0:%lld]\n",
		 (long long)v->file[i].end_ns);
	plot_tics(job, "x", (double)v->file[i].end_ns, UNIT_NS);
	text_put(&job->gp, "set title '");
	plot_label(&job->gp, job, v->groups[i], 58);
	text_add(&job->gp, "' font ',9'\nset yrange [-0.5:%ld.5]\nset ytics autofreq\n"
		 "set ylabel 'node, darkest %s'\n"
		 "set cbrange [0:%.9g]\nunset key\nunset colorbox\n"
		 "set palette defined (0 '#deebf7', 1 '#08306b')\n"
		 "plot '%s.dat' index %u using (($1+$2)/2):3:(($2-$1)/2):(0.45):4 with boxxyerror fs solid 1 noborder lc palette notitle\n",
		 nodes > 1 ? nodes - 1 : 1, text_str(&most), v->node, job->name,
		 v->index++);
	text_release(&most);
}

static bool has_nodes(const struct series_file *f)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (node_of(f->s[i].metric) >= 0)
			return true;
	return false;
}

static void draw(struct plot_job *job, struct view *v)
{
	uint32_t maps = 0, pools = v->pool > 0;

	for (uint32_t i = 0; i < v->n; i++)
		maps += has_nodes(&v->file[i]);
	maps = maps < MAPS_MOST ? maps : MAPS_MOST;
	plot_panels(job, 1 + pools + maps, 2, 250, &(struct plot_frame){
			.left = 90, .gap = 100,
			.key_rows = plot_key_rows(job, v->groups, v->n) });
	text_add(&job->gp, "set xlabel 'simulated time'\nset xrange [0:%lld]\n",
		 (long long)v->end_ns);
	plot_tics(job, "x", (double)v->end_ns, UNIT_NS);
	lines(job, v, LAZY, "lazily freed", v->lazy);
	if (pools)
		lines(job, v, POOL, "in pools", v->pool);
	for (uint32_t i = 0; i < v->n && maps; i++) {
		if (!has_nodes(&v->file[i]))
			continue;
		map(job, v, i);
		maps--;
	}
}

/* Of a sweep that has more than fits: its last point. */
static void choose(struct plot_job *job, struct view *v)
{
	const struct result_set *s = job->set;

	if (s->group_count <= LINES_MOST) {
		v->n = plot_shown(job, v->groups, LINES_MOST);
		return;
	}
	for (uint32_t g = 0; g < s->group_count && v->n < LINES_MOST; g++)
		if (s->groups[g].cell_count &&
		    s->groups[g].block == s->block_count - 1)
			v->groups[v->n++] = g;
}

static void build(struct plot_job *job)
{
	struct view *v = xcalloc(1, sizeof(*v));

	choose(job, v);
	read_all(job, v);
	if (v->lazy > 0) {
		draw(job, v);
	} else {
		text_put(&job->why, "no series/*.csv with freed virtual areas");
	}
	for (uint32_t i = 0; i < v->n; i++)
		series_release(&v->file[i]);
	free(v);
}

const struct plot plot_vmap = {
	{ "vmap", "Held address space by node, over time",
	  "series/*.csv of a run with vmalloc" },
	build
};
