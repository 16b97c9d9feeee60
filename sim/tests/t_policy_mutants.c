/*
 * Pins that no lock call of a policy can be deleted unnoticed: each call is
 * switched off in turn, the random load runs in a child process, and an
 * invariant must stop it. The policies' own source is compiled here, with the
 * calls behind switches.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "sim/mm/range_lock.h"
#include "sim/mm/refcount.h"
#include "sim/mm/vmap.h"
#include "sim/tests/mm_load.h"

enum cut {
	CUT_NOTHING, CUT_DOWN_WRITE, CUT_DOWN_READ, CUT_TRY_READ,
	CUT_START_WRITE, CUT_MMAP_WRITE_LOCK, CUT_DOWNGRADE, CUT_DUP_LOCK,
	CUT_SPIN_FREE, CUT_SPIN_BUSY, CUT_SPIN_LAZY, CUT_SPIN_BATCH,
	CUT_REF_READ, CUT_REF_EXCLUDE, CUT_REF_DETACH, CUT_VALID, CUT_SEQUENCE,
	CUT_RANGE_WRITE, CUT_RANGE_READ, CUT_RANGE_DOWNGRADE,
	CUT_PURGE, CUT_RCU, CUT_RCU_END
};

static enum cut cut;		/* set in the child, before it runs */

#define IS_PURGE(s) (!strcmp((s)->cls->name, "vmap_purge_lock"))
#define IS_MMAP(s) ((s)->cls == kernel_of(t)->mmap_lock_class)

/* -- what the policies call, each behind its switch -- */

static int cut_down_write_killable(struct task *t, struct rwsem *s)
{
	return cut == CUT_DOWN_WRITE && IS_MMAP(s) ? 0 :
	       down_write_killable(t, s);
}

static void cut_down_write(struct task *t, struct rwsem *s)
{
	if (cut == CUT_PURGE && IS_PURGE(s))
		return;
	if (cut == CUT_DOWN_WRITE && IS_MMAP(s))
		return;
	if (cut == CUT_START_WRITE && !IS_MMAP(s))
		return;
	down_write(t, s);
}

static bool cut_down_write_trylock(struct task *t, struct rwsem *s)
{
	return cut == CUT_PURGE && IS_PURGE(s) ? true :
	       down_write_trylock(t, s);
}

static void cut_up_write(struct task *t, struct rwsem *s)
{
	if (cut == CUT_PURGE && IS_PURGE(s))
		return;
	if (cut == CUT_START_WRITE && !IS_MMAP(s))
		return;
	up_write(t, s);
}

static int cut_down_read_killable(struct task *t, struct rwsem *s)
{
	return cut == CUT_DOWN_READ ? 0 : down_read_killable(t, s);
}

static void cut_up_read(struct task *t, struct rwsem *s)
{
	/* a downgraded writer still has a read lock to give back */
	if (cut == CUT_DOWN_READ && IS_MMAP(s) && !s->readers)
		return;
	if (cut == CUT_TRY_READ && !IS_MMAP(s))
		return;
	up_read(t, s);
}

static void cut_down_read(struct task *t, struct rwsem *s)
{
	if (cut != CUT_DOWN_READ)
		down_read(t, s);
}

static bool cut_down_read_trylock(struct task *t, struct rwsem *s)
{
	if ((cut == CUT_TRY_READ && !IS_MMAP(s)) ||
	    (cut == CUT_DOWN_READ && IS_MMAP(s)))
		return true;
	return down_read_trylock(t, s);
}

static int cut_mmap_write_lock(struct task *t, struct mm *mm, struct range r,
			       bool killable)
{
	return cut == CUT_MMAP_WRITE_LOCK ? 0 :
	       mmap_write_lock(t, mm, r, killable);
}

static void cut_mmap_write_downgrade(struct task *t, struct mm *mm,
				     struct range r)
{
	if (cut != CUT_DOWNGRADE)
		mmap_write_downgrade(t, mm, r);
}

