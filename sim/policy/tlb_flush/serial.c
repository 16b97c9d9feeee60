/*
 * tlb_flush: serial. To 5.12: first the local TLB, then the IPIs, then the wait
 * for all of them (native_flush_tlb_others()).
 */
#include "sim/mm/mm.h"

static void serial_flush(struct task *t, struct mm *mm, uint64_t pages,
			 bool freed_tables)
{
	uint64_t mask[CPU_WORDS_MAX];
	struct flush_info f;

	preempt_disable(t);		/* get_cpu() */
	settle(t);
	count(t, COUNT_TLB_FLUSH);
	if (t->address_space == mm) {
		flush_local(t, pages);
		settle(t);
	}
	if (flush_targets(t, mm, freed_tables, mask)) {
		flush_send(t, &f, mask, flush_handler_ns(mm->k, pages));
		flush_count(mm->k, &f, pages);
		flush_wait(t, &f);
	}
	preempt_enable(t);
}

const struct tlb_ops tlb_flush_serial = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct tlb_ops),
		.axis = "tlb_flush", .name = "serial",
		.models = "flush_tlb_mm_range() to 5.12: local, then remote",
		.source = "Amit v4 20190823224153.15223: the code before it",
	},
	.flush = serial_flush,
};
