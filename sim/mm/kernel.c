/*
 * The kernel object and the context of an op: which policies answer, how the
 * op's work is charged, when its change is visible.
 *
 * Invariant: prim() is charged under both cost modes; body() only under
 * `model`; a segment's residual once. Every call has its effect point exactly
 * once, at the latest on return to user mode.
 */
#include "sim/mm/resource.h"
#include "sim/mm/vmap.h"

const struct cost_decl mm_costs[MM_COST_END - MACHINE_COST_COUNT] = {
#define COST(id, key, help) [COST_##id - MACHINE_COST_COUNT] = { key, help },
#include "sim/mm/costs.def"
#undef COST
};

const char *const axis_names[AXIS_COUNT] = {
	[AXIS_MM_LOCK] = "mm_lock", [AXIS_VMA_LOCK_PLACE] = "vma_lock_place",
	[AXIS_MUNMAP] = "munmap", [AXIS_VMA_FREE] = "vma_free",
	[AXIS_FORK_COPY] = "fork_copy", [AXIS_VMA_INDEX] = "vma_index",
	[AXIS_VMAP] = "vmap", [AXIS_RWSEM] = "rwsem",
	[AXIS_FAULT_SCOPE] = "fault_scope", [AXIS_TLB_FLUSH] = "tlb_flush",
	[AXIS_RCU] = "rcu",
};

static const char *const counter_names[COUNT_END] = {
#define COUNTER(id, name) [COUNT_##id] = name,
#include "sim/mm/counters.def"
#undef COUNTER
};

static const char *const stage_names[STAGE_COUNT] = {
	"unmapping", "gather", "tlb", "batch", "nocb-bypass", "lazy",
	"grace-period", "callback", "slab-partial", "vmap-dirty", "vmap-lazy",
	"vmap-pool", "reserved",
};

static const char *const hold_names[HOLD_COUNT] = {
	[HOLD_VMA] = "vma", [HOLD_PAGE] = "page",
	[HOLD_PAGE_TABLE] = "page_table", [HOLD_MAPLE_NODE] = "maple_node",
	[HOLD_VMAP_AREA] = "vmap_area", [HOLD_VMAP_TABLE] = "vmap_table",
	[HOLD_VMAP] = "vmap",
};

static void register_metrics(struct kernel *k)
{
	struct metrics *x = k->metrics;

	for (unsigned i = 0; i < COUNT_END; i++)
		k->counter[i] = metrics_counter(x, counter_names[i]);
	for (unsigned i = 0; i < STAGE_COUNT; i++)
		k->stage[i] = metrics_stage(x, stage_names[i]);
	hold_reusable_stage(x, k->stage[STAGE_SLAB_PARTIAL]);
	for (unsigned i = 0; i < HOLD_COUNT; i++)
		k->hold[i] = metrics_hold(x, hold_names[i], i == HOLD_VMAP);
	k->mmap_lock_class = metrics_lock(x, "mmap_lock", true);
	if (k->mm_lock->head.provides & TRAIT_VMA_LOCK)
		k->vma_lock_class = metrics_lock(x, "vma_lock", true);
}

/* What a choice names on an axis, as its own type: the head comes first. */
static const void *chosen(const struct kernel *k, enum axis a)
{
	const struct policy_head *h = k->cfg.policies.on[a];

	if (!h)
		BUG("no policy on axis %s", axis_names[a]);
	return h;
}

static void choose(struct kernel *k)
{
	const struct fault_scope *scope = chosen(k, AXIS_FAULT_SCOPE);
	const struct vma_place *place = NULL;

	k->mm_lock = chosen(k, AXIS_MM_LOCK);
	k->munmap = chosen(k, AXIS_MUNMAP);
	k->vma_free = chosen(k, AXIS_VMA_FREE);
	k->fork = chosen(k, AXIS_FORK_COPY);
	k->index = chosen(k, AXIS_VMA_INDEX);
	k->vmap = chosen(k, AXIS_VMAP);
	k->rwsem = chosen(k, AXIS_RWSEM);
	k->mmap_rwsem = k->cfg.policies.mmap_rwsem ?
			(const void *)k->cfg.policies.mmap_rwsem : k->rwsem;
	k->tlb = chosen(k, AXIS_TLB_FLUSH);
	/* inert without VMA locks: then nothing of it may be seen */
	if (k->mm_lock->head.provides & TRAIT_VMA_LOCK) {
		k->scope = scope->scope;
		place = chosen(k, AXIS_VMA_LOCK_PLACE);
	}
	k->area = vma_object_of(&k->cfg.vma_layout, place, k->mm_lock->refcnt);
	k->typesafe = k->vma_free->head.provides & TRAIT_TYPESAFE_FREE;
}

