/*
 * tlb_flush: concurrent. Since 5.13 the IPIs leave first and the local TLB is
 * flushed while they fly (on_each_cpu_cond_mask(), 4ce94eabac16).
 */
#include "sim/mm/mm.h"

static void concurrent_flush(struct task *t, struct mm *mm, uint64_t pages,
			     bool freed_tables)
{
	uint64_t mask[CPU_WORDS_MAX];
	struct flush_info f = { 0 };

	preempt_disable(t);		/* get_cpu() */
	settle(t);
	count(t, COUNT_TLB_FLUSH);
	if (flush_targets(t, mm, freed_tables, mask)) {
		flush_send(t, &f, mask, flush_handler_ns(mm->k, pages));
		flush_count(mm->k, &f, pages);
	}
	if (t->address_space == mm)
		flush_local(t, pages);
	if (f.targets)
		flush_wait(t, &f);
	preempt_enable(t);
}

const struct tlb_ops tlb_flush_concurrent = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct tlb_ops),
		.axis = "tlb_flush", .name = "concurrent",
		.models = "flush_tlb_mm_range() since 5.13: local and remote together",
		.source = "4ce94eabac16; Amit v4 20190823224153.15223",
	},
	.flush = concurrent_flush,
};
