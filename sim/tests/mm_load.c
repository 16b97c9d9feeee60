/* See mm_load.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "sim/mm/abi.h"
#include "sim/tests/mm_load.h"

#define BASE 0x700000000000ULL
#define CROWD 0x600000000000ULL

struct step {
	struct task *t;
	struct mm *mm;
	const struct load *l;
	uint64_t region, bits;
};

/* Take @n values out of the step's random bits. */
static uint64_t pick(struct step *s, uint64_t below)
{
	uint64_t v = s->bits % below;

	s->bits = s->bits / below + 0x9e3779b97f4a7c15ULL * (v + 1);
	return v;
}

static struct range pick_range(struct step *s, uint64_t max_pages)
{
	uint64_t page = pick(s, s->l->region_pages);
	uint64_t n = 1 + pick(s, max_pages);

	if (page + n > s->l->region_pages)
		n = s->l->region_pages - page;
	return (struct range){ s->region + page * PAGE,
			       s->region + (page + n) * PAGE };
}

static void do_mmap(struct step *s)
{
	static const uint64_t prots[] = { 3, 3, 3, 1, 0, 7 };
	static const uint64_t extra[] = { 0, 0, 0, ABI_MAP_POPULATE,
					  ABI_MAP_NORESERVE };
	struct range r = pick_range(s, 12);
	uint64_t prot = prots[pick(s, 6)], flags = extra[pick(s, 5)];
	bool file = pick(s, 8) == 0;

	sys_mmap(s->t, s->mm, r.start, range_bytes(r), prot,
		 flags | ABI_MAP_FIXED | 0x2 | (file ? 0 : ABI_MAP_ANONYMOUS),
		 file);
}

static void do_touch(struct step *s)
{
	struct range r = pick_range(s, 1);
	struct fault f = { .addr = r.start + 16, .write = pick(s, 3) > 0,
			   .user = pick(s, 10) > 0 };

	do_fault(s->t, s->mm, &f);
}

static void do_remap(struct step *s)
{
	struct range from = pick_range(s, 6), to = pick_range(s, 6);

	if (from.start < to.end && to.start < from.end)
		to = (struct range){ from.start, from.start + PAGE };
	sys_mremap(s->t, s->mm, from.start, range_bytes(from), range_bytes(to),
		   ABI_MREMAP_MAYMOVE | ABI_MREMAP_FIXED, to.start);
}

static void do_advise(struct step *s)
{
	static const uint64_t advice[] = {
		ABI_MADV_DONTNEED, ABI_MADV_DONTNEED, ABI_MADV_FREE,
		ABI_MADV_POPULATE_WRITE, ABI_MADV_POPULATE_READ,
		ABI_MADV_DONTFORK, ABI_MADV_DOFORK, ABI_MADV_COLD,
	};
	struct range r = pick_range(s, 8);

	sys_madvise(s->t, s->mm, r.start, range_bytes(r), advice[pick(s, 8)]);
}

static void one_step(struct step *s)
{
	uint64_t what = pick(s, 20);
	struct range r;

	if (what < 5) {
		do_mmap(s);
	} else if (what < 12) {
		do_touch(s);
	} else if (what < 14) {
		r = pick_range(s, 10);
		sys_munmap(s->t, s->mm, r.start, range_bytes(r));
	} else if (what < 16) {
		r = pick_range(s, 8);
		sys_mprotect(s->t, s->mm, r.start, range_bytes(r),
			     pick(s, 3) ? 3 : 1);
	} else if (what < 18) {
		do_advise(s);
	} else if (what < 19) {
		do_remap(s);
	} else {
		r = pick_range(s, 4);
		sys_mlock(s->t, s->mm, r.start, range_bytes(r), pick(s, 2));
	}
}

static void leave(struct task *t, struct mmfix *x)
{
	mmfix_op(t, 12);
	do_exit_mm(t, x->mm);
	mmfix_op(t, 13);
	do_exit(t);
}

/* Areas that do not merge, enough to fill slabs and to leave them empty. */
static void come_and_go(struct task *t, struct mm *mm, unsigned areas)
{
	for (unsigned i = 0; i < areas; i++)
		sys_mmap(t, mm, CROWD + i * PAGE, PAGE, i % 2 ? 1 : 3,
			 ABI_MAP_FIXED | 0x2 | ABI_MAP_ANONYMOUS, false);
	if (areas)
		sys_munmap(t, mm, CROWD, areas * PAGE);
}