static void make_caches(struct kernel *k)
{
	const struct vma_object *o = &k->area;

	k->mm_cache = address_cache_new(k->m, "mm_struct", k->cfg.layout.bytes,
					64);
	k->vma_cache = address_cache_new(k->m, "vm_area_struct", o->bytes,
					 o->align);
	if (o->lock_bytes)
		k->vma_lock_cache = address_cache_new(k->m, "vma_lock",
						      o->lock_bytes,
						      o->lock_align);
	if (k->mm_lock->node_bytes)
		k->lock_node_cache = address_cache_new(k->m, "range_lock",
						       k->mm_lock->node_bytes,
						       64);
}

static struct rcu_state *make_rcu(struct kernel *k)
{
	const struct rcu_flavour *flavour = chosen(k, AXIS_RCU);
	const struct rcu_rules *options = k->cfg.policies.options[AXIS_RCU];
	struct rcu_setup s = {
		.rules = options ? *options : flavour->rules,
		.cost_call = COST_CALL_RCU,
		.cost_call_nocb = COST_CALL_RCU_NOCB,
		.cost_nocb_wake = COST_RCU_NOCB_WAKE,
		.cost_nocb_scan = COST_RCU_NOCB_SCAN,
		.cost_gp = COST_RCU_GP,
		.stage_bypass = k->stage[STAGE_NOCB_BYPASS],
		.stage_lazy = k->stage[STAGE_LAZY],
		.stage_gp = k->stage[STAGE_GRACE_PERIOD],
		.stage_callback = k->stage[STAGE_CALLBACK],
		.op_kind = KERNEL_OP_WORKER,
	};

	return rcu_new(k->m, &s);
}

struct kernel *kernel_new(struct machine *m, const struct kernel_config *c)
{
	struct kernel *k = xcalloc(1, sizeof(*k));
	size_t words = (m->cpu_count + 63) / 64;

	k->m = m;
	k->metrics = m->metrics;
	k->cfg = *c;
	TAILQ_INIT(&k->mms);
	m->hooks.arg = k;
	if (c->null_kernel)
		return k;
	BUG_ON(!c->layout.bytes || !c->vma_layout.bytes);
	k->metrics->hung_ns = c->hung_task_ns;
	choose(k);
	register_metrics(k);
	make_caches(k);
	k->resources = resources_new(k);
	k->rcu = make_rcu(k);
	pool_init(&k->vma_pool, (sizeof(struct vma) + 15) / 16 * 16 +
		  k->mm_lock->vma_bytes);
	pool_init(&k->irq_pool, sizeof(struct irq_request));
	pool_init(&k->head_pool, sizeof(struct rcu_object));
#ifdef MMREPLAY_TEST
	pool_init(&k->section_pool, sizeof(struct section));
#endif
	k->cpu_mm = xcalloc(m->cpu_count, sizeof(*k->cpu_mm));
	k->cpu_lazy = xcalloc(m->cpu_count, sizeof(*k->cpu_lazy));
	k->all_cpus = xcalloc(words, sizeof(*k->all_cpus));
	for (uint32_t i = 0; i < m->cpu_count; i++)
		k->all_cpus[i / 64] |= 1ULL << (i % 64);
	k->vmap_state = xcalloc(1, k->vmap->state_bytes);
	k->vmap->init(k, m->profile->cpus_possible);
	return k;
}

/*
 * The integrals end with the last op. What waits for a grace period then is
 * freed, so that only what has nobody to move it is left as censored; that is
 * no part of the run, so the timeline and the series do not see it.
 */
void kernel_finish(struct kernel *k)
{
	struct event_log *events = k->metrics->events;

	if (!k->cfg.null_kernel)
		vmap_count_end(k);
	metrics_close(k->metrics, k->m->engine.now_ns);
	if (k->cfg.null_kernel)
		return;
	k->metrics->events = NULL;
	rcu_drain(k->rcu);
	k->metrics->events = events;
}

void kernel_rcu_stats(const struct kernel *k, struct rcu_stats *out)
{
	*out = (struct rcu_stats){ 0 };
	if (k->cfg.null_kernel)
		return;
	*out = rcu_stats(k->rcu);
	out->period_ns = (struct hist){ 0 };
	hist_merge(&out->period_ns, rcu_periods(k->rcu));
}

void kernel_thread_class_ns(const struct kernel *k,
			    int64_t sum[COST_CLASS_COUNT])
{
	if (!k->cfg.null_kernel)
		rcu_thread_class_ns(k->rcu, sum);
}

