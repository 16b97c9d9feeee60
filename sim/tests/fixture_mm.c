/* See fixture_mm.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "sim/tests/fixture_mm.h"

static const struct {
	unsigned cost;
	int64_t ns;
} mm_plausible[] = {
	{ COST_FAULT_ENTRY, 200 }, { COST_FAULT_ANON, 400 },
	{ COST_FAULT_COW, 450 }, { COST_FAULT_ZERO_READ, 250 },
	{ COST_FAULT_FILE, 500 }, { COST_FAULT_HUGE, 900 },
	{ COST_FAULT_SPURIOUS, 150 }, { COST_ZERO_PAGE, 100 },
	{ COST_ZERO_HUGE, 60000 }, { COST_COPY_PAGE, 200 },
	{ COST_FAULT_WALK, 30 }, { COST_PTE_LOCKED, 40 }, { COST_ZAP_LOCKED, 30 },
	{ COST_ZONE_PAGE, 20 }, { COST_LRU_FOLIO, 15 }, { COST_SLAB_LIST, 20 },
	{ COST_I_MMAP_LOCKED, 40 }, { COST_ANON_VMA_LOCKED, 40 },
	{ COST_PT_ALLOC, 300 }, { COST_PT_FREE, 150 },
	{ COST_ANON_VMA_PREPARE, 150 }, { COST_ZAP_PAGE, 60 },
	{ COST_PAGE_FREE, 60 },
	{ COST_ZAP_SHARED, 50 },
	{ COST_ZAP_HUGE, 3000 }, { COST_PROTECT_PAGE, 30 },
	{ COST_MOVE_PAGE, 40 }, { COST_TLB_LOCAL_PAGE, 100 },
	{ COST_TLB_LOCAL_FULL, 400 }, { COST_TLB_REMOTE_HANDLER, 300 },
	{ COST_TLB_BROADCAST, 200 }, { COST_TLB_SYNC, 700 },
	{ COST_MMAP_BODY, 500 }, { COST_MUNMAP_BODY, 400 },
	{ COST_UNMAP_REGION, 300 },
	{ COST_UNMAP_FINISH, 200 }, { COST_MPROTECT_BODY, 300 },
	{ COST_MREMAP_BODY, 400 }, { COST_MADVISE_BODY, 200 },
	{ COST_BRK_BODY, 300 }, { COST_MLOCK_BODY, 300 },
	{ COST_VMA_ALLOC, 60 }, { COST_VMA_FREE, 20 },
	{ COST_VMA_FREE_REMOTE, 60 }, { COST_VMA_LOCK_ALLOC, 20 },
	{ COST_VMA_MERGE, 80 }, { COST_VMA_SPLIT, 150 },
	{ COST_RB_NODE_VISIT, 8 }, { COST_RB_LINK, 60 },
	{ COST_VMACACHE_HIT, 4 }, { COST_MAPLE_VISIT, 15 },
	{ COST_MAPLE_STORE, 120 }, { COST_MAPLE_NODE_ALLOC, 20 },
	{ COST_MAPLE_NODE_COPY, 60 }, { COST_FORK_BODY, 40000 },
	{ COST_FORK_VMA, 250 }, { COST_FORK_FILE_VMA, 100 },
	{ COST_FORK_PTE, 25 }, { COST_CLONE_THREAD_BODY, 8000 },
	{ COST_EXEC_BODY, 200000 }, { COST_EXIT_BODY, 20000 },
	{ COST_EXIT_VMA, 100 }, { COST_PROC_VMA_LINE, 400 },
	{ COST_PROC_SMAPS_PAGE, 20 }, { COST_PROC_CMDLINE, 1500 },
	{ COST_GUP_PAGE, 40 }, { COST_CALL_RCU, 30 },
	{ COST_CALL_RCU_NOCB, 60 },
	{ COST_RCU_NOCB_WAKE, 1000 }, { COST_RCU_NOCB_SCAN, 100 },
	{ COST_RCU_GP, 2000000 }, { COST_RCU_CALLBACK, 50 },
	{ COST_VMAP_OBJECT, 40 }, { COST_VMAP_TREE_VISIT, 8 },
	{ COST_VMAP_TREE_LINK, 60 }, { COST_VMAP_MAP_PAGE, 250 },
	{ COST_VMAP_UNMAP_PAGE, 120 }, { COST_VMAP_FLUSH, 600 },
};

struct script *script_of(struct task *t)
{
	return t->owner;
}

void mmfix_policy(struct mmfix *x, enum axis a, const char *name)
{
	x->cfg.policies.on[a] = policy_find(a, name);
	if (x->cfg.policies.on[a])
		return;
	print_message("no policy %s: %s\n", axis_names[a], name);
	skip();		/* its file and its line were taken out */
}

