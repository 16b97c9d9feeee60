/*
 * The targets that fidelity sets itself, and whether they are met: each is a
 * limit for the rows of some quantities. A row whose own spread is wider than
 * the limit, or than its error, is noise-limited: neither met nor missed.
 *
 * Cost: O(targets x rows).
 */
#include <fnmatch.h>
#include <math.h>
#include <string.h>
#include "analysis/fidelity.h"

enum { PATTERNS_MAX = 6 };

struct rule {
	enum fidelity_kind kind;
	const char *name;
	double limit;
	const char *pattern[PATTERNS_MAX];
};

static const struct rule rules[] = {
	{ FIDELITY_RECORDED, "counts of calls and faults, exact", 0,
	  { "latency_ns.*.count" } },
	{ FIDELITY_RECORDED, "acquisitions of calls with one path, exact", 0,
	  { "acquired.mmap.*", "acquired.munmap.*", "acquired.mremap.*",
	    "acquired.mprotect.*", "acquired.brk.*" } },
	{ FIDELITY_RECORDED, "contended share and wait", 0.25,
	  { "locks.*.contended", "locks.*.wait_ns.mean" } },
	{ FIDELITY_RECORDED, "p50 and p99 of calls, but identity", 0.10,
	  { "latency_ns.*.p50", "latency_ns.*.p99" } },
	{ FIDELITY_SAMPLE, "throughput", 0.15, { "work_ns" } },
	{ FIDELITY_SAMPLE, "lock waits, count and mean", 0.30,
	  { "locks.*.contended", "locks.*.wait_ns.mean" } },
	{ FIDELITY_UNTRACED, "throughput", 0.15, { "work_ns" } },
	{ FIDELITY_UNTRACED, "what the program measured of its calls", 0.30,
	  { "latency_ns.*.mean" } },
	{ FIDELITY_KERNELS, "acquisitions per fault and call", 0.10,
	  { "locks.*.acquired/*", "vmstat.mmap_lock_downgrade/*" } },
	{ FIDELITY_KERNELS, "shares of path classes", 0.10,
	  { "vmstat.fault_path*" } },
	{ FIDELITY_KERNELS, "sections of a call, their order", 0.10,
	  { "sections.*" } },
};

static bool matches(const struct rule *r, const struct check *c)
{
	if (c->verdict == VERDICT_ABSENT || c->verdict == VERDICT_IDENTITY)
		return false;
	for (int i = 0; i < PATTERNS_MAX && r->pattern[i]; i++)
		if (!fnmatch(r->pattern[i], c->quantity, 0))
			return true;
	return false;
}

enum met fidelity_met(double error, double spread, double samples, double limit)
{
	double off = fabs(error);

	if (limit > 0 && samples < FIDELITY_SAMPLES_MIN)
		return MET_NOISE;
	if (off <= limit)
		return limit > 0 && spread > limit ? MET_NOISE : MET_YES;
	return limit > 0 && off <= spread ? MET_NOISE : MET_NO;
}

static void apply(const struct rule *r, const struct fidelity *f,
		  struct target *t)
{
	*t = (struct target){ .name = r->name, .limit = r->limit };
	for (uint32_t i = 0; i < f->count; i++) {
		const struct check *c = &f->checks[i];
		double error = c->has_error ? c->error : c->predicted > 0;
		enum met met;

		if (!matches(r, c))
			continue;
		met = fidelity_met(error, c->spread, c->samples, r->limit);
		t->rows[met]++;
		if (met == MET_NO && (!t->worst ||
				      fabs(error) > fabs(t->worst_error))) {
			t->worst = c->quantity;
			t->worst_error = error;
		}
	}
}

static const struct check *named(const struct fidelity *f, const char *side,
				 const char *what)
{
	char name[64];

	snprintf(name, sizeof(name), "locks.mmap_lock.%s.%s", side, what);
	for (uint32_t i = 0; i < f->count; i++)
		if (!strcmp(f->checks[i].quantity, name))
			return &f->checks[i];
	return NULL;
}

/* Is more of the waiting spun, or more slept, as recorded? A row that is not
 * there had less than a twentieth. */
static void sides(const struct fidelity *f, struct target *t)
{
	static const char *const side[] = { "write", "read" };

	*t = (struct target){ .name = "more spun or more slept, as recorded" };
	for (int i = 0; i < 2; i++) {
		const struct check *n = named(f, side[i], "contended");
		const struct check *spin = named(f, side[i], "spin_ns");
		const struct check *sleep = named(f, side[i], "sleep_ns");
		double r, p;

		if (!n || (!spin && !sleep))
			continue;
		if (n->samples < FIDELITY_SAMPLES_MIN) {
			t->rows[MET_NOISE]++;
			continue;
		}
		r = (spin ? spin->recorded : 0) - (sleep ? sleep->recorded : 0);
		p = (spin ? spin->predicted : 0) - (sleep ? sleep->predicted : 0);
		t->rows[(r > 0) == (p > 0) ? MET_YES : MET_NO]++;
		if ((r > 0) != (p > 0))
			t->worst = spin ? spin->quantity : sleep->quantity;
	}
}

uint32_t fidelity_targets(const struct fidelity *f,
			  struct target list[FIDELITY_TARGETS_MAX])
{
	uint32_t n = 0;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].kind == f->kind)
			apply(&rules[i], f, &list[n++]);
	if (f->kind == FIDELITY_SAMPLE)
		sides(f, &list[n++]);
	return n;
}

enum met target_met(const struct target *t)
{
	if (t->rows[MET_NO])
		return MET_NO;
	return t->rows[MET_YES] ? MET_YES : MET_NOISE;
}