static int cut_dup_mmap_lock(struct task *t, struct mm *parent,
			     struct mm *child)
{
	return cut == CUT_DUP_LOCK ? 0 : dup_mmap_lock(t, parent, child);
}

static bool spin_cut(const struct spinlock *l)
{
	return (cut == CUT_SPIN_FREE &&
		!strcmp(l->cls->name, "free_vmap_area_lock")) ||
	       (cut == CUT_SPIN_BUSY && !strcmp(l->cls->name, "vmap_area_lock")) ||
	       (cut == CUT_SPIN_LAZY &&
		!strcmp(l->cls->name, "purge_vmap_area_lock")) ||
	       (cut == CUT_SPIN_BATCH &&
		!strcmp(l->cls->name, "vma_free_list_lock"));
}

static void cut_spin_lock(struct task *t, struct spinlock *l)
{
	if (!spin_cut(l))
		spin_lock(t, l);
}

static void cut_spin_unlock(struct task *t, struct spinlock *l)
{
	if (!spin_cut(l))
		spin_unlock(t, l);
}

static bool uncounted[SCRIPT_TASKS_MAX];	/* inside, without a reference */

static bool cut_refcount_inc(struct task *t, struct line *l, uint32_t *r,
			     uint32_t limit, uint32_t *old)
{
	if (cut != CUT_REF_READ)
		return refcount_inc_not_zero_limited(t, l, r, limit, old);
	uncounted[t->id] = true;
	*old = 1;
	return true;
}

static bool cut_refcount_add(struct task *t, struct line *l, uint32_t *r,
			     uint32_t n)
{
	return cut != CUT_REF_EXCLUDE && refcount_add_not_zero(t, l, r, n);
}

static uint32_t cut_refcount_sub(struct task *t, struct line *l, uint32_t *r,
				 uint32_t n)
{
	if (uncounted[t->id]) {
		uncounted[t->id] = false;
		return 1;
	}
	return refcount_sub(t, l, r, n);
}

static bool always(struct task *t, struct vma *v, uint32_t seq)
{
	(void)v, (void)seq;
	settle(t);
	return true;
}

static enum fault_result
cut_speculative(struct task *t, struct vma *v, struct fault *f,
		bool (*valid)(struct task *, struct vma *, uint32_t),
		uint32_t seq)
{
	return handle_speculative_fault(t, v, f, cut == CUT_VALID ? always :
					valid, seq);
}

static void cut_rcu_read_lock(struct task *t, struct rcu_state *r)
{
	if (cut != CUT_RCU)
		rcu_read_lock(t, r);
}

static void cut_rcu_read_unlock(struct task *t, struct rcu_state *r)
{
	if (cut != CUT_RCU && cut != CUT_RCU_END)
		rcu_read_unlock(t, r);
}

#define rcu_read_lock cut_rcu_read_lock
#define rcu_read_unlock cut_rcu_read_unlock
#define down_write_trylock cut_down_write_trylock
#define down_write_killable cut_down_write_killable
#define down_write cut_down_write
#define up_write cut_up_write
#define down_read_killable cut_down_read_killable
#define down_read cut_down_read
#define up_read cut_up_read
#define down_read_trylock cut_down_read_trylock
#define mmap_write_lock cut_mmap_write_lock
#define mmap_write_downgrade cut_mmap_write_downgrade
#define dup_mmap_lock cut_dup_mmap_lock
#define spin_lock cut_spin_lock
#define spin_unlock cut_spin_unlock

#define refcount_inc_not_zero_limited cut_refcount_inc
#define refcount_add_not_zero cut_refcount_add
#define refcount_sub cut_refcount_sub
#define handle_speculative_fault cut_speculative

/* what they share, compiled here with the calls behind their switches */
#define mmap_sem_init mutant_sem_init
#define mmap_sem_release mutant_sem_release
#define mmap_sem_write mutant_sem_write
#define mmap_sem_downgrade mutant_sem_downgrade
#define mmap_sem_write_end mutant_sem_write_end
#define mmap_sem_read mutant_sem_read
#define mmap_sem_read_trylock mutant_sem_read_trylock
#define mmap_sem_read_end mutant_sem_read_end
#define mmap_sem_write_held mutant_sem_write_held
#include "sim/mm/mmap_sem.c"

