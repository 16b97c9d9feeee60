/*
 * latency-cdf: the full distribution of every op that matters, one panel an
 * op, one line a policy, replicates pooled. The percentile axis is stretched
 * towards the tail (a decade per nine), because that is where policies differ.
 */
#include <stdlib.h>
#include "analysis/plots/plot.h"
#include "sim/base/hist.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"

enum { OPS_MOST = 6 };

struct curve {
	struct plot_job *job;
	uint64_t below, total, most;
	double low, high;
};

static void bucket(void *arg, int64_t lower, int64_t upper, uint64_t count)
{
	struct curve *c = arg;

	text_add(&c->job->dat, "%lld\t%lld\t%llu\t%llu\t%llu\n",
		 (long long)lower, (long long)upper, (unsigned long long)count,
		 (unsigned long long)c->below, (unsigned long long)c->total);
	c->below += count;
	if ((double)lower < c->low)
		c->low = (double)lower;
	if ((double)upper > c->high)
		c->high = (double)upper;
}

/* All replicates of a group as one histogram; a damaged one draws nothing. */
static void pooled(const struct result_set *s, uint32_t group, const char *key,
		   struct hist *h)
{
	const struct result_group *g = &s->groups[group];

	for (uint32_t i = 0; i < g->cell_count; i++) {
		const json_t *buckets = json_object_get(
			result_hists(&s->cells[g->cells[i]]), key);
		struct hist one = { 0 };
		struct errbuf e = { 0 };

		if (buckets && !json_hist(buckets, &one, &e))
			hist_merge(h, &one);
		hist_release(&one);
	}
}

/* One block of data a line; returns false where no group has the op. */
static bool panel_data(struct plot_job *job, const char *op,
		       const uint32_t *groups, uint32_t n, bool *have,
		       struct curve *c)
{
	char *key = xasprintf("latency_ns.%s", op);
	bool any = false;

	for (uint32_t i = 0; i < n; i++) {
		struct hist h = { 0 };

		pooled(job->set, groups[i], key, &h);
		have[i] = h.count > 0;
		any |= have[i];
		text_put(&job->dat, "# ");
		text_clean(&job->dat, op, TEXT_GNUPLOT);
		text_put(&job->dat, ", ");
		plot_label(&job->dat, job, groups[i], 200);
		text_put(&job->dat,
			 "\n# lower_ns\tupper_ns\tcount\tbelow\ttotal\n");
		c->below = 0;
		c->total = h.count;
		c->most = h.count > c->most ? h.count : c->most;
		if (have[i])
			hist_each(&h, bucket, c);
		else
			text_put(&job->dat, "NaN\tNaN\tNaN\tNaN\tNaN\n");
		text_put(&job->dat, "\n\n");
		hist_release(&h);
	}
	free(key);
	return any;
}

static void panel(struct plot_job *job, const char *op, uint32_t first_index,
		  const uint32_t *groups, uint32_t n, const bool *have,
		  const struct curve *c, uint32_t key_rows)
{
	text_put(&job->gp, "set title ");
	plot_quoted(&job->gp, op);
	text_add(&job->gp, "\nset xrange [%.0f:%.0f]\nset yrange [1:%llu]\n",
		 c->low > 1 ? c->low : 1, c->high * 1.1,
		 (unsigned long long)c->most * 3 / 2 + 1);
	plot_log_tics(job, "x", c->low, c->high, UNIT_NS);
	plot_key(job, key_rows > 0, key_rows);
	text_put(&job->gp, "plot \\\n");
	for (uint32_t i = 0; i < n; i++) {
		text_add(&job->gp,
			 "  '%s.dat' index %u using ($1<1?1:$1):($5/($5-$4)) with lines ",
			 job->name, first_index + i);
		plot_line(&job->gp, job, groups[i]);
		text_put(&job->gp, " title '");
		plot_label(&job->gp, job, groups[i], 60);
		if (!have[i])
			text_put(&job->gp, " (no such op)");
		text_add(&job->gp, "'%s\n", i + 1 < n ? ", \\" : "");
	}
}

static void build(struct plot_job *job)
{
	uint32_t groups[PLOT_GROUPS_MOST], n, count;
	char **ops = plot_top_ops(job->set, OPS_MOST, &count);
	bool have[PLOT_GROUPS_MOST];
	uint32_t drawn = 0, key_rows;

	n = plot_shown(job, groups, PLOT_GROUPS_MOST);
	key_rows = plot_key_rows(job, groups, n);
	plot_panels(job, count, 2, 270,
		    &(struct plot_frame){ .left = 100, .gap = 110,
					  .key_rows = key_rows });
	text_put(&job->gp,
		 "set logscale xy\n"
		 "set ytics ('0 %%' 1, '50 %%' 2, '90 %%' 10, '99 %%' 100, '99.9 %%' 1000,"
		 " '99.99 %%' 10000, '99.999 %%' 100000)\n"
		 "set mxtics 10\n"
		 "set xlabel 'latency'\nset ylabel 'ops that took less'\n");
	for (uint32_t i = 0; i < count; i++) {
		struct curve c = { .job = job, .low = 1e18, .high = 1 };

		if (panel_data(job, ops[i], groups, n, have, &c))
			drawn++;
		panel(job, ops[i], i * n, groups, n, have, &c, i ? 0 : key_rows);
	}
	if (!drawn) {
		text_clear(&job->dat);
		text_put(&job->why, "no cell has a latency histogram");
	}
	plot_names_free(ops, count);
}

const struct plot plot_latency_cdf = {
	{ "latency-cdf", "Latency distribution by op",
	  "hist latency_ns.* of the cells" },
	build
};