void kernel_free(struct kernel *k)
{
	struct mm *mm;

	if (!k)
		return;
	while ((mm = TAILQ_FIRST(&k->mms)))
		mm_destroy(mm);
	if (!k->cfg.null_kernel) {
		k->vmap->finish(k);
		rcu_free(k->rcu);
		pool_release(&k->vma_pool);
		pool_release(&k->irq_pool);
		pool_release(&k->head_pool);
#ifdef MMREPLAY_TEST
		pool_release(&k->section_pool);
#endif
	}
	resources_free(k->resources);
	free(k->vma_slots);
	free(k->vmap_state);
	free(k->tasks);
	free(k->cpu_mm);
	free(k->cpu_lazy);
	free(k->all_cpus);
	free(k);
}

struct ktask *ktask_of(struct task *t)
{
	struct kernel *k = kernel_of(t);

	if (t->id >= k->task_cap) {
		uint32_t cap = k->task_cap ? k->task_cap : 64;

		while (cap <= t->id)
			cap *= 2;
		k->tasks = xrealloc(k->tasks, cap, sizeof(*k->tasks));
		memset(k->tasks + k->task_cap, 0,
		       (cap - k->task_cap) * sizeof(*k->tasks));
		k->task_cap = cap;
	}
	return &k->tasks[t->id];
}

/* ---- the op's own work ---- */

void body_less(struct task *t, unsigned cost, uint64_t count, int64_t less_ns)
{
	const struct cost_value *c = &t->m->profile->cost[cost];
	int64_t each_ns = c->value > less_ns ? c->value - less_ns : 0;
	struct kop *op = t->op;

	t->m->cost_asked[cost] = true;
	if (!op || !op->recorded) {
		t->m->cost_times[cost] += count;
		t->m->cost_less_ns[cost] += (c->value - each_ns) *
					    (int64_t)count;
		work_ns(t, each_ns * (int64_t)count, c->cls);
	}
	if (op)
		op->model_ns[op->seg] += each_ns * (int64_t)count;
}

void body(struct task *t, unsigned cost, uint64_t count)
{
	body_less(t, cost, count, 0);
}

void prim(struct task *t, unsigned cost, uint64_t count)
{
	prim_expected(t, t->m->profile->cost[cost].value * (int64_t)count);
	work(t, cost, count);
}

void prim_expected(struct task *t, int64_t ns)
{
	struct kop *op = t->op;

	if (op)
		op->prim_ns[op->seg] += ns;
}

/* What was recorded in @seg, without a @rest_ns and @rest_tax_ns for later. */
static void segment_begins(struct task *t, unsigned seg, int64_t rest_ns,
			   int64_t rest_tax_ns)
{
	struct kop *op = t->op;

	op->seg = (uint8_t)seg;
	op->wake_ns[seg] += t->wakeups_ns - op->woken_ns;
	op->woken_ns = t->wakeups_ns;
	if (op->charged[seg])
		return;
	op->charged[seg] = true;
	if (op->recorded) {
		work_ns(t, op->seg_ns[seg] - rest_ns, COST_RECORDED);
		op->rest_ns += rest_ns;
	}
	work_ns(t, op->tax_ns[seg] - rest_tax_ns, COST_RECORDED);
	op->rest_ns += rest_tax_ns;
	if (op->sleep_ns[seg])
		task_sleep_until(t, task_now(t) + op->sleep_ns[seg]);
}

void kop_segment(struct task *t, unsigned seg)
{
	if (t->op)
		segment_begins(t, seg, 0, 0);
}

void kop_segment_around(struct task *t, unsigned seg, int64_t before_ns,
			int64_t after_ns)
{
	int64_t all_ns = before_ns + after_ns, rest_ns = 0;
	const struct kop *op = t->op;

	if (!op)
		return;
	if (all_ns > 0)
		rest_ns = (int64_t)((__int128)op->seg_ns[seg] * after_ns /
				    all_ns);
	segment_begins(t, seg, rest_ns, after_ns ? op->tax_ns[seg] / 2 : 0);
}

void kop_area_locked(struct task *t)
{
	struct kop *op = t->op;

	if (op)
		op->area_locked = true;
}

void kop_rest(struct task *t)
{
	struct kop *op = t->op;

	if (!op || !op->rest_ns)
		return;
	work_ns(t, op->rest_ns, COST_RECORDED);
	op->rest_ns = 0;
}

void kop_split(struct task *t, unsigned from, unsigned to, int64_t from_ns,
	       int64_t to_ns)
{
	struct kop *op = t->op;
	__int128 share;

	if (!op || !op->recorded || op->charged[from] || op->charged[to])
		return;
	if (op->present ? op->present & (1u << to) : op->seg_ns[to] > 0)
		return;
	if (from_ns + to_ns <= 0)
		return;
	share = (__int128)op->seg_ns[from] * to_ns / (from_ns + to_ns);
	op->seg_ns[to] += (int64_t)share;
	op->seg_ns[from] -= (int64_t)share;
}