/* Without its file a policy is an empty table, and its rows are skipped. */
#define mm_lock_mm_wide mutant_mm_wide
#if __has_include("sim/policy/mm_lock/mm_wide.c")
#include "sim/policy/mm_lock/mm_wide.c"
#else
static const struct mm_lock_ops mutant_mm_wide;
#endif
#define mm_lock_per_vma mutant_per_vma
#if __has_include("sim/policy/mm_lock/per_vma.c")
#include "sim/policy/mm_lock/per_vma.c"
#else
static const struct mm_lock_ops mutant_per_vma;
#endif
#define lock_vma_under_rcu rc_lock_vma_under_rcu
#define is_write_locked rc_is_write_locked
#define vma_start_read rc_vma_start_read
#define vma_end_read rc_vma_end_read
#define mm_lock_per_vma_refcnt mutant_refcnt
#if __has_include("sim/policy/mm_lock/per_vma_refcnt.c")
#include "sim/policy/mm_lock/per_vma_refcnt.c"
#else
static const struct mm_lock_ops mutant_refcnt;
#endif
#define mm_lock_range mutant_range
#if __has_include("sim/policy/mm_lock/range.c")
#include "sim/policy/mm_lock/range.c"
#else
static const struct mm_lock_ops mutant_range;
#endif
#define mm_lock_speculative mutant_speculative
#if __has_include("sim/policy/mm_lock/speculative.c")
#include "sim/policy/mm_lock/speculative.c"
#else
static const struct mm_lock_ops mutant_speculative;
#endif
#define vma_free_rcu_batched mutant_batched
#if __has_include("sim/policy/vma_free/rcu_batched.c")
#include "sim/policy/vma_free/rcu_batched.c"
#else
static const struct vma_free_ops mutant_batched;
#endif
#define munmap_exclusive mutant_exclusive
#if __has_include("sim/policy/munmap/exclusive.c")
#include "sim/policy/munmap/exclusive.c"
#else
static const struct munmap_ops mutant_exclusive;
#endif
#define munmap_downgrade mutant_downgrade
#if __has_include("sim/policy/munmap/downgrade.c")
#include "sim/policy/munmap/downgrade.c"
#else
static const struct munmap_ops mutant_downgrade;
#endif
#define fork_copy_mt_dup mutant_mt_dup
#if __has_include("sim/policy/fork_copy/mt_dup.c")
#include "sim/policy/fork_copy/mt_dup.c"
#else
static const struct fork_ops mutant_mt_dup;
#endif
#define fork_copy_maple_bulk mutant_maple_bulk
#if __has_include("sim/policy/fork_copy/maple_bulk.c")
#include "sim/policy/fork_copy/maple_bulk.c"
#else
static const struct fork_ops mutant_maple_bulk;
#endif
#define fork_copy_maple_store mutant_maple_store
#if __has_include("sim/policy/fork_copy/maple_store.c")
#include "sim/policy/fork_copy/maple_store.c"
#else
static const struct fork_ops mutant_maple_store;
#endif
#define fork_copy_rbtree mutant_rbtree
#if __has_include("sim/policy/fork_copy/rbtree.c")
#include "sim/policy/fork_copy/rbtree.c"
#else
static const struct fork_ops mutant_rbtree;
#endif
#include "sim/policy/vmap/heap.c"
#define vmap_global mutant_global
#if __has_include("sim/policy/vmap/global.c")
#include "sim/policy/vmap/global.c"
#else
static const struct vmap_ops mutant_global;
#endif
#define vmap_linear mutant_linear
#if __has_include("sim/policy/vmap/linear.c")
#include "sim/policy/vmap/linear.c"
#else
static const struct vmap_ops mutant_linear;
#endif
#define free_vmap_area_noflush vn_free_vmap_area_noflush
#define WORKER_TASK_ID VN_WORKER_TASK_ID
#define vmap_nodes mutant_nodes
#if __has_include("sim/policy/vmap/nodes.c")
#include "sim/policy/vmap/nodes_pool.c"
#include "sim/policy/vmap/nodes_drain.c"
#include "sim/policy/vmap/nodes.c"
#else
static const struct vmap_ops mutant_nodes;
#endif

