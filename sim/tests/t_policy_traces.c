/*
 * Policies on real captures, cut to a few thousand records, and a generated
 * trace for what two CPUs cannot show (sim/tests/data/cut): a pairwise-covering set of valid combinations, with
 * MMREPLAY_LONG all of them, keeps every invariant and ends in one state; and
 * each pair of values of an axis differs in the figure that it is about, in the
 * direction that it is about. Not pinned: how large a difference is.
 */
#include <unistd.h>
#include "sim/tests/matrix.h"
#include "sim/tests/t_replay_run.h"

#define DATA "sim/tests/data/cut/"
#define SAMPLES "../../../../traces/samples/"	/* from there */

enum { CHECK_EVERY = 1009, TEXT_MAX = 1 << 20 };

/** struct shot - one replay of one trace */
struct shot {
	struct rig g;
	struct mmt_reader *reader;
	char *state;
};

static const char *state_path(void)
{
	static char path[96];

	snprintf(path, sizeof(path), "%.40s/t_policy_traces.%ld.txt",
		 getenv("BUILD") ? getenv("BUILD") : "build", (long)getpid());
	return path;
}

static void shot_open(struct shot *s, const char *trace, const char *kernel)
{
	struct errbuf e = { 0 };
	char path[96];

	memset(s, 0, sizeof(*s));
	snprintf(path, sizeof(path), DATA "%s.mmt", trace);
	s->reader = mmt_open(path, 0, 0, &e);
	if (!s->reader)
		fail_msg("%s", e.text);
	rig_init(&s->g, kernel, "linux-6.18");
	s->g.c.check_every = CHECK_EVERY;
	s->g.c.final_state_path = state_path();
}

static void shot_run(struct shot *s)
{
	struct tb b = { .reader = s->reader };
	size_t n;
	FILE *f;

	rig_run(&s->g, &b);
	rig_accounts(&s->g);
	f = fopen(state_path(), "r");
	assert_non_null(f);
	s->state = xcalloc(1, TEXT_MAX);
	n = fread(s->state, 1, TEXT_MAX - 1, f);
	assert_true(n > 100 && n < TEXT_MAX - 1);
	fclose(f);
	unlink(state_path());
}

static void shot_close(struct shot *s)
{
	free(s->state);
	rig_release(&s->g);
	mmt_close(s->reader);
}

/* ---- every valid combination keeps the rules and the state ---- */

static const char *cut;		/* the capture that run_cell() replays */

static void run_cell(struct matrix *m)
{
	struct shot s;

	if (getenv("MMREPLAY_LONG"))	/* a broken invariant names no cell */
		print_message("%s: %s\n", cut, matrix_label(&m->choice));
	shot_open(&s, cut, "linux-6.18");
	s.g.kernel.policies = m->choice;
	shot_run(&s);
	m->runs++;
	if (m->state && strcmp(m->state, s.state))
		fail_msg("%s: other final state under %s", cut,
			 matrix_label(&m->choice));
	if (!m->state) {
		m->state = s.state;
		s.state = NULL;
	}
	shot_close(&s);
}

static void t_combinations_on_captures(void **state)
{
	static const char *const cuts[] = { "churn", "fork", "storm" };
	bool all = getenv("MMREPLAY_LONG") != NULL;

	(void)state;
	for (size_t i = 0; i < (all ? 3 : 1); i++) {
		struct matrix m;

		cut = cuts[i];
		matrix_init(&m, 1);
		if (all)
			matrix_all(&m, run_cell);
		else
			matrix_cover(&m, run_cell);
		print_message("%s: %u cells\n", cut, m.runs);
		assert_true(all ? m.runs == VALID_CELLS : m.runs > 20);
		free(m.state);
	}
}

/* ---- each pair differs, for its reason ---- */

static int64_t lock_total(const struct shot *s, const char *name,
			  int64_t (*of)(const struct lock_side_stats *))
{
	const struct metrics *m = s->g.r.metrics;
	int64_t sum = 0;

	for (uint32_t i = 0; i < m->lock_count; i++)
		for (int side = 0; side < SIDE_COUNT; side++)
			if (!strcmp(m->locks[i]->name, name))
				sum += of(&m->locks[i]->side[side]);
	return sum;
}

static int64_t acquired(const struct lock_side_stats *s)
{
	return (int64_t)s->acquired;
}