static void worker(struct task *t, struct mmfix *x)
{
	struct load *l = x->arg;
	uint64_t bytes = (uint64_t)l->region_pages * PAGE;

	if (!script_of(t)->n)
		come_and_go(t, x->mm, l->crowd_areas);

	for (unsigned i = 0; i < l->ops; i++) {
		struct step s = {
			.t = t, .mm = x->mm, .l = l,
			.region = BASE + (l->shared ? 0 :
					  script_of(t)->n * bytes),
			.bits = draw(l->seed, script_of(t)->n, DRAW_TEST, i),
		};

		mmfix_op(t, (uint8_t)(i % 8));
		one_step(&s);
		work_ns(t, (int64_t)(s.bits % 3000), COST_ASSUMED);
		settle(t);
	}
	if (!--l->running)
		l->final_state = mm_final_state(x->mm);
	leave(t, x);
}

static void reader(struct task *t, struct mmfix *x)
{
	struct load *l = x->arg;

	for (unsigned i = 0; l->running; i++) {
		mmfix_op(t, 16);
		do_proc_read(t, x->mm, (enum proc_file)(i % 3));
		task_sleep_until(t, task_now(t) + 20000);
	}
	leave(t, x);
}

static void forker(struct task *t, struct mmfix *x)
{
	struct load *l = x->arg;

	for (unsigned i = 0; l->running; i++) {
		struct mm *child;

		mmfix_op(t, 8);
		if (!do_fork(t, x->mm, 100 + i, &child)) {
			mmfix_op(t, 11);
			task_set_mode(t, MODE_SYSTEM);
			mmput(t, child);
			task_set_mode(t, MODE_USER);
			settle(t);
			mm_forget(child);
		}
		task_sleep_until(t, task_now(t) + 300000);
	}
	leave(t, x);
}

static void vmallocer(struct task *t, struct mmfix *x)
{
	struct load *l = x->arg;
	struct vmap_area *held[4] = { 0 };

	for (unsigned i = 0; l->running || i < 40; i++) {
		struct vmap_request rq = { .size = (8 << 20) + PAGE };
		unsigned slot = i % 4;

		mmfix_op(t, 14);
		if (held[slot])
			do_vfree(t, held[slot]);
		mmfix_op(t, 13);
		do_vmalloc(t, &rq, &held[slot]);
		task_sleep_until(t, task_now(t) + 50000);
	}
	mmfix_op(t, 14);
	for (unsigned slot = 0; slot < 4; slot++)
		do_vfree(t, held[slot]);
	leave(t, x);
}

void load_start(struct mmfix *x, struct load *l)
{
	x->arg = l;
	l->running = LOAD_WORKERS;
	for (unsigned i = 0; i < LOAD_WORKERS; i++)
		mmfix_task(x, 1000 * i, worker);
	if (l->readers)
		mmfix_task(x, 5000, reader);
	if (l->forks)
		mmfix_task(x, 7000, forker);
	if (l->vmalloc)
		mmfix_task(x, 9000, vmallocer);
}

/* ---- what a run came to ---- */

static void nothing_held(const struct mmfix *x)
{
	for (unsigned h = 0; h < HOLD_COUNT; h++) {
		const struct hold_class *c =
			&x->f.metrics->holds[x->k->hold[h]];

		if (h >= HOLD_VMAP_AREA)	/* lazy areas may stay */
			continue;
		if (c->objects)
			fail_msg("%llu objects of %s are held at the end",
				 (unsigned long long)c->objects, c->name);
	}
}

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

void load_run(struct mmfix *x, struct load *l, bool eager, struct outcome *o)
{
	memset(o, 0, sizeof(*o));
	mmfix_open(x, l->seed);
	x->f.m.engine.eager = eager;
	load_start(x, l);
	mmfix_run(x);
	fixture_conserved(&x->f);
	assert_int_equal(mm_vma_count(x->mm), 0);
	assert_int_equal(x->mm->rss_pages, 0);
	nothing_held(x);
	assert_non_null(l->final_state);
	o->state = l->final_state;
	o->end_ns = x->f.m.end_ns;
	o->contacts = x->f.m.contacts;
	for (unsigned i = 0; i < COUNT_END; i++)
		o->counters[i] = mmfix_counter(x, (enum kernel_counter)i);
	for (uint32_t i = 0; i < x->f.m.cpu_count; i++)
		for (int mode = 0; mode < MODE_COUNT; mode++)
			o->mode_ns[mode] += x->f.m.cpus[i].mode_ns[mode];
	for (unsigned h = 0; h < HOLD_COUNT; h++) {
		const struct hold_class *c =
			&x->f.metrics->holds[x->k->hold[h]];

		o->peak_bytes += c->peak_bytes;
		o->reusable_byte_ns += (uint64_t)c->reusable_byte_ns;
	}
	outcome_locks(o, x->f.metrics);
	mmfix_close(x);
}

bool outcome_equal(const struct outcome *a, const struct outcome *b)
{
	struct outcome x = *a, y = *b;

	x.state = y.state = NULL;
	return !memcmp(&x, &y, sizeof(x)) && !strcmp(a->state, b->state);
}
