/*
 * vma_free: rcu. One call_rcu() per area, 6.4 to 6.14 (seed 0): the
 * callback frees the area and its lock object. In exit_mmap() no reader can be
 * left, so since 0d2ebf9c3f78 the areas of an exiting process are freed at
 * once; `exit_immediate: false` is the kernel that seed 0 worries about.
 *
 * Held memory: from the moment the program asked, through the grace period,
 * to the callback.
 */
#include "sim/mm/mm.h"

struct rcu_options {
	bool exit_immediate;
};

static const struct option rcu_options[] = {
	{ .key = "exit_immediate", .type = OPT_BOOL,
	  .offset = offsetof(struct rcu_options, exit_immediate), .def = "true",
	  .unit = "", .help = "free areas at once in exit_mmap (0d2ebf9c3f78)" },
	OPTION_END
};

static bool exit_immediate(const struct kernel *k)
{
	const struct rcu_options *o = k->cfg.policies.options[AXIS_VMA_FREE];

	return !o || o->exit_immediate;
}

/* __vm_area_free(), on the CPU that invokes callbacks */
static int64_t vm_area_free_rcu_cb(struct rcu_head *head, struct cpu *c)
{
	struct vma *v = (struct vma *)(void *)
			((char *)head - offsetof(struct vma, rcu));
	struct kernel *k = v->mm->k;

	return vma_object_free(v, c->id) ? 0 : cost_later(k, COST_VMA_FREE_REMOTE, 1);
}

static void free_now(struct task *t, struct vma *v)
{
	struct kernel *k = v->mm->k;

	prim(t, COST_VMA_FREE, 1);
	settle(t);
	hold(k, HOLD_VMA, &v->held, STAGE_UNMAPPING, STAGE_NONE, 1,
	     vma_object_bytes(k));
	if (!vma_object_free(v, t->cpu->id))
		prim(t, COST_VMA_FREE_REMOTE, 1);
}

static void rcu_vma_free(struct task *t, struct vma *v, enum free_why why)
{
	struct kernel *k = v->mm->k;

	if (why == FREE_EXIT && exit_immediate(k)) {
		free_now(t, v);
		return;
	}
	settle(t);
	v->queued = true;
	v->rcu.fn = vm_area_free_rcu_cb;
	v->rcu.move = NULL;
	v->rcu.invoke_ns = cost_later(k, COST_RCU_CALLBACK, 1) +
			   cost_later(k, COST_VMA_FREE, 1);
	kernel_call_rcu(t, &v->rcu, HOLD_VMA, &v->held, why == FREE_MERGE ?
			STAGE_NONE : STAGE_UNMAPPING, 1, vma_object_bytes(k));
}

const struct vma_free_ops vma_free_rcu = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct vma_free_ops),
		.axis = "vma_free", .name = "rcu",
		.models = "vm_area_free() of 6.4 to 6.14: call_rcu for each area",
		.source = "0d2ebf9c3f78; per-VMA locks v2, 27 Jan 2023; seed 0",
		.options = rcu_options,
		.option_bytes = sizeof(struct rcu_options),
		.provides = TRAIT_RCU_SAFE_FREE,
	},
	.free = rcu_vma_free,
};