static int64_t sleeps(const struct lock_side_stats *s)
{
	return (int64_t)s->sleeps;
}

static int64_t spun(const struct lock_side_stats *s)
{
	return s->spin_ns;
}

static const struct hold_class *class_of(const struct shot *s, const char *name)
{
	const struct metrics *m = s->g.r.metrics;

	for (uint32_t i = 0; i < m->hold_count; i++)
		if (!strcmp(m->holds[i].name, name))
			return &m->holds[i];
	fail_msg("no class %s", name);
	return NULL;
}

static int64_t op_ns(const struct shot *s, enum op_kind kind)
{
	return (int64_t)s->g.r.metrics->latency_ns[kind].sum;
}

static int64_t mmap_locks(const struct shot *s)
{
	return lock_total(s, "mmap_lock", acquired);
}

static int64_t mmap_sleeps(const struct shot *s)
{
	return lock_total(s, "mmap_lock", sleeps);
}

static int64_t mmap_spin(const struct shot *s)
{
	return lock_total(s, "mmap_lock", spun);
}

static int64_t vma_locks(const struct shot *s)
{
	return lock_total(s, "vma_lock", acquired);
}

static int64_t line_time(const struct shot *s)
{
	int64_t sum = 0;

	for (int i = 0; i < OP_KIND_COUNT; i++)
		sum += s->g.r.op_time[i].line_ns;
	return sum;
}

static int64_t write_hold(const struct shot *s)
{
	const struct metrics *m = s->g.r.metrics;

	for (uint32_t i = 0; i < m->lock_count; i++)
		if (!strcmp(m->locks[i]->name, "mmap_lock"))
			return (int64_t)m->locks[i]->side[SIDE_WRITE].hold_ns.sum;
	return 0;
}

static int64_t fork_time(const struct shot *s)
{
	return op_ns(s, OP_FORK);
}

static int64_t munmap_time(const struct shot *s)
{
	return op_ns(s, OP_MUNMAP);
}

static int64_t vmalloc_time(const struct shot *s)
{
	return op_ns(s, OP_VMALLOC) + op_ns(s, OP_VFREE);
}

static int64_t faults_under_vma_lock(const struct shot *s)
{
	return (int64_t)rig_counter(&s->g, "vma_lock_success");
}

static int64_t area_byte_time(const struct shot *s)
{
	return (int64_t)(class_of(s, "vma")->byte_ns / 1000);
}

static int64_t area_bytes(const struct shot *s)
{
	const struct hold_class *h = class_of(s, "vma");

	assert_true(h->peak_objects > 0);
	return (int64_t)(h->peak_bytes / h->peak_objects);
}

static int64_t cache_hits(const struct shot *s)
{
	return (int64_t)rig_counter(&s->g, "vmacache_hit");
}

static int64_t tlb_interrupts(const struct shot *s)
{
	return (int64_t)rig_counter(&s->g, "tlb_ipi");
}

/* By how much all fall short of the longest. */
static int64_t period_spread(const struct shot *s)
{
	const struct hist *h = &s->g.r.rcu.period_ns;

	assert_true(h->count > 3);
	return h->max * (int64_t)h->count - (int64_t)h->sum;
}

enum { CHAIN_MAX = 6 };

/**
 * struct order_row - values of an axis by the figure that they are about: each
 * value of @less has strictly less than each of @more, or, without @more, than
 * the next of @less
 */
struct order_row {
	enum axis axis;
	const char *trace, *kernel;
	int64_t (*figure)(const struct shot *s);
	const char *reason;
	const char *less[CHAIN_MAX], *more[CHAIN_MAX];
};