/* -- hooks of a lock that is its own, each behind its switch -- */

static void cut_ref_detach(struct task *t, struct vma *v)
{
	if (cut != CUT_REF_DETACH)
		mutant_refcnt.vma_detach(t, v);
}

static void cut_sequence(struct task *t, struct vma *v)
{
	if (cut != CUT_SEQUENCE)
		mutant_speculative.vma_start_write(t, v);
}

static int cut_range_write(struct task *t, struct mm *mm, struct range r,
			   bool killable)
{
	return cut == CUT_RANGE_WRITE ? 0 :
	       mutant_range.write_begin(t, mm, r, killable);
}

static int cut_range_read(struct task *t, struct mm *mm, struct range r,
			  bool killable)
{
	return cut == CUT_RANGE_READ ? 0 :
	       mutant_range.read_begin(t, mm, r, killable);
}

static void cut_range_read_end(struct task *t, struct mm *mm, struct range r)
{
	if (cut != CUT_RANGE_READ || range_held_by(mm->lock_state, t))
		mutant_range.read_end(t, mm, r);
}

static void cut_range_downgrade(struct task *t, struct mm *mm, struct range r)
{
	if (cut != CUT_RANGE_DOWNGRADE)
		mutant_range.write_to_read(t, mm, r);
}

static struct mm_lock_ops hooked_refcnt, hooked_range, hooked_speculative;

static void hook(void)
{
	hooked_refcnt = mutant_refcnt;
	hooked_refcnt.vma_detach = cut_ref_detach;
	hooked_speculative = mutant_speculative;
	hooked_speculative.vma_start_write = cut_sequence;
	hooked_range = mutant_range;
	hooked_range.write_begin = cut_range_write;
	hooked_range.read_begin = cut_range_read;
	hooked_range.read_end = cut_range_read_end;
	hooked_range.write_to_read = cut_range_downgrade;
}

/** struct mutant - @head takes the place of the policy on @axis */
struct mutant {
	enum cut cut;
	enum axis axis;
	const struct policy_head *head;
	void (*run)(const struct mutant *m);	/* NULL: the random load */
};

