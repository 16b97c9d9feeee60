/*
 * Valid combinations of policies run the same random load and must end in the
 * same state, with invariants checked on the way and nothing held at the end:
 * so many that each pair of values meets, with MMREPLAY_LONG all. Pins the
 * number of valid combinations and why others are refused; that each pair of
 * values of an axis differs somewhere, and what is inert nowhere. Pins no times.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "sim/tests/matrix.h"
#include "sim/tests/mm_load.h"

static struct outcome run_load(const struct matrix *m, bool eager, unsigned ops)
{
	struct load l = { .seed = m->seed, .ops = ops,
			  .region_pages = m->thp ? 1024 : 64,
			  .shared = m->shared,
			  .crowd_areas = !m->shared ? 0 :
				 getenv("MMREPLAY_LONG") ? 500 : 300,
			  .forks = true, .readers = true, .vmalloc = true };
	struct outcome o;
	struct mmfix x;

	mmfix_config(&x, 4);
	mmfix_bottlenecks(&x);
	x.cfg.policies = m->choice;
	x.cfg.thp = m->thp;
	x.check_every = 97;
	load_run(&x, &l, eager, &o);
	return o;
}

static void run_cell(struct matrix *m)
{
	unsigned ops = getenv("MMREPLAY_LONG") ? 150 : 50;
	struct outcome fast, eager;

	if (getenv("MMREPLAY_LONG"))	/* a broken invariant names no cell */
		print_message("%s\n", matrix_label(&m->choice));
	fast = run_load(m, false, ops);
	eager = run_load(m, true, ops);
	m->runs++;
	if (strcmp(fast.state, eager.state))
		fail_msg("eager: other state under %s", matrix_label(&m->choice));
	if (!outcome_equal(&fast, &eager))
		fail_msg("eager: other times under %s", matrix_label(&m->choice));
	free(eager.state);
	if (!m->state && !m->shared) {
		m->state = fast.state;
		return;
	}
	if (!m->shared && strcmp(m->state, fast.state))
		fail_msg("seed %llu: other final state under %s",
			 (unsigned long long)m->seed, matrix_label(&m->choice));
	free(fast.state);
}

static void all_cells(struct matrix *m)
{
	if (getenv("MMREPLAY_LONG"))
		matrix_all(m, run_cell);
	else
		matrix_cover(m, run_cell);
	print_message("%u cells\n", m->runs);
}

static void count_only(struct matrix *m)
{
	m->runs++;
}

static void t_valid_combinations(void **state)
{
	struct matrix m;

	(void)state;
	matrix_init(&m, 1);
	matrix_all(&m, count_only);
	assert_int_equal(m.runs, VALID_CELLS);
	/* here each value of an inert axis counts */
	assert_int_equal(m.valid, 2 * (16 + 6 + 9 + 12 + 6) * 4 * 6);
	assert_int_equal(m.valid + m.refused, 5 * 4 * 2 * 4 * 4 * 2 * 6);
	/* the other axes ask for nothing and take nothing away */
	for (int a = 0; a < AXIS_COUNT; a++) {
		bool is_bound = false;

		for (size_t i = 0; i < BOUND_COUNT; i++)
			is_bound |= (int)bound[i] == a;
		for (size_t v = 0; v < m.count[a] && !is_bound; v++) {
			matrix_set(&m, a, v);
			assert_int_equal(m.choice.on[a]->requires, 0);
			assert_int_equal(m.choice.on[a]->excludes, 0);
			assert_int_equal(m.choice.on[a]->inert, 0);
		}
	}
}

static void t_same_final_state(void **state)
{
	struct matrix m;

	(void)state;
	for (uint64_t seed = 1; seed <= 2; seed++) {
		matrix_init(&m, seed);
		m.thp = seed == 2 ? 2 : 0;	/* always */
		all_cells(&m);
		assert_true(m.runs > 20);
		free(m.state);
	}
}

/* Faults, readers and writers meet in the same areas: whatever happens, the
 * invariants hold, and both ways to run give the same bytes. */
static void t_racing_for_pages(void **state)
{
	struct matrix m;

	(void)state;
	matrix_init(&m, 3);
	m.shared = true;
	all_cells(&m);
}

