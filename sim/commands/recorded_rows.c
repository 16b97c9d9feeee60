/*
 * The rows of a recorded reference: each quantity is a function of a struct
 * recorded, so that the whole capture and every sample of its blocks go
 * through the same one.
 *
 * Cost: RECORDED_DRAWS merges of RECORDED_BLOCKS blocks.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "sim/base/rng.h"
#include "sim/commands/recorded.h"

enum { ROWS_MAX = 512, NAME_BYTES = 96, SAMPLES_MIN = 20 };

/** struct row - value of a quantity in one sample */
struct row {
	char name[NAME_BYTES];
	const char *unit;
	double value, wait_share;	/* @wait_share: negative, none */
	int64_t at_least_ns;		/* of waits from here on; 0: of all */
	bool absent, exact;
};

struct rows {
	struct row v[ROWS_MAX];
	uint32_t count;
};

static struct row *add(struct rows *l, const char *unit, double value,
		       const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static struct row *add(struct rows *l, const char *unit, double value,
		       const char *fmt, ...)
{
	struct row *r = &l->v[l->count];
	va_list ap;

	BUG_ON(l->count == ROWS_MAX);
	l->count++;
	*r = (struct row){ .unit = unit, .value = value, .wait_share = -1 };
	va_start(ap, fmt);
	vsnprintf(r->name, sizeof(r->name), fmt, ap);
	va_end(ap);
	return r;
}

static void quantiles(struct rows *l, const struct hist *h, const char *path,
		      double wait_share)
{
	static const struct {
		const char *name;
		uint32_t num;
	} q[] = { { "p50", 50 }, { "p90", 90 }, { "p99", 99 } };
	struct row *r;

	if (h->count < SAMPLES_MIN)
		return;
	for (int i = 0; i < 3; i++) {
		r = add(l, "ns", (double)hist_quantile(h, q[i].num, 100),
			"%s.%s", path, q[i].name);
		r->wait_share = wait_share;
	}
	/* what costs are fitted to */
	add(l, "part", (double)hist_quantile(h, 25, 100), "%s.p25", path);
	r = add(l, "ns", (double)hist_mean(h), "%s.mean", path);
	r->wait_share = wait_share;
}

/* A capture does not know shorter waits from none, so none are compared. */
static void only_contended(struct rows *l, uint32_t from)
{
	while (from < l->count)
		l->v[from++].at_least_ns = CONTENDED_NS;
}

static void count(struct rows *l, uint64_t n, const char *path)
{
	add(l, "count", (double)n, "%s", path)->exact = true;
}

static void ops(struct rows *l, const struct recorded *r)
{
	char path[64];

	for (int i = 0; i < OP_KIND_COUNT; i++) {
		const struct hist *h = &r->latency_ns[i];
		double wait = (double)(r->time[i].spin_ns + r->time[i].sleep_ns);

		snprintf(path, sizeof(path), "latency_ns.%s.count",
			 op_kinds[i].name);
		if (h->count)
			count(l, h->count, path);
		snprintf(path, sizeof(path), "latency_ns.%s", op_kinds[i].name);
		if (h->count)
			quantiles(l, h, path, h->sum ? wait / (double)h->sum : 0);
	}
}

/* Where the time of an op went, per op; explains rows, is judged by none. */
static void times(struct rows *l, const struct recorded *r)
{
	for (int i = 0; i < OP_KIND_COUNT; i++) {
		const char *name = op_kinds[i].name;

		if (!r->latency_ns[i].count || !r->time[i].work_ns)
			continue;
		add(l, "part", (double)r->time[i].work_ns,
		    "op_time_ns.%s.work", name);
		add(l, "part", (double)r->time[i].spin_ns,
		    "op_time_ns.%s.spin", name);
		add(l, "part", (double)r->time[i].sleep_ns,
		    "op_time_ns.%s.sleep", name);
	}
}

static void side(struct rows *l, const struct recorded_side *s,
		 const char *name)
{
	char path[64];
	uint32_t from;

	add(l, "count", (double)s->acquired, "locks.mmap_lock.%s.acquired", name);
	from = l->count;
	add(l, "count", (double)s->contended, "locks.mmap_lock.%s.contended",
	    name);
	snprintf(path, sizeof(path), "locks.mmap_lock.%s.wait_ns", name);
	if (s->contended)
		quantiles(l, &s->wait_ns, path, -1);
	only_contended(l, from);
	/* a twentieth of all waiting is the way from the event to the wait */
	if (s->spin_ns * 20 > s->sleep_ns)
		add(l, "ns", (double)s->spin_ns, "locks.mmap_lock.%s.spin_ns",
		    name);
	if (s->sleep_ns * 20 > s->spin_ns)
		add(l, "ns", (double)s->sleep_ns, "locks.mmap_lock.%s.sleep_ns",
		    name);
	snprintf(path, sizeof(path), "locks.mmap_lock.%s.hold_ns", name);
	if (s->hold_ns.count)
		quantiles(l, &s->hold_ns, path, -1);
}

static void paths(struct rows *l, const struct recorded *r)
{
	uint64_t locked = r->path[FAULT_PATH_RETRY] + r->path[FAULT_PATH_MMAP] +
			  r->path[FAULT_PATH_VMA_TRYLOCK] +
			  r->path[FAULT_PATH_TRYLOCK_OR_MMAP];

	add(l, "count", (double)r->path[FAULT_PATH_VMA],
	    "vmstat.fault_path_vma");
	add(l, "count", (double)locked,
	    "vmstat.fault_path_vma_trylock+vmstat.fault_path_retry+vmstat.fault_path_mmap");
}

/* Only a file without pid filter has all frees, and the drains. */
static void vmalloc(struct rows *l, const struct recorded *r)
{
	const struct hist *lazy = &r->nr_lazy_pages;

	add(l, "count", (double)r->purges, "vmstat.vmap_purge");
	add(l, "count", (double)r->purged, "vmstat.vmap_purged_areas");
	if (!lazy->count)
		return;
	count(l, r->lazy_max_pages, "vmstat.vmap_lazy_max_pages");
	if (lazy->count < SAMPLES_MIN)
		return;
	add(l, "pages", (double)hist_quantile(lazy, 50, 100),
	    "vmstat.vmap_free_nr_lazy_p50");
	add(l, "pages", (double)hist_quantile(lazy, 90, 100),
	    "vmstat.vmap_free_nr_lazy_p90");
	add(l, "pages", (double)lazy->max, "vmstat.vmap_free_nr_lazy_max");
}

static void absent(struct rows *l, const char *name)
{
	add(l, "count", 0, "%s", name)->absent = true;
}

static void fill(struct rows *l, const struct trace_header *h,
		 const struct recorded *r)
{
	l->count = 0;
	ops(l, r);
	if (r->gap_ns.count)
		quantiles(l, &r->gap_ns, "gap_ns.fault", -1);
	if (h->have & HAVE_MMAP_LOCK) {
		side(l, &r->side[1], "write");
		side(l, &r->side[0], "read");
		paths(l, r);
	} else {
		absent(l, "locks.mmap_lock.write.acquired");
		absent(l, "locks.mmap_lock.read.acquired");
	}
	if (h->have & HAVE_TLB)
		add(l, "count", (double)r->ipis, "vmstat.tlb_ipi");
	else
		absent(l, "vmstat.tlb_ipi");
	if (h->have & HAVE_VMALLOC_SYSTEMWIDE)
		vmalloc(l, r);
	times(l, r);
}

/* ---- spread ---- */

static const struct row *row_find(const struct rows *l, const char *name,
				  uint32_t near)
{
	for (uint32_t i = 0; i < l->count; i++) {
		const struct row *r = &l->v[(near + i) % l->count];

		if (!strcmp(r->name, name))
			return r;
	}
	return NULL;
}

/** struct moments - of a row over the draws */
struct moments {
	double sum, squares;
	uint32_t n;
};

static void draw_blocks(const struct recorded *blocks, uint32_t n,
			struct recorded *out)
{
	for (uint32_t i = 0; i < RECORDED_BLOCKS; i++) {
		uint64_t bits = draw(1, n, DRAW_WORKLOAD, i);

		recorded_merge(out, &blocks[draw_below(bits, RECORDED_BLOCKS)]);
	}
}

static void spreads(const struct trace_header *h, const struct recorded *blocks,
		    const struct rows *whole, struct moments *m)
{
	struct rows *l = xcalloc(1, sizeof(*l));

	for (uint32_t n = 0; n < RECORDED_DRAWS; n++) {
		struct recorded sample = { 0 };

		draw_blocks(blocks, n, &sample);
		fill(l, h, &sample);
		for (uint32_t i = 0; i < whole->count; i++) {
			const struct row *r = row_find(l, whole->v[i].name, i);

			if (!r)
				continue;
			m[i].n++;
			m[i].sum += r->value;
			m[i].squares += r->value * r->value;
		}
		recorded_release(&sample);
	}
	free(l);
}

static double half_width(const struct moments *m)
{
	double mean = m->n ? m->sum / m->n : 0, var;

	if (m->n < 2)
		return 0;
	var = m->squares / m->n - mean * mean;
	return var > 0 ? 1.96 * sqrt(var) : 0;
}

static json_t *row_json(const struct row *r, double spread)
{
	json_t *o = json_object();

	json_object_set_new(o, "quantity", json_string(r->name));
	json_object_set_new(o, "value", r->absent ? json_null() :
						    json_real(r->value));
	json_object_set_new(o, "spread", json_real(r->exact ? 0 : spread));
	json_object_set_new(o, "unit", json_string(r->unit));
	if (r->wait_share >= 0)
		json_object_set_new(o, "wait_share", json_real(r->wait_share));
	if (r->at_least_ns)
		json_object_set_new(o, "at_least_ns",
				    json_integer(r->at_least_ns));
	return o;
}

json_t *recorded_rows(const struct trace_header *h,
		      const struct recorded blocks[RECORDED_BLOCKS],
		      int64_t makespan_ns)
{
	struct rows *l = xcalloc(1, sizeof(*l));
	struct moments *m = xcalloc(ROWS_MAX, sizeof(*m));
	struct recorded whole = { 0 };
	json_t *list = json_array();

	for (int i = 0; i < RECORDED_BLOCKS; i++)
		recorded_merge(&whole, &blocks[i]);
	fill(l, h, &whole);
	add(l, "ns", (double)makespan_ns, "run.makespan_ns");
	spreads(h, blocks, l, m);
	for (uint32_t i = 0; i < l->count; i++)
		json_array_append_new(list, row_json(&l->v[i],
						     half_width(&m[i])));
	recorded_release(&whole);
	free(l);
	free(m);
	return list;
}
