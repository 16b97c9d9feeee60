#ifndef MMREPLAY_TESTS_T_MACHINE_ACTOR_H
#define MMREPLAY_TESTS_T_MACHINE_ACTOR_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "sim/tests/fixture_machine.h"

/* Actors on a machine: each runs one body as a fiber and marks when and where. */

enum { MARKS = 8 };

struct actor {
	struct task t;
	void (*body)(struct actor *a);
	struct actor *peer;
	struct irq_request irq;
	sim_ns got_ns;		/* of a body that takes one lock */
	int result;
	sim_ns mark[MARKS];
	uint32_t cpu[MARKS];
	int marks;
	bool started;
};

static inline void mark(struct actor *a)
{
	assert_in_range(a->marks, 0, MARKS - 1);
	a->cpu[a->marks] = a->t.cpu->id;
	a->mark[a->marks++] = a->t.m->engine.now_ns;
}

static inline void settled_mark(struct actor *a)
{
	settle(&a->t);
	mark(a);
}

static void play(void *t)
{
	struct actor *a = ((struct task *)t)->owner;

	a->body(a);
}

static void step(struct task *t)
{
	struct actor *a = t->owner;

	if (a->started) {
		task_exit(t);
		return;
	}
	a->started = true;
	task_start_fiber(t, play, "an actor");
}

static struct fixture f;

static void actor(struct actor *a, uint32_t id, void (*b)(struct actor *),
		  uint32_t cpu, sim_ns at_ns)
{
	memset(a, 0, sizeof(*a));
	a->body = b;
	task_init(&f.m, &a->t, id, step, a);
	a->t.affinity = cpu;		/* + 1; 0 = any */
	task_launch(NULL, &a->t, at_ns);
}

static void run(void)
{
	machine_run(&f.m);
	assert_int_equal(f.m.tasks_alive, 0);
	fixture_conserved(&f);
}

#endif
