/*
 * Pins the virtual area space against a plain array of pages, page by page after
 * each random operation (no overlap, no leak, alignment, lowest fit), the four
 * kinds of fit, merging, and when the drain runs. MMREPLAY_LONG=1: 10^6
 * operations, each of them checked so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "sim/mm/vmap.h"
#include "sim/tests/fixture_mm.h"

enum { MODEL_PAGES = 512 };
#define ORIGIN 0xffffc90000000000ULL

struct space {
	struct vmap_pool pool;
	struct vmap_tree free;
};

static void space_init(struct space *s, uint64_t pages)
{
	memset(s, 0, sizeof(*s));
	pool_init(&s->pool.objects, sizeof(struct vmap_area));
	vmap_tree_init(&s->free);
	vmap_tree_insert(&s->free, vmap_area_new(&s->pool, 0, (struct range){
		ORIGIN, ORIGIN + pages * PAGE }));
}

static enum vmap_fit take(struct space *s, uint64_t pages, uint64_t align,
			  struct range *r)
{
	struct vmap_request rq = {
		.size = pages * PAGE, .align = align, .vstart = ORIGIN,
		.vend = ORIGIN + (MODEL_PAGES * (uint64_t)PAGE) };

	return vmap_alloc_lowest(&s->pool, 0, &s->free, &rq, r);
}

static void give(struct space *s, struct range r)
{
	vmap_merge_or_add(&s->pool, 0, &s->free,
			  vmap_area_new(&s->pool, 0, r));
}

static void t_fit_types(void **state)
{
	struct space s;
	struct range a, b, c;

	(void)state;
	space_init(&s, 8);
	assert_int_equal(take(&s, 1, PAGE, &a), FIT_LEFT);
	assert_int_equal(a.start, ORIGIN);
	assert_int_equal(take(&s, 2, 4 * PAGE, &b), FIT_MIDDLE);
	assert_int_equal(b.start, ORIGIN + 4 * PAGE);
	assert_int_equal(s.free.count, 2);		/* 1..3 and 6..7 */
	assert_int_equal(take(&s, 3, PAGE, &c), FIT_FULL);
	assert_int_equal(take(&s, 1, 8 * PAGE, &c), FIT_NONE);
	give(&s, a);
	assert_int_equal(take(&s, 1, PAGE, &a), FIT_FULL);
	assert_int_equal(take(&s, 3, PAGE, &c), FIT_NONE);
	give(&s, b);
	assert_int_equal(s.free.count, 1);		/* 4..7 again */
	assert_int_equal(take(&s, 2, 4 * PAGE, &b), FIT_LEFT);
	give(&s, b);
	give(&s, c = (struct range){ ORIGIN + PAGE, ORIGIN + 4 * PAGE });
	assert_int_equal(s.free.count, 1);		/* 1..7 */
	assert_int_equal(take(&s, 4, 4 * PAGE, &b), FIT_RIGHT);
	vmap_tree_check(&s.free);
	pool_release(&s.pool.objects);
}

/* the array: what is taken, and where the lowest fit is */
static uint64_t model_lowest(const bool *taken, uint64_t pages, uint64_t align)
{
	for (uint64_t at = 0; at + pages <= MODEL_PAGES; at += align) {
		uint64_t n = 0;

		while (n < pages && !taken[at + n])
			n++;
		if (n == pages)
			return at;
	}
	return UINT64_MAX;
}

/* The free tree is the array: what lies in no free area is taken, page by page. */
static void same_as_array(const struct space *s, const bool *taken)
{
	const struct vmap_area *v = TAILQ_FIRST(&s->free.list);

	for (uint64_t i = 0; i < MODEL_PAGES; i++) {
		uint64_t addr = ORIGIN + i * PAGE;

		while (v && v->r.end <= addr)
			v = TAILQ_NEXT(v, link);
		if (taken[i] == (v && v->r.start <= addr))
			fail_msg("page %llu: taken %d in the array",
				 (unsigned long long)i, taken[i]);
	}
}

