/*
 * vma_free: rcu-batched. Seed 0, posted and never merged: dead areas
 * go to a list of their mm under a spinlock; when it holds more than `size` of
 * them, one call_rcu() frees the group; what is left is drained at exit. No
 * timer: up to `size` areas wait for the next overflow, or for ever.
 *
 * Invariant: an area is on the list (stage batch) or in a group that waits for
 * RCU; a group is reached by nobody but its callback.
 */
#include "sim/mm/mm.h"

enum { FREE_LIST_OFFSET = 0x180 };

struct batch_options {
	uint32_t size;
};

static const struct option batch_options[] = {
	{ .key = "size", .type = OPT_U32,
	  .offset = offsetof(struct batch_options, size), .def = "32",
	  .min = 0, .max = 1 << 20, .unit = "count",
	  .help = "areas that may wait; groups are one larger (VM_AREA_FREE_LIST_MAX)" },
	OPTION_END
};

struct vma_free_list {
	struct vma_list head;
	struct spinlock lock;
	uint32_t size;
};

static struct vma_free_list *free_list(const struct mm *mm)
{
	return mm->free_state;
}

static uint32_t list_max(const struct kernel *k)
{
	const struct batch_options *o = k->cfg.policies.options[AXIS_VMA_FREE];

	return o ? o->size : 32;	/* VM_AREA_FREE_LIST_MAX */
}

static void batch_mm_init(struct mm *mm)
{
	struct vma_free_list *l = free_list(mm);

	TAILQ_INIT(&l->head);
	/* the series puts it behind the members that were there */
	spin_init(&l->lock, mm_line(mm, FREE_LIST_OFFSET),
		  metrics_lock(mm->k->metrics, "vma_free_list_lock", false));
}

/* The first area carries the head; the others hang on its list link. */
static int64_t vma_free_rcu_callback(struct rcu_head *head, struct cpu *c)
{
	int64_t remote_ns = 0;
	struct vma *next, *v = (struct vma *)(void *)
			       ((char *)head - offsetof(struct vma, rcu));

	for (; v; v = next) {
		struct kernel *k = v->mm->k;

		next = TAILQ_NEXT(v, link);
		if (!vma_object_free(v, c->id))
			remote_ns += cost_later(k, COST_VMA_FREE_REMOTE, 1);
	}
	return remote_ns;
}

/* In the ledger: each area has its own op and instant. */
static void move_group(struct rcu_head *head, uint32_t from, uint32_t to)
{
	struct vma *v = (struct vma *)(void *)
			((char *)head - offsetof(struct vma, rcu));
	struct kernel *k = v->mm->k;

	for (; v; v = TAILQ_NEXT(v, link))
		hold_move(k->metrics, head->hold, &v->held, from, to, 1,
			  vma_object_bytes(k), v->held.asked_ns,
			  k->m->engine.now_ns);
}

static void drain_free_vmas(struct task *t, struct mm *mm)
{
	struct vma_list to_destroy = TAILQ_HEAD_INITIALIZER(to_destroy);
	struct vma_free_list *l = free_list(mm);
	struct kernel *k = mm->k;
	struct vma *first, *v;
	uint32_t n;

	prim_expected(t, cost_ns(k, COST_ATOMIC));
	spin_lock(t, &l->lock);
	assert_held(t, &l->lock);
	TAILQ_CONCAT(&to_destroy, &l->head, link);
	n = l->size;
	l->size = 0;
	spin_unlock(t, &l->lock);
	first = TAILQ_FIRST(&to_destroy);
	if (!first)
		return;
	settle(t);
	TAILQ_FOREACH(v, &to_destroy, link)
		v->queued = true;
	first->rcu.fn = vma_free_rcu_callback;
	first->rcu.move = move_group;
	first->rcu.invoke_ns = cost_later(k, COST_RCU_CALLBACK, 1) +
			       cost_later(k, COST_VMA_FREE, n);
	kernel_call_rcu(t, &first->rcu, HOLD_VMA, &first->held, STAGE_BATCH, n,
			n * vma_object_bytes(k));
}

static void batch_free(struct task *t, struct vma *v, enum free_why why)
{
	struct mm *mm = v->mm;
	struct vma_free_list *l = free_list(mm);
	bool drain;

	prim_expected(t, cost_ns(mm->k, COST_ATOMIC));
	spin_lock(t, &l->lock);
	assert_held(t, &l->lock);
	hold(mm->k, HOLD_VMA, &v->held,
	     why == FREE_MERGE ? STAGE_NONE : STAGE_UNMAPPING, STAGE_BATCH,
	     1, vma_object_bytes(mm->k));
	TAILQ_INSERT_HEAD(&l->head, v, link);
	drain = ++l->size > list_max(mm->k);
	spin_unlock(t, &l->lock);
	if (drain)
		drain_free_vmas(t, mm);
}

const struct vma_free_ops vma_free_rcu_batched = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct vma_free_ops),
		.axis = "vma_free", .name = "rcu-batched",
		.models = "vm_area_free(), drain_free_vmas() of the RFC: one call_rcu for a group of 33",
		.source = "RFC 28/28, 20220901173516.702122, Sep 2022 (seed 0); v1 39/41",
		.options = batch_options,
		.option_bytes = sizeof(struct batch_options),
		.provides = TRAIT_RCU_SAFE_FREE,
	},
	.mm_bytes = sizeof(struct vma_free_list),
	.mm_init = batch_mm_init,
	.free = batch_free,
	.drain = drain_free_vmas,
};
