/*
 * Fibers: the pool, the switch, and what is said when a stack overflows.
 *
 * Pinned: last in, first out; passing on from one to the next; locals and floating-point modes survive a
 * switch; more fibers than guard pages; an abandoned stack is usable again;
 * an overflow names its fiber, by guard page and by canary. Not pinned: speed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fenv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sim/base/mem.h"
#include "sim/engine/fiber_impl.h"

struct job {
	struct fiber_pool *p;
	struct fiber *f;
	struct job *next;
	int turns, steps;
	int rounding;
	bool ok;
};

static void count(void *arg)
{
	struct job *j = arg;
	volatile int local = 0;

	while (local < j->turns) {
		local++;
		j->steps = local;
		fiber_yield(j->p, j->f);
	}
}

static void t_pool(void **state)
{
	struct fiber_pool p;
	struct job a = { .turns = 2 }, b = { .turns = 1 };
	struct fiber *first;

	(void)state;
	fiber_pool_init(&p);
	a.p = b.p = &p;
	a.f = first = fiber_get(&p, count, &a, "a");
	b.f = fiber_get(&p, count, &b, "b");
	assert_int_equal(p.live, 2);
	assert_false(fiber_enter(&p, a.f));
	assert_false(fiber_enter(&p, b.f));
	assert_false(fiber_enter(&p, a.f));
	assert_int_equal(a.steps, 2);
	assert_true(fiber_enter(&p, b.f));
	assert_true(fiber_enter(&p, a.f));
	assert_int_equal(p.live, 0);
	a.f = fiber_get(&p, count, &a, "again");
	assert_ptr_equal(a.f, first);		/* the one given back last */
	fiber_enter(&p, a.f);
	fiber_abandon(&p, a.f);
	b.f = fiber_get(&p, count, &b, "after an abandoned one");
	assert_ptr_equal(b.f, first);
	assert_false(fiber_enter(&p, b.f));
	assert_true(fiber_enter(&p, b.f));
	fiber_pool_release(&p);
}

/* Goes on to the next one each time, round the ring. */
static void pass_on(void *arg)
{
	struct job *j = arg;
	volatile int local = 0;

	while (local < j->turns) {
		local++;
		j->steps = local;
		fiber_pass(j->p, j->f, j->next->f);
	}
}

static void t_pass(void **state)
{
	struct fiber_pool p;
	struct job j[3] = { { .turns = 5 }, { .turns = 4 }, { .turns = 9 } };

	(void)state;
	fiber_pool_init(&p);
	p.created = FIBER_GUARDED_MAX;		/* canaries are looked at, too */
	for (int i = 0; i < 3; i++) {
		j[i].p = &p;
		j[i].next = &j[(i + 1) % 3];
		j[i].f = fiber_get(&p, pass_on, &j[i], "of a ring");
	}
	/* the second one is the first to be through, and ends for the engine */
	assert_true(fiber_enter(&p, j[0].f));
	assert_null(p.running);
	assert_int_equal(p.live, 2);
	assert_int_equal(j[0].steps, 5);
	assert_int_equal(j[1].steps, 4);
	assert_int_equal(j[2].steps, 4);
	j[0].next = j[2].next = &j[0];
	assert_true(fiber_enter(&p, j[2].f));	/* 2 to 0, which ends */
	assert_int_equal(j[2].steps, 5);
	assert_int_equal(p.live, 1);
	fiber_abandon(&p, j[2].f);
	fiber_pool_release(&p);
}

static void keep_rounding(void *arg)
{
	struct job *j = arg;

	fesetround(j->rounding);
	fiber_yield(j->p, j->f);
	j->ok = fegetround() == j->rounding;
}

static void t_modes(void **state)
{
	struct fiber_pool p;
	struct job up = { .rounding = FE_UPWARD }, down = { .rounding = FE_DOWNWARD };

	(void)state;
	fiber_pool_init(&p);
	up.p = down.p = &p;
	up.f = fiber_get(&p, keep_rounding, &up, "up");
	down.f = fiber_get(&p, keep_rounding, &down, "down");
	fiber_enter(&p, up.f);
	assert_int_equal(fegetround(), FE_TONEAREST);
	fiber_enter(&p, down.f);
	assert_true(fiber_enter(&p, up.f));
	assert_true(fiber_enter(&p, down.f));
	assert_true(up.ok);
	assert_true(down.ok);
	assert_int_equal(fegetround(), FE_TONEAREST);
	fiber_pool_release(&p);
}