void kop_effect(struct task *t)
{
	struct kop *op = t->op;

	if (!op || op->effected)
		return;
	op->effect_ns = task_now(t);
	op->effected = true;
	if (op->effect)
		op->effect(t, op);
}

void sys_enter(struct task *t)
{
	task_set_mode(t, MODE_SYSTEM);
	kop_segment(t, KOP_PRE);
	body(t, COST_SYSCALL, 1);
}

int64_t sys_exit(struct task *t, int64_t ret)
{
	kop_rest(t);
	kop_segment(t, KOP_POST);
	kop_effect(t);
	BUG_ON(t->preempt_off);		/* a section that was not left */
	cond_resched(t);
	task_set_mode(t, MODE_USER);
	return ret;
}

int64_t sys_failed(struct task *t, struct mm *mm, bool locked, int64_t err)
{
	if (kernel_of(t)->cfg.null_kernel)
		return err;
	sys_enter(t);
	if (locked && !mmap_write_lock(t, mm, WHOLE_MM, true)) {
		kop_segment(t, KOP_W);
		settle(t);
		mmap_write_unlock(t, mm, WHOLE_MM);
	}
	return sys_exit(t, err);
}

struct hold_tag hold_tag_of(struct task *t, const struct mm *mm)
{
	settle(t);
	return (struct hold_tag){ .asked_ns = t->m->engine.now_ns,
				  .mm = mm ? mm->id : HOLD_NO_MM,
				  .op = t->op_kind };
}

static void move(struct kernel *k, enum kernel_hold h,
		 const struct hold_tag *tag, const uint32_t stage[2],
		 uint64_t objects, uint64_t bytes, __int128 asked_sum_ns)
{
	if (!objects)
		return;
	assert_paid(k->m);
	hold_move(k->metrics, k->hold[h], tag,
		  stage[0] == STAGE_NONE ? STAGE_NONE : k->stage[stage[0]],
		  stage[1] == STAGE_NONE ? STAGE_NONE : k->stage[stage[1]],
		  objects, bytes, asked_sum_ns, k->m->engine.now_ns);
}

void hold(struct kernel *k, enum kernel_hold h, const struct hold_tag *tag,
	  uint32_t from, uint32_t to, uint64_t objects, uint64_t bytes_each)
{
	move(k, h, tag, (uint32_t[]){ from, to }, objects, objects * bytes_each,
	     (__int128)objects * tag->asked_ns);
}

void hold_merged(struct kernel *k, enum kernel_hold h,
		 const struct hold_tag *tag, uint32_t from, uint32_t to,
		 uint64_t objects, uint64_t bytes)
{
	move(k, h, tag, (uint32_t[]){ from, to }, objects, bytes, tag->asked_ns);
}

/* ---- objects that RCU frees ---- */

void kernel_call_rcu(struct task *t, struct rcu_head *head, enum kernel_hold h,
		     const struct hold_tag *tag, uint32_t from,
		     uint64_t objects, uint64_t bytes)
{
	struct kernel *k = kernel_of(t);

	head->tag = tag;
	head->hold = (uint16_t)k->hold[h];
	head->objects = (uint32_t)objects;
	head->bytes = bytes;
	head->hurry = false;
	settle(t);
	prim_expected(t, call_rcu_expected_ns(t, k->rcu));
	call_rcu(t, k->rcu, head, from == STAGE_NONE ? from : k->stage[from]);
}

/* Nobody else knows them (maple nodes, page tables); on another CPU than the
 * one that gave them up each is a remote free. */
static int64_t rcu_object_free(struct rcu_head *head, struct cpu *c)
{
	struct rcu_object *o = (struct rcu_object *)head;
	struct kernel *k = o->k;
	int64_t remote_ns = 0;

	if (o->cpu != c->id)
		remote_ns = cost_later(k, COST_VMA_FREE_REMOTE, head->objects);
	pool_put(&k->head_pool, o);
	return remote_ns;
}

void rcu_hold_object(struct task *t, struct kernel *k, enum kernel_hold h,
		     const struct hold_tag *tag, uint64_t objects,
		     uint64_t bytes_each, int64_t invoke_ns)
{
	struct rcu_object *o = pool_get(&k->head_pool);

	settle(t);
	*o = (struct rcu_object){ .k = k, .tag = *tag,
				  .cpu = t->cpu->id };
	o->head.fn = rcu_object_free;
	o->head.invoke_ns = invoke_ns;
	kernel_call_rcu(t, &o->head, h, &o->tag, STAGE_NONE, objects,
			objects * bytes_each);
}
