/*
 * What an op is charged (MODEL.md 3, 4).
 *
 *   recorded segment:  | residual | P(captured policy) |   wait, sleep, tax apart
 *   replayed segment:  | residual | P'(policy under test) | simulated waits
 *
 * P is what prim() counted under the captured preset in the preparatory run,
 * so the same policy replays its own segment lengths. A fault has no recorded
 * duration: there P is everything the model charged, and what the gap to the
 * next record holds beyond it is user time.
 *
 * Invariant: the stream has one number per op without duration, one per
 * segment kind for an op with segments under costs: recorded, none otherwise,
 * in the order of the task's records; both runs follow the same rule.
 * Without scheduler events a duration may hold preemption and sleep. An op
 * that took DOUBT_FACTOR times what the model makes of it, and the threshold
 * of a doubtful gap on top, is charged by the model, and counted.
 *
 * Interrupts and wake-ups are simulated, and recorded times hold them: trim.h.
 *
 * Memory: 1 to 3 bytes an op without duration, 4 to 10 for one with segments.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "sim/replay/costs.h"

_Static_assert((int)SEG_PRE == (int)KOP_PRE && (int)SEG_W == (int)KOP_W &&
	       (int)SEG_R == (int)KOP_R && (int)SEG_POST == (int)KOP_POST &&
	       (int)SEG_KIND_COUNT == (int)KOP_SEGS, "segments of trace and mm");

enum { CLIP_PCT_MAX = 5, DOUBT_FACTOR = 4 };

struct costs *costs_new(const struct trace_header *h, const struct profile *p,
			bool segments, int64_t doubt_ns)
{
	struct costs *c = xcalloc(1, sizeof(*c));

	c->tasks = xcalloc(h->task_count, sizeof(*c->tasks));
	c->task_count = h->task_count;
	c->segments = segments;
	c->doubt_ns = h->have & HAVE_SCHED ? INT64_MAX : doubt_ns;
	c->ipis = h->have & HAVE_TLB;
	c->wakes = !h->simulated;
	c->asked[COST_TLB_REMOTE_HANDLER] = true;
	c->asked[COST_TLB_LOCAL_FULL] = true;
	c->irq_least_ns = p->cost[COST_IRQ_ENTRY].value;
	/* the sender is done before the receiver, and waits for that */
	c->ipi_ns = p->cost[COST_IPI_LATENCY].value +
		    p->cost[COST_IRQ_ENTRY].value +
		    p->cost[COST_IPI_RECEIVE].value +
		    p->cost[COST_TLB_REMOTE_HANDLER].value +
		    p->cost[COST_TLB_LOCAL_FULL].value;
	return c;
}

void costs_free(struct costs *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; i < c->task_count; i++)
		stream_release(&c->tasks[i]);
	for (int i = 0; i < OP_KIND_COUNT; i++)
		for (int s = 0; s < KOP_SEGS; s++)
			hist_release(&c->kind[i].trim[s].ns);
	hist_release(&c->think.ns);
	free(c->tasks);
	free(c);
}

uint64_t costs_bytes(const struct costs *c)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < c->task_count; i++)
		bytes += c->tasks[i].room;
	return bytes;
}

int64_t kop_own_ns(const struct kop *k)
{
	int64_t ns = 0;

	for (int i = 0; i < KOP_SEGS; i++)
		ns += k->model_ns[i] + k->prim_ns[i];
	return ns;
}

static bool has_segments(const struct costs *c, const struct op *op)
{
	return c->segments && op->segs && op->duration_ns >= 0;
}

static void work_by_kind(const struct op *op, int64_t work_ns[KOP_SEGS])
{
	for (int i = 0; i < KOP_SEGS; i++)
		work_ns[i] = 0;
	for (uint16_t i = 0; i < op->segs; i++)
		work_ns[op->seg[i].kind] += op->seg[i].work_ns;
}

/*
 * Whether a shootdown finds the mm on another CPU depends on timing, and the
 * capture tells: P has the interrupts that were sent then, not those of the
 * preparatory run. Those of the run proper are simulated.
 */
static void captured_ipis(const struct costs *c, const struct op *op,
			  uint64_t ipis, int64_t p_ns[KOP_SEGS])
{
	int64_t more = -(int64_t)ipis;
	int where = KOP_W;

	for (uint16_t i = 0; i < op->segs; i++)
		more += op->seg[i].tlb_ipi;
	if (!c->ipis || !more)
		return;
	for (int i = KOP_R; i < KOP_SEGS; i++)
		if (p_ns[i] > p_ns[where])
			where = i;
	for (uint16_t i = 0; i < op->segs; i++)
		if (op->seg[i].tlb_ipi)
			where = op->seg[i].kind;
	p_ns[where] += more * c->ipi_ns;
	if (p_ns[where] < 0)
		p_ns[where] = 0;
}