static const struct order_row rows[] = {
	{ AXIS_MM_LOCK, "churn", "linux-6.12", mmap_locks,
	  "faults do not take mmap_lock",
	  { "per-vma", "per-vma-refcnt", "speculative" }, { "mm-wide", "range" } },
	{ AXIS_MM_LOCK, "churn", "linux-6.12", mmap_sleeps,
	  "sections of disjoint ranges do not wait for one another",
	  { "range" }, { "mm-wide" } },
	{ AXIS_MM_LOCK, "churn", "linux-6.12", faults_under_vma_lock,
	  "a speculative fault locks no area",
	  { "speculative" }, { "per-vma", "per-vma-refcnt" } },
	{ AXIS_MM_LOCK, "churn", "linux-6.12", area_bytes,
	  "one count in the area in place of a lock beside it",
	  { "per-vma-refcnt", "per-vma" }, { NULL } },
	{ AXIS_VMA_LOCK_PLACE, "churn", "linux-6.12", area_bytes,
	  "aligned objects are longer",
	  { "separate", "embedded" }, { "embedded-aligned", "separate-aligned" } },
	{ AXIS_VMA_LOCK_PLACE, "fork", "linux-6.12", fork_time,
	  "no second object is allocated for each area",
	  { "embedded", "embedded-aligned" }, { "separate", "separate-aligned" } },
	{ AXIS_MUNMAP, "churn", "linux-6.12", write_hold,
	  "pages are freed with the lock held for reading, not for writing",
	  { "downgrade", "exclusive" }, { NULL } },
	{ AXIS_VMA_FREE, "churn", "linux-6.1", area_byte_time,
	  "areas wait for a grace period, and before that for their group",
	  { "immediate", "rcu", "rcu-batched" }, { NULL } },
	{ AXIS_VMA_FREE, "churn", "linux-6.1", area_byte_time,
	  "type-safe areas wait for nothing",
	  { "typesafe" }, { "rcu", "rcu-batched" } },
	{ AXIS_VMA_FREE, SAMPLES "forker", "linux-6.1", area_byte_time,
	  "a slab that became empty waits for a grace period",
	  { "immediate", "typesafe" }, { NULL } },
	{ AXIS_FORK_COPY, "fork", "linux-6.1", fork_time,
	  "a store in a copied tree; a link at the right edge; a store where the last one ended, nodes reserved; a walk for each",
	  { "mt-dup", "rbtree", "maple-bulk", "maple-store" }, { NULL } },
	{ AXIS_VMA_INDEX, "fork", "linux-6.1", cache_hits,
	  "threads remember four areas of the red-black tree",
	  { "maple", "rbtree" }, { NULL } },
	{ AXIS_VMAP, "storm", "linux-6.1", vmalloc_time,
	  "few areas: one lock and a short walk beat trees; nobody contends, and nodes have more lines than three global trees",
	  { "linear", "global", "nodes" }, { NULL } },
	{ AXIS_RWSEM, "churn", "linux-6.1", mmap_spin,
	  "nobody spins; writers on writers; on readers for a time; readers as well",
	  { "no-spin", "4.14", "5.11", "5.3" }, { NULL } },
	{ AXIS_RWSEM, "churn", "linux-6.1", line_time,
	  "readers are published in a table that a writer looks through",
	  { "no-spin", "4.14", "5.11", "5.3" }, { "bravo" } },
	{ AXIS_FAULT_SCOPE, "fork", "linux-6.12", faults_under_vma_lock,
	  "each release handles more kinds of faults under the lock of the area",
	  { "none", "6.4", "6.6", "6.7", "6.10" }, { NULL } },
	{ AXIS_FAULT_SCOPE, "fork", "linux-6.12", faults_under_vma_lock,
	  "as 6.10, which has more than those before",
	  { "none", "6.4", "6.6", "6.7" }, { "6.17" } },
	{ AXIS_FAULT_SCOPE, "storm", "linux-6.12", vma_locks,
	  "madvise(MADV_DONTNEED) tries the lock of the area first",
	  { "6.10", "6.17" }, { NULL } },
	{ AXIS_TLB_FLUSH, "churn", "linux-6.12", munmap_time,
	  "the sender flushes its own TLB while the interrupts are on their way",
	  { "concurrent", "serial" }, { NULL } },
	{ AXIS_TLB_FLUSH, "wide", "linux-6.12", tlb_interrupts,
	  "a process on four CPUs or more has a global id and sends none",
	  { "broadcast" }, { "concurrent", "serial" } },
	{ AXIS_TLB_FLUSH, "wide", "linux-6.12", munmap_time,
	  "nobody is waited for; interrupts on their way meanwhile; afterwards",
	  { "broadcast", "concurrent", "serial" }, { NULL } },
	{ AXIS_RCU, "wide", "linux-6.12", period_spread,
	  "periods last as long as the CPUs take, not all the same time",
	  { "fixed", "tree" }, { NULL } },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* The value alone, but for the red-black tree, which comes with its copy. */
static void choose(struct policy_choice *c, enum axis axis, const char *value)
{
	struct errbuf e = { 0 };

	c->on[axis] = policy_find(axis, value);
	c->options[axis] = NULL;
	assert_non_null(c->on[axis]);
	if (!strcmp(value, "rbtree")) {
		c->on[AXIS_FORK_COPY] = policy_find(AXIS_FORK_COPY, value);
		c->on[AXIS_VMA_INDEX] = policy_find(AXIS_VMA_INDEX, value);
	}
	if (!strcmp(value, "per-vma-refcnt"))
		c->on[AXIS_VMA_FREE] = policy_find(AXIS_VMA_FREE, "typesafe");
	if (policy_check(c, &e))
		fail_msg("%s", e.text);
}

static int64_t figure_of(const struct order_row *r, const char *value)
{
	struct shot s;
	int64_t figure;

	shot_open(&s, r->trace, r->kernel);
	s.g.c.check_every = 0;		/* the first test looks at those */
	/* on the captures' machine a flush is the sender's exits, in any order,
	 * and nobody runs on four CPUs */
	if ((r->axis == AXIS_TLB_FLUSH || r->axis == AXIS_RCU) &&
	    profile_load("desktop-8cpu", &s.g.profile, &s.g.arena, &s.g.e))
		fail_msg("%s", s.g.e.text);
	choose(&s.g.kernel.policies, r->axis, value);
	/* the axis itself: no waits behind it, of pages and folios */
	s.g.kernel.bottlenecks = (struct bottlenecks){ .page_table_lock = true };
	s.g.captured.bottlenecks = s.g.kernel.bottlenecks;
	shot_run(&s);
	figure = r->figure(&s);
	shot_close(&s);
	return figure;
}

static void less(const struct order_row *r, const char *a, int64_t x,
		 const char *b, int64_t y)
{
	if (x >= y)
		fail_msg("%s on %s: %s has %lld, %s %lld; expected less, since: %s",
			 axis_names[r->axis], r->trace, a, (long long)x, b,
			 (long long)y, r->reason);
}

static void check_row(const struct order_row *r)
{
	int64_t few[CHAIN_MAX] = { 0 }, many[CHAIN_MAX] = { 0 };

	for (int i = 0; i < CHAIN_MAX && r->less[i]; i++)
		few[i] = figure_of(r, r->less[i]);
	for (int i = 0; i < CHAIN_MAX && r->more[i]; i++)
		many[i] = figure_of(r, r->more[i]);
	for (int i = 0; i < CHAIN_MAX && r->less[i]; i++) {
		for (int j = 0; j < CHAIN_MAX && r->more[j]; j++)
			less(r, r->less[i], few[i], r->more[j], many[j]);
		if (!r->more[0] && i + 1 < CHAIN_MAX && r->less[i + 1])
			less(r, r->less[i], few[i], r->less[i + 1], few[i + 1]);
	}
}

static void t_each_pair_has_its_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		check_row(&rows[i]);
}