static const struct mutant mutants[] = {
	{ CUT_DOWN_WRITE, AXIS_MM_LOCK, &mutant_mm_wide.head, NULL },
	{ CUT_DOWN_READ, AXIS_MM_LOCK, &mutant_mm_wide.head, NULL },
	{ CUT_DOWN_WRITE, AXIS_MM_LOCK, &mutant_per_vma.head, NULL },
	{ CUT_DOWN_READ, AXIS_MM_LOCK, &mutant_per_vma.head, NULL },
	{ CUT_TRY_READ, AXIS_MM_LOCK, &mutant_per_vma.head, NULL },
	{ CUT_START_WRITE, AXIS_MM_LOCK, &mutant_per_vma.head, NULL },
	{ CUT_DOWN_WRITE, AXIS_MM_LOCK, &hooked_refcnt.head, NULL },
	{ CUT_DOWN_READ, AXIS_MM_LOCK, &hooked_refcnt.head, NULL },
	{ CUT_REF_READ, AXIS_MM_LOCK, &hooked_refcnt.head, NULL },
	{ CUT_REF_EXCLUDE, AXIS_MM_LOCK, &hooked_refcnt.head, NULL },
	{ CUT_REF_DETACH, AXIS_MM_LOCK, &hooked_refcnt.head, NULL },
	{ CUT_DOWN_WRITE, AXIS_MM_LOCK, &hooked_speculative.head, NULL },
	{ CUT_DOWN_READ, AXIS_MM_LOCK, &hooked_speculative.head, NULL },
	{ CUT_VALID, AXIS_MM_LOCK, &hooked_speculative.head, NULL },
	{ CUT_SEQUENCE, AXIS_MM_LOCK, &hooked_speculative.head, NULL },
	{ CUT_RANGE_WRITE, AXIS_MM_LOCK, &hooked_range.head, NULL },
	{ CUT_RANGE_READ, AXIS_MM_LOCK, &hooked_range.head, NULL },
	{ CUT_RANGE_DOWNGRADE, AXIS_MM_LOCK, &hooked_range.head, NULL },
	{ CUT_RCU, AXIS_MM_LOCK, &mutant_per_vma.head, NULL },
	{ CUT_RCU_END, AXIS_MM_LOCK, &mutant_per_vma.head, NULL },
	{ CUT_RCU, AXIS_MM_LOCK, &hooked_refcnt.head, NULL },
	{ CUT_RCU_END, AXIS_MM_LOCK, &hooked_refcnt.head, NULL },
	{ CUT_RCU, AXIS_MM_LOCK, &hooked_speculative.head, NULL },
	{ CUT_RCU_END, AXIS_MM_LOCK, &hooked_speculative.head, NULL },
	{ CUT_SPIN_BATCH, AXIS_VMA_FREE, &mutant_batched.head, NULL },
	{ CUT_MMAP_WRITE_LOCK, AXIS_MUNMAP, &mutant_exclusive.head, NULL },
	{ CUT_MMAP_WRITE_LOCK, AXIS_MUNMAP, &mutant_downgrade.head, NULL },
	{ CUT_DOWNGRADE, AXIS_MUNMAP, &mutant_downgrade.head, NULL },
	{ CUT_DUP_LOCK, AXIS_FORK_COPY, &mutant_mt_dup.head, NULL },
	{ CUT_DUP_LOCK, AXIS_FORK_COPY, &mutant_maple_bulk.head, NULL },
	{ CUT_DUP_LOCK, AXIS_FORK_COPY, &mutant_maple_store.head, NULL },
	{ CUT_DUP_LOCK, AXIS_FORK_COPY, &mutant_rbtree.head, NULL },
	{ CUT_SPIN_FREE, AXIS_VMAP, &mutant_global.head, NULL },
	{ CUT_SPIN_BUSY, AXIS_VMAP, &mutant_global.head, NULL },
	{ CUT_SPIN_LAZY, AXIS_VMAP, &mutant_global.head, NULL },
	{ CUT_PURGE, AXIS_VMAP, &mutant_global.head, NULL },
	{ CUT_PURGE, AXIS_VMAP, &mutant_linear.head, NULL },
	{ CUT_PURGE, AXIS_VMAP, &mutant_nodes.head, NULL },
};

static void run_mutant(const struct mutant *m)
{
	struct load l = { .ops = 400, .region_pages = 32, .shared = true,
			  .forks = true, .readers = true, .vmalloc = true };
	struct mmfix x;

	/* a cut run ends at the first broken invariant, mostly within 3; that
	 * whole policies run is what t_policy_matrix.c is about */
	uint64_t whole = getenv("MMREPLAY_LONG") ? 3 : 1;

	for (l.seed = 1; l.seed <= (cut == CUT_NOTHING ? whole : 64); l.seed++) {
		mmfix_config(&x, 4);
		mmfix_bottlenecks(&x);
		if (m->head == &mutant_rbtree.head) {
			mmfix_policy(&x, AXIS_MM_LOCK, "mm-wide");
			mmfix_policy(&x, AXIS_VMA_INDEX, "rbtree");
		}
		x.cfg.policies.on[m->axis] = m->head;
		/* wide windows: long faults, slow lines */
		fixture_cost(&x.f, COST_FAULT_SPURIOUS, 15000);
		fixture_cost(&x.f, COST_FAULT_ANON, 15000);
		fixture_cost(&x.f, COST_XFER_LLC, 2000);
		x.check_every = 5;
		mmfix_open(&x, l.seed);
		load_start(&x, &l);
		mmfix_run(&x);
		mmfix_close(&x);
		free(l.final_state);
	}
}