static bool doubtful(const struct costs *c, const struct kop *k,
		     const int64_t work_ns[KOP_SEGS])
{
	int64_t ns = 0;

	if (c->doubt_ns == INT64_MAX)
		return false;
	for (int i = 0; i < KOP_SEGS; i++)
		ns += work_ns[i];
	return ns > c->doubt_ns + DOUBT_FACTOR * kop_own_ns(k);
}

/* A segment's number is P + 1; 0 alone stands for an op in doubt. */
static void put_segments(struct costs *c, const struct op *op,
			 const struct kop *k, uint64_t ipis)
{
	struct kind_costs *kind = &c->kind[op->kind];
	struct stream *s = &c->tasks[op->task];
	int64_t work_ns[KOP_SEGS], p_ns[KOP_SEGS];

	work_by_kind(op, work_ns);
	if (doubtful(c, k, work_ns)) {
		kind->doubtful++;
		stream_put(s, 0);
		return;
	}
	memcpy(p_ns, k->prim_ns, sizeof(p_ns));
	captured_ipis(c, op, ipis, p_ns);
	kind->ops++;
	for (int i = 0; i < KOP_SEGS; i++) {
		stream_put(s, (uint64_t)p_ns[i] + 1);
		kind->work_ns += work_ns[i];
		if (c->wakes && k->wake_ns[i]) {
			kind->trim[i].wakes++;
			kind->trim[i].wakes_ns += k->wake_ns[i];
		}
		if (p_ns[i] > work_ns[i])
			kind->clipped_ns += p_ns[i] - work_ns[i];
		else
			hist_record(&kind->trim[i].ns, work_ns[i] - p_ns[i]);
	}
}

void costs_put(struct costs *c, const struct op *op, const struct kop *k,
	       uint64_t ipis)
{
	if (op->duration_ns < 0)
		stream_put(&c->tasks[op->task], (uint64_t)kop_own_ns(k));
	else if (has_segments(c, op))
		put_segments(c, op, k, ipis);
	else
		c->kind[op->kind].without++;
}

/* ---- interrupts ---- */

void costs_thought(struct costs *c, int64_t ns)
{
	hist_record(&c->think.ns, ns);
}

void costs_irqs(struct costs *c, unsigned kind, int64_t ns)
{
	if (kind == OP_FAULT)
		c->think.irq_ns += ns;
	else
		c->kind[kind].irq_ns += ns;
}

int64_t costs_think_ns(const struct costs *c, int64_t ns)
{
	return trim_less(&c->think, ns);
}

static void trim_kind(struct kind_costs *k, int64_t least_ns)
{
	int64_t all_ns = 0;

	for (int i = 0; i < KOP_SEGS; i++) {
		trim_measure(&k->trim[i], least_ns);
		all_ns += k->trim[i].excess_ns;
	}
	for (int i = 0; i < KOP_SEGS; i++)
		trim_share(&k->trim[i], k->irq_ns, all_ns);
}

void costs_judge(struct costs *c, const struct trace_header *h)
{
	for (int i = 0; i < OP_KIND_COUNT; i++) {
		struct kind_costs *k = &c->kind[i];

		k->recorded = c->segments && h->have & HAVE_MMAP_LOCK &&
			      k->work_ns > 0 &&
			      k->clipped_ns * 100 <= k->work_ns * CLIP_PCT_MAX;
		trim_kind(k, c->irq_least_ns);
	}
	trim_measure(&c->think, c->irq_least_ns);
	trim_share(&c->think, c->think.irq_ns, c->think.excess_ns);
}

void costs_segments(const struct op *op, bool tax, int64_t event_tax_ns,
		    struct kop *k)
{
	for (uint16_t i = 0; i < op->segs; i++) {
		const struct op_segment *s = &op->seg[i];

		k->present = (uint8_t)(k->present | 1u << s->kind);
		/* vfork sleeps for its child, which the replay has */
		if (op->kind != OP_VFORK)
			k->sleep_ns[s->kind] += s->sleep_ns;
		if (tax)
			k->tax_ns[s->kind] += s->tax_ns;
	}
	if (tax && op->kind == OP_FAULT)
		k->tax_ns[KOP_PRE] += event_tax_ns;
}

int64_t costs_take(const struct costs *c, const struct op *op, uint32_t *pos,
		   struct kop *k, uint64_t *clipped_ns)
{
	const struct stream *s = &c->tasks[op->task];
	const struct kind_costs *kind = &c->kind[op->kind];
	int64_t work_ns[KOP_SEGS];

	if (op->duration_ns < 0)
		return (int64_t)stream_get(s, pos);
	if (!has_segments(c, op))
		return 0;
	work_by_kind(op, work_ns);
	k->recorded = kind->recorded;
	for (int i = 0; i < KOP_SEGS; i++) {
		uint64_t p = stream_get(s, pos);
		int64_t ns = work_ns[i] - (int64_t)p + 1;

		if (!p) {
			k->recorded = false;
			return 0;
		}
		if (!k->recorded)
			continue;
		if (ns < 0)
			*clipped_ns += (uint64_t)-ns;
		else
			k->seg_ns[i] = trim_less(&kind->trim[i], ns);
	}
	return 0;
}