static void t_against_array(void **state)
{
	uint64_t ops = getenv("MMREPLAY_LONG") ? 1000000 : 20000;
	struct range live[MODEL_PAGES];
	bool taken[MODEL_PAGES] = { 0 };
	unsigned lives = 0;
	struct space s;

	(void)state;
	space_init(&s, MODEL_PAGES);
	for (uint64_t i = 0; i < ops; i++) {
		uint64_t bits = draw(7, 0, DRAW_TEST, i);
		uint64_t pages = 1 + draw_below(bits, 24);
		uint64_t align = 1ULL << (bits % 5);
		bool full = lives && (bits & 1024);
		struct range r;

		if (!full) {
			uint64_t want = model_lowest(taken, pages, align);
			enum vmap_fit fit = take(&s, pages, align * PAGE, &r);

			assert_int_equal(fit == FIT_NONE, want == UINT64_MAX);
			if (fit == FIT_NONE) {
				full = lives > 0;
			} else {
				assert_int_equal(r.start, ORIGIN + want * PAGE);
				memset(taken + want, 1, pages);
				live[lives++] = r;
			}
		}
		if (full) {
			unsigned j = (unsigned)(bits >> 32) % lives;

			r = live[j];
			live[j] = live[--lives];
			memset(taken + (r.start - ORIGIN) / PAGE, 0,
			       range_pages(r));
			give(&s, r);
		}
		vmap_tree_check(&s.free);
		same_as_array(&s, taken);
	}
	while (lives)
		give(&s, live[--lives]);
	assert_int_equal(s.free.count, 1);
	assert_int_equal(s.free.bytes, MODEL_PAGES * (uint64_t)PAGE);
	pool_release(&s.pool.objects);
}

/* ---- the policy ---- */

static void pairs(struct task *t, struct mmfix *x)
{
	struct vmap_request rq = { .size = (1 << 20) };
	unsigned n = *(unsigned *)x->arg;

	for (unsigned i = 0; i < n; i++) {
		struct vmap_area *va;

		mmfix_op(t, 13);
		assert_int_equal(do_vmalloc(t, &rq, &va), 0);
		mmfix_op(t, 14);
		do_vfree(t, va);
	}
}

static uint64_t purges_after(unsigned mib, unsigned cpus, uint64_t *held)
{
	struct mmfix x;
	uint64_t n;

	mmfix_config(&x, cpus);
	x.arg = &mib;
	x.check_every = 1;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, pairs);
	mmfix_run(&x);
	n = mmfix_counter(&x, COUNT_VMAP_PURGE);
	*held = x.f.metrics->holds[x.k->hold[HOLD_VMAP]].bytes;
	mmfix_close(&x);
	return n;
}

/* lazy_max_pages = fls(CPUs) * 32 MiB: 64 MiB on 2 CPUs, 96 MiB on 4 */
static void t_drain_limit(void **state)
{
	uint64_t held;

	(void)state;
	assert_int_equal(purges_after(64, 2, &held), 0);
	assert_int_equal(held, 64 << 20);
	assert_int_equal(purges_after(65, 2, &held), 1);
	assert_int_equal(held, 0);
	assert_int_equal(purges_after(96, 4, &held), 0);
	assert_int_equal(purges_after(97, 4, &held), 1);
	assert_true(purges_after(700, 2, &held) >= 8);
}

static void own_range(struct task *t, struct mmfix *x)
{
	struct vmap_request module = { .size = 64 << 10, .align = PAGE,
				       .vstart = 0xffffffffa0000000ULL,
				       .vend = 0xffffffffa0020000ULL };
	struct vmap_area *va[3];

	(void)x;
	mmfix_op(t, 13);
	assert_int_equal(do_vmalloc(t, &module, &va[0]), 0);
	assert_int_equal(va[0]->r.start, module.vstart);
	assert_int_equal(do_vmalloc(t, &module, &va[1]), 0);
	assert_int_equal(do_vmalloc(t, &module, &va[2]), -EBUSY);
	do_vfree(t, va[0]);
	/* full, but a purge makes room: it is tried once */
	assert_int_equal(do_vmalloc(t, &module, &va[2]), 0);
	assert_int_equal(va[2]->r.start, module.vstart);
	do_vfree(t, va[1]);
	do_vfree(t, va[2]);
}

static void t_ranges_and_retry(void **state)
{
	struct mmfix x;

	(void)state;
	mmfix_config(&x, 2);
	x.check_every = 1;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, own_range);
	mmfix_run(&x);
	assert_int_equal(mmfix_counter(&x, COUNT_VMAP_ALLOC_FAILED), 1);
	mmfix_close(&x);
}

/* A drain interrupts every CPU but its own. */
static void t_drain_interrupts_all(void **state)
{
	unsigned mib = 97;
	struct mmfix x;

	(void)state;
	mmfix_config(&x, 4);
	x.arg = &mib;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, pairs);
	mmfix_run(&x);
	assert_int_equal(mmfix_counter(&x, COUNT_VMAP_PURGE), 1);
	assert_int_equal(mmfix_counter(&x, COUNT_TLB_IPI_KERNEL), 3);
	assert_int_equal(mmfix_counter(&x, COUNT_VMAP_PURGED_AREAS), 97);
	mmfix_close(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_fit_types),
		cmocka_unit_test(t_against_array),
		cmocka_unit_test(t_drain_limit),
		cmocka_unit_test(t_ranges_and_retry),
		cmocka_unit_test(t_drain_interrupts_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
