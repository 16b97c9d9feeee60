/*
 * --eager, in which every work() is an event, gives the same bytes as the fast
 * path, in which a task pays its debt when it looks at shared state: random
 * loads under random valid policies, on 1 to 8 CPUs with and without kernel
 * preemption. A difference means that state was read, or changed, with a debt
 * unpaid. The seed is printed; MMREPLAY_SEED=n runs that one alone, and
 * MMREPLAY_LONG=1 thousands.
 * Not pinned: any particular time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "sim/tests/matrix.h"
#include "sim/tests/mm_load.h"

/* Draws of one seed, by what they are for. */
static uint64_t die(uint64_t seed, uint32_t what, uint64_t sides)
{
	return draw_below(draw(seed, what, DRAW_TEST, 1), sides);
}

static void one_run(uint64_t seed, const struct matrix *m, bool eager,
		    struct outcome *o)
{
	struct load l = {
		.seed = seed, .ops = 20 + (unsigned)die(seed, 1, 30),
		.shared = die(seed, 2, 4),
		.crowd_areas = (unsigned)die(seed, 3, 300),
		.forks = die(seed, 4, 4), .readers = die(seed, 5, 4),
		.vmalloc = die(seed, 6, 4),
	};
	struct mmfix x;

	mmfix_config(&x, 1 + (uint32_t)die(seed, 7, 8));
	if (die(seed, 8, 4))
		mmfix_bottlenecks(&x);
	x.cfg.policies = m->choice;
	x.cfg.thp = (uint32_t)die(seed, 9, 3);
	l.region_pages = x.cfg.thp ? 1024 : 16 + (unsigned)die(seed, 10, 64);
	x.f.profile.preempt = (uint32_t)die(seed, 11, 3);
	x.f.profile.time_slice_ns = 50000 << die(seed, 12, 7);
	x.check_every = 997;
	load_run(&x, &l, eager, o);
}

static void t_random_loads(void **state)
{
	const char *chosen = getenv("MMREPLAY_SEED");
	uint64_t first = chosen ? strtoull(chosen, NULL, 0) : 1;
	uint64_t count = chosen ? 1 : getenv("MMREPLAY_LONG") ? 3000 : 8;
	struct matrix m;

	(void)state;
	matrix_init(&m, 1);
	for (uint64_t seed = first; seed < first + count; seed++) {
		struct outcome fast, eager;

		matrix_random(&m, seed);
		print_message("# seed %llu: %s\n", (unsigned long long)seed,
			      matrix_label(&m.choice));
		one_run(seed, &m, false, &fast);
		one_run(seed, &m, true, &eager);
		if (!outcome_equal(&fast, &eager))
			fail_msg("seed %llu: other times with --eager",
				 (unsigned long long)seed);
		free(fast.state);
		free(eager.state);
	}
	print_message("## random loads and policies: seeds %llu to %llu, --eager and the fast path the same\n",
		      (unsigned long long)first,
		      (unsigned long long)(first + count - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_random_loads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
