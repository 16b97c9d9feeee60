/*
 * Pins, for linear, global and nodes alike: after each of many random
 * operations by three tasks on two CPUs no two areas overlap, all are aligned
 * and inside of their range, a request fails only if no hole fits; every 101 events
 * the trees, pools and the ledger add up to the whole space; and running eagerly
 * changes nothing. MMREPLAY_LONG=1: 10^6 operations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>
#include "sim/policy/vmap/nodes.h"
#include "sim/tests/fixture_mm.h"

#define MODULES 0xffffffffa0000000ULL

enum { TASKS = 3, LIVE = 40, ROOM_PAGES = 512, LOW_PAGES = 16384 };

/** struct world - the array: [0] a small range of its own, [1] vmalloc's */
struct world {
	bool taken[2][LOW_PAGES];
	uint64_t ops, digest, failed;
	bool first_fit;		/* the policy finds every hole */
};

static bool *pages_at(struct world *w, struct range r)
{
	bool own = r.start >= MODULES;
	uint64_t at = (r.start - (own ? MODULES : VMALLOC_START)) / PAGE;

	assert_true(at + range_pages(r) <= (own ? ROOM_PAGES : LOW_PAGES));
	return &w->taken[own ? 0 : 1][at];
}

static bool hole_fits(const bool *taken, uint64_t pages, uint64_t align)
{
	for (uint64_t at = 0; at + pages <= ROOM_PAGES; at += align) {
		uint64_t n = 0;

		while (n < pages && !taken[at + n])
			n++;
		if (n == pages)
			return true;
	}
	return false;
}

static struct vmap_area *take(struct task *t, struct world *w, uint64_t bits)
{
	uint64_t pages = 1 + draw_below(bits, 24), align = 1ULL << (bits % 5);
	bool own = bits & 2048;
	struct vmap_request rq = { .size = pages * PAGE, .align = align * PAGE };
	struct vmap_area *va;
	bool *p;

	if (own) {
		rq.vstart = MODULES;
		rq.vend = MODULES + ROOM_PAGES * (uint64_t)PAGE;
	}
	mmfix_op(t, 13);
	if (do_vmalloc(t, &rq, &va)) {
		assert_true(own);
		w->failed++;
		return NULL;
	}
	assert_int_equal(range_bytes(va->r), rq.size);
	assert_int_equal(va->r.start & (rq.align - 1), 0);
	assert_int_equal(va->r.start >= MODULES, own);
	p = pages_at(w, va->r);
	for (uint64_t i = 0; i < pages; i++) {
		assert_false(p[i]);
		p[i] = true;
	}
	w->digest = w->digest * 31 + va->r.start / PAGE;
	return va;
}

static void give(struct task *t, struct world *w, struct vmap_area *va)
{
	memset(pages_at(w, va->r), 0, range_pages(va->r));
	mmfix_op(t, 14);
	do_vfree(t, va);
}

static void load(struct task *t, struct mmfix *x)
{
	struct world *w = x->arg;
	uint64_t me = script_of(t)->n;
	struct vmap_area *live[LIVE];
	unsigned lives = 0;

	for (uint64_t i = 0; i < w->ops / TASKS; i++) {
		uint64_t bits = draw(11, me, DRAW_TEST, i);

		if (lives < LIVE && !(lives && (bits & 1024))) {
			live[lives] = take(t, w, bits);
			lives += live[lives] != NULL;
		} else {
			unsigned j = (unsigned)(bits >> 32) % lives;
			struct vmap_area *va = live[j];

			live[j] = live[--lives];
			give(t, w, va);
		}
	}
	while (lives)
		give(t, w, live[--lives]);
}

static void open_world(struct mmfix *x, struct world *w, const char *policy,
		       uint64_t ops, bool eager)
{
	static struct nodes_options o = { .pool_classes = MAX_VA_SIZE_PAGES };
	static const uint64_t limit[3] = { 200 };	/* else as by default: 0 */

	*w = (struct world){ .ops = ops };
	mmfix_config(x, 2);
	mmfix_policy(x, AXIS_VMAP, policy);
	o.lazy_max_pages = limit[0];
	x->cfg.policies.options[AXIS_VMAP] = !strcmp(policy, "nodes") ?
					     (void *)&o : (void *)(uintptr_t)limit;
	x->check_every = 101;
	x->arg = w;
	mmfix_open(x, 1);
	x->f.m.engine.eager = eager;
}

static void run_load(const char *policy, uint64_t ops, bool eager, uint64_t *digest)
{
	static struct world w;
	struct vmap_stat s = { 0 };
	struct mmfix x;

	open_world(&x, &w, policy, ops, eager);
	for (unsigned i = 0; i < TASKS; i++)
		mmfix_task(&x, 10 * i, load);
	mmfix_run(&x);
	assert_true(mmfix_counter(&x, COUNT_VMAP_PURGE) > ops / 200);
	assert_int_equal(mmfix_counter(&x, COUNT_VMAP_ALLOC_FAILED), w.failed);
	x.k->vmap->stat(x.k, &s);
	assert_int_equal(x.f.metrics->holds[x.k->hold[HOLD_VMAP]].bytes,
			 (s.nr_lazy_pages + s.pooled_pages) * PAGE);
	*digest = w.digest * 31 + (uint64_t)x.f.m.end_ns;
	for (unsigned c = 0; c < COUNT_END; c++)
		*digest = *digest * 31 + mmfix_counter(&x, (enum kernel_counter)c);
	mmfix_close(&x);
}

static const char *const policies[] = { "linear", "global", "nodes" };

static void t_against_array(void **state)
{
	uint64_t ops = getenv("MMREPLAY_LONG") ? 1000000 : 100000, digest;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		run_load(policies[i], ops, false, &digest);
}

static void t_eager_is_fast(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		uint64_t fast, eager;

		run_load(policies[i], 6000, false, &fast);
		run_load(policies[i], 6000, true, &eager);
		assert_int_equal(fast, eager);
	}
}

/* One task fills a range of its own: it fails only when no hole is left. */
static void fill(struct task *t, struct mmfix *x)
{
	struct world *w = x->arg;
	struct vmap_area *live[ROOM_PAGES];
	unsigned lives = 0;

	for (uint64_t i = 0; i < w->ops; i++) {
		uint64_t bits = draw(13, 0, DRAW_TEST, i) | 2048;
		uint64_t pages = 1 + draw_below(bits, 24);
		struct vmap_area *va = NULL;

		if (!lives || !(bits & 1024)) {
			bool fits = hole_fits(w->taken[0], pages,
					      1ULL << (bits % 5));

			va = take(t, w, bits);
			assert_true(!va || fits);
			assert_true(va || !fits || !w->first_fit);
		}
		if (va) {
			live[lives++] = va;
		} else if (lives) {
			unsigned j = (unsigned)(bits >> 32) % lives;

			va = live[j];
			live[j] = live[--lives];
			give(t, w, va);
		}
	}
	while (lives)
		give(t, w, live[--lives]);
}

static void t_full_range(void **state)
{
	static struct world w;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct mmfix x;

		open_world(&x, &w, policies[i], 6000, false);
		w.first_fit = i > 0;
		mmfix_task(&x, 0, fill);
		mmfix_run(&x);
		assert_true(w.failed > 0);
		mmfix_close(&x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_against_array),
		cmocka_unit_test(t_eager_is_fast),
		cmocka_unit_test(t_full_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
