/*
 * TLB shootdown: who has the mm loaded, the IPIs, the wait for the last
 * acknowledgement. The order of local and remote work is the policy's.
 *
 * Invariant: the initiator does not sleep from the first IPI to the last
 * acknowledgement (preemption off), and takes interrupts meanwhile.
 * Limit: lazy CPUs are not switched to init_mm when a flush finds them.
 */
#include "sim/mm/mm.h"

uint32_t flush_targets(struct task *t, struct mm *mm, bool lazy_too,
		       uint64_t *mask)
{
	struct kernel *k = mm->k;
	uint32_t words = (k->m->cpu_count + 63) / 64, targets = 0;

	assert_settled(t);
	for (uint32_t w = 0; w < words; w++) {
		uint64_t bits = mm->cpumask[w];

		mask[w] = 0;
		while (bits) {
			uint32_t cpu = w * 64 + (uint32_t)__builtin_ctzll(bits);

			bits &= bits - 1;
			if (cpu == t->cpu->id ||
			    (k->cpu_lazy[cpu] && !lazy_too &&
			     !mutated(MUTATE_TLB_LAZY_SHOT)))
				continue;
			mask[w] |= 1ULL << (cpu % 64);
			targets++;
		}
	}
	return targets;
}

int64_t flush_handler_ns(const struct kernel *k, uint64_t pages)
{
	return cost_ns(k, COST_TLB_REMOTE_HANDLER) + k->m->tracer.shootdown_ns +
	       (flush_is_full(pages) ? cost_ns(k, COST_TLB_LOCAL_FULL) :
		cost_ns(k, COST_TLB_LOCAL_PAGE) * (int64_t)pages);
}

void flush_count(struct kernel *k, const struct flush_info *f, uint64_t pages)
{
	uint64_t *times = k->m->cost_times;

	count_n(k, COUNT_TLB_IPI, f->targets);
	times[COST_TLB_REMOTE_HANDLER] += f->targets;
	if (flush_is_full(pages))
		times[COST_TLB_LOCAL_FULL] += f->targets;
	else
		times[COST_TLB_LOCAL_PAGE] += f->targets * pages;
}

void flush_local(struct task *t, uint64_t pages)
{
	if (flush_is_full(pages))
		prim(t, COST_TLB_LOCAL_FULL, 1);
	else
		prim(t, COST_TLB_LOCAL_PAGE, pages);
}

/* How long a line takes from one CPU to another. */
static int64_t hop_ns(const struct machine *m, uint32_t from, uint32_t to)
{
	enum distance d = cpu_distance(m, from, to);

	if (d == DIST_SELF)
		return m->profile->cost[COST_LINE_READ].value;
	return m->profile->cost[COST_XFER_SMT + d - DIST_SMT].value;
}

static void flush_acknowledged(struct irq_request *r)
{
	struct flush_info *f = r->arg;
	struct kernel *k = f->k;
	uint32_t from = r->cpu->id;

	pool_put(&k->irq_pool, r);
	if (--f->pending || !f->spinning)
		return;
	f->spinning = false;
	/* the initiator sees the last CSD unlock after one line transfer */
	task_spin_end(f->by, hop_ns(k->m, from, f->by->cpu->id));
}

void flush_send(struct task *t, struct flush_info *f, const uint64_t *mask,
		int64_t handler_ns)
{
	struct kernel *k = kernel_of(t);
	uint32_t words = (k->m->cpu_count + 63) / 64;
	const struct cost_value *c = &k->m->profile->cost[COST_TLB_REMOTE_HANDLER];

	*f = (struct flush_info){ .k = k, .by = t, .handler_ns = handler_ns };
	for (uint32_t w = 0; w < words; w++)
		f->targets += (uint32_t)__builtin_popcountll(mask[w]);
	f->pending = f->targets;
	for (uint32_t w = 0; w < words; w++) {
		for (uint64_t bits = mask[w]; bits; bits &= bits - 1) {
			uint32_t cpu = w * 64 + (uint32_t)__builtin_ctzll(bits);
			struct irq_request *r = pool_get(&k->irq_pool);

			r->cost_ns = handler_ns;
			r->cls = c->cls;
			r->done = flush_acknowledged;
			r->arg = f;
			f->sent_ns = task_now(t);
			irq_send(t, r, &k->m->cpus[cpu]);
		}
	}
	prim_expected(t, (int64_t)f->targets * cost_ns(k, COST_IPI_SEND));
}

void flush_wait(struct task *t, struct flush_info *f)
{
	struct kernel *k = f->k;
	int64_t wait_ns;

	settle(t);
	wait_ns = f->sent_ns + cost_ns(k, COST_IPI_LATENCY) +
		  cost_ns(k, COST_IRQ_ENTRY) + cost_ns(k, COST_IPI_RECEIVE) +
		  f->handler_ns - k->m->engine.now_ns;
	if (f->targets && wait_ns > 0)
		prim_expected(t, wait_ns);
	if (!f->pending)
		return;
	f->spinning = true;
	task_spin(t, false, INT64_MAX);
	BUG_ON(f->pending != 0);
}

void flush_tlb_kernel(struct task *t)
{
	struct kernel *k = kernel_of(t);
	uint32_t words = (k->m->cpu_count + 63) / 64;
	uint64_t mask[CPU_WORDS_MAX];
	struct flush_info f;

	if (k->tlb->flush_kernel) {
		k->tlb->flush_kernel(t);
		return;
	}
	preempt_disable(t);
	settle(t);
	memcpy(mask, k->all_cpus, words * sizeof(*mask));
	mask[t->cpu->id / 64] &= ~(1ULL << (t->cpu->id % 64));
	flush_send(t, &f, mask, cost_ns(k, COST_VMAP_FLUSH));
	count_n(k, COUNT_TLB_IPI_KERNEL, f.targets);
	k->m->cost_times[COST_VMAP_FLUSH] += f.targets;
	prim(t, COST_VMAP_FLUSH, 1);
	flush_wait(t, &f);
	preempt_enable(t);
}
