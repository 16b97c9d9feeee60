/*
 * Every valid combination of policies runs the same random load and must end
 * in the same state, with invariants checked on the way and nothing held at
 * the end. Pins the number of valid combinations and why others are refused.
 * Pins no times.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "sim/tests/mm_load.h"

struct matrix {
	struct policy_choice choice;
	const char *const *names[AXIS_COUNT];
	unsigned valid, refused, runs;
	uint64_t seed;
	uint32_t thp;
	bool shared;		/* tasks race for pages: states may differ */
	char *state;
};

static void nothing_held(const struct mmfix *x)
{
	for (unsigned h = 0; h < HOLD_COUNT; h++) {
		const struct hold_class *c =
			&x->f.metrics->holds[x->k->hold[h]];

		if (h == HOLD_VMAP)	/* lazy areas may stay */
			continue;
		if (c->objects)
			fail_msg("%llu objects of %s are held at the end",
				 (unsigned long long)c->objects, c->name);
	}
}

static const char *label(const struct policy_choice *c)
{
	static char text[512];
	size_t n = 0;

	for (int a = 0; a < AXIS_COUNT; a++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s=%s ",
				      axis_names[a], c->on[a]->name);
	return text;
}

/* All that must not differ between two runs of one configuration. */
struct outcome {
	char *state;
	int64_t end_ns, wait_ns, hold_ns;
	uint64_t counters[COUNT_END];
	uint64_t peak_bytes;
};

static void outcome_locks(struct outcome *o, const struct metrics *m)
{
	for (unsigned i = 0; i < m->lock_count; i++) {
		for (unsigned side = 0; side < SIDE_COUNT; side++) {
			const struct lock_side_stats *s =
				&m->locks[i]->side[side];

			o->wait_ns += (int64_t)s->wait_ns.sum;
			o->hold_ns += (int64_t)s->hold_ns.sum;
		}
	}
}

static struct outcome run_load(const struct matrix *m, bool eager, unsigned ops)
{
	struct load l = { .seed = m->seed, .ops = ops,
			  .region_pages = m->thp ? 1024 : 64,
			  .shared = m->shared,
			  .forks = true, .readers = true, .vmalloc = true };
	struct outcome o = { 0 };
	struct mmfix x;

	mmfix_config(&x, 4);
	x.cfg.policies = m->choice;
	x.cfg.thp = m->thp;
	x.check_every = 97;
	mmfix_open(&x, m->seed);
	x.f.m.engine.eager = eager;
	load_start(&x, &l);
	mmfix_run(&x);
	fixture_conserved(&x.f);
	assert_int_equal(mm_vma_count(x.mm), 0);
	assert_int_equal(x.mm->rss_pages, 0);
	nothing_held(&x);
	o.state = l.final_state;
	o.end_ns = x.f.m.end_ns;
	for (unsigned i = 0; i < COUNT_END; i++)
		o.counters[i] = mmfix_counter(&x, (enum kernel_counter)i);
	for (unsigned h = 0; h < HOLD_COUNT; h++)
		o.peak_bytes += x.f.metrics->holds[x.k->hold[h]].peak_bytes;
	outcome_locks(&o, x.f.metrics);
	mmfix_close(&x);
	assert_non_null(o.state);
	return o;
}

static void run_cell(struct matrix *m)
{
	unsigned ops = getenv("MMREPLAY_LONG") ? 400 : 40;
	struct outcome fast = run_load(m, false, ops);
	struct outcome eager = run_load(m, true, ops);

	m->runs++;
	if (strcmp(fast.state, eager.state))
		fail_msg("eager: other state under %s", label(&m->choice));
	free(eager.state);
	eager.state = fast.state;
	if (memcmp(&fast, &eager, sizeof(fast)))
		fail_msg("eager: other times under %s", label(&m->choice));
	if (!m->state && !m->shared) {
		m->state = fast.state;
		return;
	}
	if (!m->shared && strcmp(m->state, fast.state))
		fail_msg("seed %llu: other final state under %s",
			 (unsigned long long)m->seed, label(&m->choice));
	free(fast.state);
}