void mmfix_config(struct mmfix *x, uint32_t cpus)
{
	static const char *const names[AXIS_COUNT] = {
		[AXIS_MM_LOCK] = "per-vma", [AXIS_VMA_LOCK_PLACE] = "separate",
		[AXIS_MUNMAP] = "downgrade", [AXIS_VMA_FREE] = "rcu",
		[AXIS_FORK_COPY] = "mt-dup", [AXIS_VMA_INDEX] = "maple",
		[AXIS_VMAP] = "global", [AXIS_RWSEM] = "5.11",
		[AXIS_FAULT_SCOPE] = "6.10", [AXIS_TLB_FLUSH] = "concurrent",
		[AXIS_RCU] = "fixed",
	};

	memset(x, 0, sizeof(*x));
	fixture_profile(&x->f, 1, 1, cpus, 1);
	for (size_t i = 0; i < sizeof(mm_plausible) / sizeof(mm_plausible[0]);
	     i++)
		fixture_cost(&x->f, mm_plausible[i].cost, mm_plausible[i].ns);
	x->f.profile.cost_count = MM_COST_END;
	x->cfg.name = "linux-6.12";
	x->cfg.version = 6012000;
	x->cfg.max_map_count = 65530;
	x->cfg.layout = (struct mm_layout){	/* linux-6.10 .. 6.12 */
		.bytes = 1088, .index = 64, .pgd = 120, .mm_users = 132,
		.map_count = 160, .page_table_lock = 164, .mmap_lock = 168,
		.mm_lock_seq = 224,
	};
	x->cfg.vma_layout = (struct vma_layout){
		.bytes = 176, .align = 16, .policy = 160, .lock_bytes = 40,
		.refcnt_bytes = 192, .refcnt = 128, .refcnt_policy = 120,
	};
	for (int a = 0; a < AXIS_COUNT; a++)
		mmfix_policy(x, (enum axis)a, names[a]);
}

void mmfix_bottlenecks(struct mmfix *x)
{
	x->cfg.bottlenecks = (struct bottlenecks){
		.page_table_lock = true, .zone_lock = true, .lru_lock = true,
		.list_lock = true, .memcg_charge = true,
		.memory_bandwidth = true, .i_mmap_lock = true,
		.anon_vma_lock = true, .lru_add_drain = true,
		.pcp_batch = 63, .pcp_high = 378, .pcp_free_scale = 5,
		.folio_batch = 31, .memcg_batch = 64, .memcg_levels = 3,
	};
}

static void check_event(struct engine *e, void *arg)
{
	struct mmfix *x = arg;

	(void)e;
	if (++x->events % x->check_every == 0)
		kernel_check(x->k);
}

void mmfix_open(struct mmfix *x, uint64_t seed)
{
	fixture_open(&x->f, seed);
	x->k = kernel_new(&x->f.m, &x->cfg);
	kernel_attach(x->k);
	x->mm = mm_new(x->k, 1);
	if (x->check_every) {
		x->f.m.engine.check = check_event;
		x->f.m.engine.check_arg = x;
	}
}

void mmfix_close(struct mmfix *x)
{
	kernel_free(x->k);
	fixture_close(&x->f);
}

static void script_fiber(void *arg)
{
	struct task *t = arg;
	struct script *s = script_of(t);

	t->op = &s->op;
	s->fn(t, s->x);
	t->op = NULL;
}

static void script_step(struct task *t)
{
	struct script *s = script_of(t);

	if (s->done) {
		task_exit(t);
		return;
	}
	s->done = true;
	task_start_fiber(t, script_fiber, "script");
}

struct script *mmfix_task(struct mmfix *x, int64_t start_ns,
			  void (*fn)(struct task *t, struct mmfix *x))
{
	struct script *s = &x->script[x->scripts];

	assert_true(x->scripts < SCRIPT_TASKS_MAX);
	task_init(&x->f.m, &s->task, x->scripts, script_step, s);
	s->x = x;
	s->fn = fn;
	s->n = x->scripts++;
	s->mm = x->mm;
	if (s->n)
		mm_get(x->mm);
	task_attach_mm(&s->task, x->mm);
	task_launch(NULL, &s->task, start_ns);
	return s;
}

void mmfix_run(struct mmfix *x)
{
	machine_run(&x->f.m);
	assert_null(x->f.m.failed);
	kernel_check(x->k);
	kernel_finish(x->k);
}

void mmfix_op(struct task *t, uint8_t kind)
{
	struct script *s = script_of(t);

	s->op = (struct kop){ .kind = kind };
	t->op = &s->op;
	t->op_kind = kind;
}

uint64_t mmfix_counter(const struct mmfix *x, enum kernel_counter c)
{
	return x->f.metrics->counters[x->k->counter[c]];
}

const char *picture(const struct mm *mm, uint64_t base, unsigned pages,
		    char *buf)
{
	const struct vma *last = NULL;
	char letter = 'a' - 1;

	for (unsigned i = 0; i < pages; i++) {
		uint64_t addr = base + (uint64_t)i * PAGE;
		const struct vma *v = vma_containing(mm, addr);
		uint64_t res = resident_at(mm, addr);

		if (v && v != last)
			letter++;
		last = v ? v : last;
		buf[i] = !v ? '.' : (char)(res && !(res & RES_MAYBE) ?
					   letter - 'a' + 'A' : letter);
	}
	buf[pages] = '\0';
	return buf;
}
