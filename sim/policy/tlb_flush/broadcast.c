/*
 * tlb_flush: broadcast. AMD since 6.15, where the CPU has INVLPGB: a process
 * that runs on four CPUs at once gets an address-space id that is the same on
 * all of them, and from then on one instruction invalidates everywhere and
 * TLBSYNC waits for it. No interrupt, nobody else's time (FACTS A12).
 *
 *   own ids   as concurrent; then, once in 32 jiffies: on more than three CPUs?
 *   changing  broadcast, and IPIs once more: CPUs still have the old id
 *   global    broadcast, eight pages an instruction up to the ceiling
 *
 * Limits: global ids do not run out (about 4,000 processes), all CPUs take
 * theirs at the first IPI, instructions of several CPUs do not slow each other.
 */
#include "sim/mm/mm.h"

extern const struct tlb_ops tlb_flush_concurrent;	/* concurrent.c */

/* CPUID 80000008 EDX + 1 on EPYC (memory); processes on more CPUs than the other */
enum { PAGES_PER_INVLPGB = 8, ACTIVE_CPUS_MIN = 4, CONSIDER_JIFFIES = 32 };

static void invlpgb(struct task *t, uint64_t pages)
{
	uint64_t n = (pages + PAGES_PER_INVLPGB - 1) / PAGES_PER_INVLPGB;

	prim(t, COST_TLB_BROADCAST, flush_is_full(pages) || !n ? 1 : n);
}

/* consider_global_asid(): cheap for those that flush once in a while */
static void consider_global_asid(struct task *t, struct mm *mm)
{
	const struct machine *m = t->m;
	uint64_t mask[CPU_WORDS_MAX];
	sim_ns jiffy;

	settle(t);
	jiffy = m->engine.now_ns / (NSEC_PER_SEC / m->profile->hz);
	if (t->id % CONSIDER_JIFFIES != (uint64_t)jiffy % CONSIDER_JIFFIES)
		return;
	if (flush_targets(t, mm, false, mask) + (t->address_space == mm) >=
	    ACTIVE_CPUS_MIN || mutated(MUTATE_TLB_ID_AT_ONCE))
		mm->asid = ASID_CHANGING;
}

/* finish_asid_transition(): whoever runs it changes over in the handler */
static void finish_asid_transition(struct task *t, struct mm *mm, uint64_t pages)
{
	uint64_t mask[CPU_WORDS_MAX];
	struct flush_info f;

	settle(t);
	if (flush_targets(t, mm, false, mask)) {
		flush_send(t, &f, mask, flush_handler_ns(mm->k, pages));
		flush_count(mm->k, &f, pages);
		flush_wait(t, &f);
	}
	mm->asid = ASID_GLOBAL;
}

static void broadcast_flush(struct task *t, struct mm *mm, uint64_t pages,
			    bool freed_tables)
{
	preempt_disable(t);		/* TLBSYNC on the CPU of INVLPGB */
	settle(t);
	if (mm->asid == ASID_OF_CPU) {
		tlb_flush_concurrent.flush(t, mm, pages, freed_tables);
		consider_global_asid(t, mm);
	} else {
		count(t, COUNT_TLB_FLUSH);
		count(t, COUNT_TLB_BROADCAST);
		invlpgb(t, pages);
		if (mm->asid == ASID_CHANGING)
			finish_asid_transition(t, mm, pages);
		prim(t, COST_TLB_SYNC, 1);
	}
	preempt_enable(t);
}

/* invlpgb_flush_all(): also for vmalloc, whoever runs */
static void broadcast_flush_kernel(struct task *t)
{
	preempt_disable(t);
	settle(t);
	count(t, COUNT_TLB_BROADCAST);
	prim(t, COST_TLB_BROADCAST, 1);
	prim(t, COST_TLB_SYNC, 1);
	preempt_enable(t);
}

const struct tlb_ops tlb_flush_broadcast = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct tlb_ops),
		.axis = "tlb_flush", .name = "broadcast",
		.models = "INVLPGB and TLBSYNC since 6.15: no IPI for processes on four CPUs or more",
		.source = "FACTS A12; broadcast_tlb_flush(), linux-mm 20250226 (van Riel, v14)",
	},
	.flush = broadcast_flush, .flush_kernel = broadcast_flush_kernel,
};