static void t_many(void **state)
{
#ifdef __SANITIZE_THREAD__
	enum { MANY = 4000 };		/* its own limit is 8128 */
#else
	enum { MANY = FIBER_GUARDED_MAX + 1000 };
#endif
	struct fiber_pool p;
	struct job *j = xcalloc(MANY, sizeof(*j));

	(void)state;
	fiber_pool_init(&p);
	for (int i = 0; i < MANY; i++) {
		j[i].p = &p;
		j[i].turns = 1;
		j[i].f = fiber_get(&p, count, &j[i], "one of many");
		assert_non_null(j[i].f);
		fiber_enter(&p, j[i].f);
	}
	assert_int_equal(p.live, MANY);
	for (int i = 0; i < MANY; i++)
		assert_true(fiber_enter(&p, j[i].f));
	fiber_pool_release(&p);
	free(j);
}

static void t_limit(void **state)
{
	struct fiber_pool p;

	(void)state;
	fiber_pool_init(&p);
	p.live = FIBER_MAX;
	assert_null(fiber_get(&p, count, NULL, "one too many"));
	p.live = 0;
	fiber_pool_release(&p);
}

/* ---- overflow, in a child ---- */

static int __attribute__((noinline)) deep(volatile char *up, int n)
{
	volatile char frame[1024];

	frame[0] = up ? up[0] : 1;
	return n ? deep(frame, n - 1) + frame[0] : frame[0];
}

static void overflow(void *arg)
{
	(void)arg;
	deep(NULL, 1 << 20);
}

/* Every byte written, as deep as one stack and some of the next below. */
static int __attribute__((noinline)) dense(int n)
{
	volatile char frame[256];

	for (int i = 0; i < 256; i++)
		frame[i] = (char)n;
	return n ? dense(n - 1) + frame[n % 256] : frame[0];
}

static void over_and_back(void *arg)
{
	struct job *j = arg;

	dense(FIBER_STACK_BYTES / 256);
	fiber_yield(j->p, j->f);
}

/* The fifth of its slab: it runs over the stacks of the first four. */
static void child(bool guarded, void (*fn)(void *arg))
{
	struct rlimit none = { 0, 0 };
	struct fiber_pool p;
	struct job j = { .p = &p };

	setrlimit(RLIMIT_CORE, &none);
	fiber_pool_init(&p);
	if (!guarded)
		p.created = FIBER_GUARDED_MAX;
	for (int i = 0; i < 4; i++)
		fiber_get(&p, fn, &j, "a neighbour");
	j.f = fiber_get(&p, fn, &j, "munmap under downgrade");
	fiber_enter(&p, j.f);
	_exit(0);
}

static void overflow_is_named(bool guarded, void (*fn)(void *arg))
{
	char text[512] = "";
	size_t got = 0;
	ssize_t n;
	int fd[2], status;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	if (!pid) {
		dup2(fd[1], STDERR_FILENO);
		child(guarded, fn);
	}
	close(fd[1]);
	while (got < sizeof(text) - 1 &&
	       (n = read(fd[0], text + got, sizeof(text) - 1 - got)) > 0)
		got += (size_t)n;
	close(fd[0]);
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
	assert_non_null(strstr(text, "mmreplay: fiber stack overflow in "
			       "munmap under downgrade\n"));
}

static void t_overflow_guard(void **state)
{
	(void)state;
	overflow_is_named(true, overflow);
}

static void t_overflow_canary(void **state)
{
	(void)state;
	overflow_is_named(false, over_and_back);
}

static void t_overflow_slab(void **state)
{
	(void)state;
	overflow_is_named(false, overflow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_pool),
		cmocka_unit_test(t_pass),
		cmocka_unit_test(t_modes),
		cmocka_unit_test(t_many),
		cmocka_unit_test(t_limit),
		cmocka_unit_test(t_overflow_guard),
		cmocka_unit_test(t_overflow_canary),
		cmocka_unit_test(t_overflow_slab),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