/* ---- each value does something ---- */

/** struct values - what one axis did in one context */
struct values {
	bool ran[VALUES_MAX];
	struct outcome o[VALUES_MAX];
};

/* Every value of @a that is valid with the rest of @m; false: fewer than two. */
static bool run_values(struct matrix *m, int a, bool want_inert,
		       struct values *v)
{
	struct errbuf why = { 0 };
	unsigned n = 0;

	memset(v, 0, sizeof(*v));
	for (size_t i = 0; i < m->count[a]; i++) {
		matrix_set(m, a, i);
		v->ran[i] = !policy_check(&m->choice, &why) &&
			    !(policy_inert(&m->choice) & AXIS_BIT(a)) ==
			    !want_inert;
		n += v->ran[i];
	}
	for (size_t i = 0; i < m->count[a] && n > 1; i++)
		if (v->ran[i]) {
			matrix_set(m, a, i);
			v->o[i] = run_load(m, false, 60);
		}
	return n > 1;
}

static void free_values(struct values *v)
{
	for (size_t i = 0; i < VALUES_MAX; i++)
		free(v->o[i].state);
}

/* Pairs of values that may stand in the same place, and that differed there. */
struct differences {
	bool may[VALUES_MAX][VALUES_MAX], did[VALUES_MAX][VALUES_MAX];
};

static unsigned same_pairs(const struct matrix *m, int a,
			   const struct differences *d, bool say)
{
	unsigned n = 0;

	for (size_t i = 0; i < m->count[a]; i++)
		for (size_t j = i + 1; j < m->count[a]; j++) {
			if (!d->may[i][j] || d->did[i][j])
				continue;
			n++;
			if (say)
				print_message("%s: %s and %s never differ\n",
					      axis_names[a], m->names[a][i],
					      m->names[a][j]);
		}
	return n;
}

static void one_axis(int a)
{
	struct differences d = { 0 };
	struct matrix m;

	matrix_init(&m, 5);
	m.shared = true;
	for (uint64_t n = 0; n < 24; n++) {
		struct values v;

		matrix_random(&m, n);
		if (!run_values(&m, a, false, &v))
			continue;
		for (size_t i = 0; i < m.count[a]; i++)
			for (size_t j = i + 1; j < m.count[a]; j++) {
				if (!v.ran[i] || !v.ran[j])
					continue;
				d.may[i][j] = true;
				d.did[i][j] |= !outcome_equal(&v.o[i], &v.o[j]);
			}
		free_values(&v);
		if (n >= 8 && !same_pairs(&m, a, &d, false))
			break;
	}
	assert_int_equal(same_pairs(&m, a, &d, true), 0);
}

static void t_each_value_differs(void **state)
{
	(void)state;
	for (size_t i = 0; i < BOUND_COUNT; i++)
		one_axis((int)bound[i]);
	one_axis(AXIS_TLB_FLUSH);
	one_axis(AXIS_RWSEM);
}

/* What is inert changes not one figure. */
static void t_inert_is_inert(void **state)
{
	static const char *const locks[] = { "mm-wide", "per-vma-refcnt", "range",
					     "speculative" };

	(void)state;
	for (size_t l = 0; l < sizeof(locks) / sizeof(locks[0]); l++) {
		struct matrix m;

		matrix_init(&m, 6);
		m.shared = true;
		for (uint64_t n = 0;; n++) {
			matrix_random(&m, n);
			if (!strcmp(m.choice.on[AXIS_MM_LOCK]->name, locks[l]))
				break;
		}
		for (int a = 0; a < AXIS_COUNT; a++) {
			struct values v;
			size_t first = VALUES_MAX;

			if (!(policy_inert(&m.choice) & AXIS_BIT(a)))
				continue;
			assert_true(run_values(&m, a, true, &v));
			for (size_t i = 0; i < m.count[a]; i++) {
				if (!v.ran[i])
					continue;
				if (first == VALUES_MAX)
					first = i;
				assert_true(outcome_equal(&v.o[first], &v.o[i]));
			}
			free_values(&v);
		}
	}
}