/* Return: the first line that the child wrote; "" if it ended well. */
static const char *stopped_by(const struct mutant *m, enum cut c)
{
	static char line[256];
	int fd[2], status;
	size_t got = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(fd[1], 2);
		close(fd[0]);
		cut = c;
		alarm(20);
		(m->run ? m->run : run_mutant)(m);
		_exit(0);
	}
	close(fd[1]);
	while (got < sizeof(line) - 1 &&
	       (n = read(fd[0], line + got, sizeof(line) - 1 - got)) > 0)
		got += (size_t)n;
	line[got] = '\0';
	line[strcspn(line, "\n")] = '\0';
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return "";
	return line;
}

static bool first_of_its_policy(size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (mutants[j].head == mutants[i].head)
			return false;
	return true;
}

static void t_lock_calls(void **state)
{
	(void)state;
	hook();
	for (size_t i = 0; i < sizeof(mutants) / sizeof(mutants[0]); i++) {
		const struct mutant *m = &mutants[i];
		const char *why;

		if (!m->head->name || !policy_find(m->axis, m->head->name))
			continue;
		why = first_of_its_policy(i) ? stopped_by(m, CUT_NOTHING) : "";
		if (*why)
			fail_msg("%s: %s with every lock: %s", m->head->axis,
				 m->head->name, why);
		why = stopped_by(m, m->cut);
		if (!strstr(why, "bug:"))
			fail_msg("%s: %s without lock call %d was not noticed: %s",
				 m->head->axis, m->head->name, (int)m->cut, why);
		print_message("%-10s %-12s cut %2d: %s\n", m->head->axis,
			      m->head->name, (int)m->cut, strstr(why, "bug:"));
	}
}

/* A forbidden combination, run all the same, is a use after free: some fault
 * finds the area just before it is unmapped and is slow to lock it. */
static void unmap_at_1ms(struct task *t, struct mmfix *x)
{
	mmfix_op(t, 0);
	sys_mmap(t, x->mm, PAGE, PAGE, 3, 0x22, false);
	task_sleep_until(t, 1000000);
	mmfix_op(t, 1);
	sys_munmap(t, x->mm, PAGE, PAGE);
}

static void one_fault(struct task *t, struct mmfix *x)
{
	struct fault f = { .addr = PAGE, .user = true };

	mmfix_op(t, 7);
	do_fault(t, x->mm, &f);
}

/* An interrupt keeps the fault busy with what it found. */
static void interrupt_fault(struct task *t, struct mmfix *x)
{
	static struct irq_request r;

	r = (struct irq_request){ .cost_ns = 300000, .cls = COST_ASSUMED };
	settle(t);
	irq_send(t, &r, &x->f.m.cpus[1]);
}

static void run_race(const struct mutant *m)
{
	for (int64_t at = 800000; at < 1100000; at += 3000) {
		struct mmfix x;

		mmfix_config(&x, 3);
		fixture_cost(&x.f, COST_XFER_LLC, 20000);
		x.cfg.policies.on[m->axis] = m->head;
		mmfix_open(&x, 1);
		mmfix_task(&x, 0, unmap_at_1ms)->task.affinity = 1;
		mmfix_task(&x, at, one_fault)->task.affinity = 2;
		mmfix_task(&x, at + 30000, interrupt_fault)->task.affinity = 3;
		mmfix_run(&x);
		mmfix_close(&x);
	}
}

static void t_free_under_reader(void **state)
{
	struct mutant m = { CUT_NOTHING, AXIS_VMA_FREE,
			    policy_find(AXIS_VMA_FREE, "immediate"), run_race };

	(void)state;
	if (!m.head || !policy_find(AXIS_VMA_FREE, "rcu"))
		skip();
	assert_non_null(strstr(stopped_by(&m, CUT_NOTHING),
			       "area freed under an RCU reader"));
	m.head = policy_find(AXIS_VMA_FREE, "rcu");
	assert_string_equal(stopped_by(&m, CUT_NOTHING), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_lock_calls),
		cmocka_unit_test(t_free_under_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