/* Each cell runs under the next rwsem in turn. */
static void next_rwsem(struct matrix *m)
{
	unsigned count = 0;

	while (m->names[AXIS_RWSEM][count])
		count++;
	m->choice.on[AXIS_RWSEM] = policy_find(AXIS_RWSEM,
		m->names[AXIS_RWSEM][m->runs % count]);
}

/* All values of axes @a and above; an axis that is inert takes its first. */
static void combine(struct matrix *m, int a, void (*cell)(struct matrix *))
{
	struct errbuf why = { 0 };
	uint64_t inert;

	if (a < AXIS_COUNT) {
		for (unsigned i = 0; m->names[a][i]; i++) {
			m->choice.on[a] = policy_find((enum axis)a,
						      m->names[a][i]);
			combine(m, a + 1, cell);
			if (a == AXIS_RWSEM)
				break;	/* goes with all: see next_rwsem() */
		}
		return;
	}
	if (policy_check(&m->choice, &why)) {
		assert_true(strlen(why.text) > 20);
		m->refused++;
		return;
	}
	m->valid++;
	inert = policy_inert(&m->choice);
	for (a = 0; a < AXIS_COUNT; a++)
		if ((inert & AXIS_BIT(a)) &&
		    strcmp(m->choice.on[a]->name, m->names[a][0]))
			return;
	next_rwsem(m);
	cell(m);
	m->choice.on[AXIS_RWSEM] = policy_find(AXIS_RWSEM,
					       m->names[AXIS_RWSEM][0]);
}

static void matrix_init(struct matrix *m, uint64_t seed)
{
	memset(m, 0, sizeof(*m));
	m->seed = seed;
	for (int a = 0; a < AXIS_COUNT; a++)
		m->names[a] = policy_names((enum axis)a, NULL);
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
	combine(&m, 0, count_only);
	/*
	 * mm-wide: 4 fork/index pairs x 2 munmap x 2 free x 2 tlb = 32, times
	 * 24 inert places and scopes; per-vma: 3 forks x 2 munmap x 2 tlb x 4
	 * places x 6 scopes = 288
	 */
	assert_int_equal(m.valid, 32 * 24 + 288);
	assert_int_equal(m.runs, 32 + 288);
	assert_int_equal(m.valid + m.refused, 2 * 4 * 2 * 2 * 4 * 2 * 6 * 2);
}

static void t_same_final_state(void **state)
{
	struct matrix m;

	(void)state;
	for (uint64_t seed = 1; seed <= 2; seed++) {
		matrix_init(&m, seed);
		m.thp = seed == 2 ? 2 : 0;	/* always */
		combine(&m, 0, run_cell);
		assert_int_equal(m.runs, 32 + 288);
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
	combine(&m, 0, run_cell);
	assert_int_equal(m.runs, 32 + 288);
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

static void refused_because(struct policy_choice c, enum axis a,
			    const char *name, const char *sentence)
{
	struct errbuf why = { 0 };

	c.on[a] = policy_find(a, name);
	assert_non_null(c.on[a]);
	assert_int_equal(policy_check(&c, &why), -EINVAL);
	assert_string_equal(why.text, sentence);
}

static void t_reasons(void **state)
{
	struct errbuf why = { 0 };
	struct mmfix x;

	(void)state;
	mmfix_config(&x, 1);
	assert_int_equal(policy_check(&x.cfg.policies, &why), 0);
	refused_because(x.cfg.policies, AXIS_VMA_FREE, "immediate",
			"mm_lock: per-vma looks areas up without mmap_lock, so an area must outlive an RCU read section; vma_free: immediate does not give that");
	refused_because(x.cfg.policies, AXIS_FORK_COPY, "rbtree",
			"fork_copy: rbtree links areas into a red-black tree; vma_index: maple does not give that");
	refused_because(x.cfg.policies, AXIS_VMA_INDEX, "rbtree",
			"mm_lock: per-vma walks the index without mmap_lock, so the index must bear a walk under RCU; vma_index: rbtree does not give that");
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
		cmocka_unit_test(t_null_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