/* The null kernel does nothing, in no time, without any policy. */
static void t_null_kernel(void **state)
{
	struct load l = { .seed = 1, .ops = 100, .region_pages = 64 };
	struct mmfix x;

	(void)state;
	mmfix_config(&x, 2);
	x.cfg.null_kernel = true;
	memset(&x.cfg.policies, 0, sizeof(x.cfg.policies));
	mmfix_open(&x, 1);
	load_start(&x, &l);
	mmfix_run(&x);
	assert_string_equal(l.final_state, "");
	free(l.final_state);
	mmfix_close(&x);
}

#define OUTLIVE " looks areas up without mmap_lock, so an area must outlive an RCU read section; vma_free: immediate does not give that"
#define WALK " walks the index without mmap_lock, so the index must bear a walk under RCU; vma_index: rbtree does not give that"
#define REUSE " does not go with vma_free: typesafe: it cannot see that an area was reused for another: that check is in the reference count"
#define STORE " stores areas in a maple tree; vma_index: rbtree does not give that"

static const char *const reasons[] = {
	"mm_lock: per-vma" OUTLIVE, "mm_lock: per-vma-refcnt" OUTLIVE,
	"mm_lock: speculative" OUTLIVE,
	"mm_lock: per-vma" WALK, "mm_lock: per-vma-refcnt" WALK,
	"mm_lock: range" WALK, "mm_lock: speculative" WALK,
	"mm_lock: per-vma" REUSE, "mm_lock: speculative" REUSE,
	"fork_copy: maple-store" STORE, "fork_copy: maple-bulk" STORE,
	"fork_copy: mt-dup" STORE,
	"fork_copy: rbtree links areas into a red-black tree; vma_index: maple does not give that",
};

enum { REASONS = sizeof(reasons) / sizeof(reasons[0]) };

static unsigned given[REASONS];

static void note_reason(const struct matrix *m, const char *why)
{
	for (size_t i = 0; i < REASONS; i++)
		if (!strcmp(reasons[i], why)) {
			given[i]++;
			return;
		}
	fail_msg("%s refused with a new reason: %s", matrix_label(&m->choice),
		 why);
}

/* Every sentence that refuses a combination, word for word; and each happens. */
static void t_reasons(void **state)
{
	struct errbuf why = { 0 };
	struct matrix m;
	struct mmfix x;

	(void)state;
	matrix_init(&m, 1);
	m.refuse = note_reason;
	matrix_all(&m, count_only);
	for (size_t i = 0; i < REASONS; i++)
		if (!given[i])
			fail_msg("nothing is refused because %s", reasons[i]);
	mmfix_config(&x, 1);
	assert_int_equal(policy_check(&x.cfg.policies, &why), 0);
	mmfix_policy(&x, AXIS_MM_LOCK, "mm-wide");
	assert_int_equal(policy_inert(&x.cfg.policies),
			 AXIS_BIT(AXIS_VMA_LOCK_PLACE) |
			 AXIS_BIT(AXIS_FAULT_SCOPE));
}

static void t_heads(void **state)
{
	size_t total = 0;

	(void)state;
	for (int a = 0; a < AXIS_COUNT; a++) {
		const char *const *names;
		size_t n;

		names = policy_names((enum axis)a, &n);
		assert_int_equal(axis_find(axis_names[a]), a);
		assert_true(n > 0);
		for (size_t i = 0; i < n; i++) {
			const struct policy_head *h =
				policy_find((enum axis)a, names[i]);

			assert_int_equal(h->abi, POLICY_ABI);
			assert_string_equal(h->axis, axis_names[a]);
			assert_true(h->models && strlen(h->models) > 8);
			assert_true(h->source && strlen(h->source) > 4);
			total++;
		}
	}
	assert_true(total >= 27);
	assert_int_equal(axis_find("nothing"), -1);
	assert_null(policy_find(AXIS_VMAP, "nothing"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_heads),
		cmocka_unit_test(t_reasons),
		cmocka_unit_test(t_valid_combinations),
		cmocka_unit_test(t_same_final_state),
		cmocka_unit_test(t_racing_for_pages),
		cmocka_unit_test(t_each_value_differs),
		cmocka_unit_test(t_inert_is_inert),
		cmocka_unit_test(t_null_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