static bool in(const char *const list[CHAIN_MAX], const char *name)
{
	for (int i = 0; i < CHAIN_MAX && list[i]; i++)
		if (!strcmp(list[i], name))
			return true;
	return false;
}

static bool orders(const struct order_row *r, const char *a, const char *b)
{
	if (r->more[0])
		return (in(r->less, a) && in(r->more, b)) ||
		       (in(r->less, b) && in(r->more, a));
	return in(r->less, a) && in(r->less, b);
}

static bool has_row(enum axis axis, const char *a, const char *b)
{
	for (size_t r = 0; r < ROWS; r++)
		if (rows[r].axis == axis && orders(&rows[r], a, b))
			return true;
	return false;
}

/* A value that is added needs a row: what is it about? */
static void t_no_pair_is_missing(void **state)
{
	(void)state;
	for (int a = 0; a < AXIS_COUNT; a++) {
		const char *const *names;
		size_t n;

		names = policy_names((enum axis)a, &n);
		for (size_t i = 0; i < n; i++)
			for (size_t j = i + 1; j < n; j++)
				if (!has_row((enum axis)a, names[i], names[j]))
					fail_msg("%s: no trace on which %s and %s differ",
						 axis_names[a], names[i],
						 names[j]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_combinations_on_captures),
		cmocka_unit_test(t_no_pair_is_missing),
		cmocka_unit_test(t_each_pair_has_its_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
