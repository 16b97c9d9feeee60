#ifndef MMREPLAY_REPLAY_COSTS_H
#define MMREPLAY_REPLAY_COSTS_H

#include "sim/mm/kernel.h"
#include "sim/replay/stream.h"
#include "sim/replay/trim.h"
#include "traces/trace.h"

/*
 * P of MODEL.md 3: what the captured policy costs in this model, per op. A
 * preparatory run under the preset of the captured kernel collects it, the
 * run proper subtracts it from what was recorded.
 */

/** struct kind_costs - how far the recorded times of a kind can be used */
struct kind_costs {
	int64_t work_ns;	/* recorded, over all segments */
	int64_t clipped_ns;	/* by which P exceeds a segment's time */
	uint64_t ops, without;	/* with segments; known duration, no segments */
	uint64_t doubtful;	/* may hold time off the CPU */
	bool recorded;		/* charge residuals */
	int64_t irq_ns;		/* in the preparatory run */
	struct trim trim[KOP_SEGS];
};

struct costs {
	struct stream *tasks;
	uint32_t task_count;
	bool segments;		/* costs: recorded */
	int64_t doubt_ns;
	bool ipis;		/* the capture tells which flushes sent IPIs */
	bool wakes;		/* its work holds the wake-ups of others */
	bool asked[PROFILE_COSTS_MAX];	/* costs that these figures rest on */
	int64_t ipi_ns;		/* what one costs its sender in this model */
	int64_t irq_least_ns;	/* shortest interrupt */
	struct kind_costs kind[OP_KIND_COUNT];
	struct trim think;	/* between ops, and faults */
};

struct costs *costs_new(const struct trace_header *h, const struct profile *p,
			bool segments, int64_t doubt_ns);
void costs_free(struct costs *c);
uint64_t costs_bytes(const struct costs *c);

/** costs_put() - preparatory run: @op was replayed as @k and sent @ipis; all 0
 *  if it was not replayed */
void costs_put(struct costs *c, const struct op *op, const struct kop *k,
	       uint64_t ipis);

/** costs_thought() - preparatory run: the task was on a CPU between ops for @ns */
void costs_thought(struct costs *c, int64_t ns);

/** costs_irqs() - after the preparatory run: interrupts during ops of @kind;
 *  with OP_FAULT, between ops and in faults */
void costs_irqs(struct costs *c, unsigned kind, int64_t ns);

/** costs_judge() - after the preparatory run: which kinds may use residuals */
void costs_judge(struct costs *c, const struct trace_header *h);

/** costs_think_ns() - @ns between ops as recorded, less what was interrupts */
int64_t costs_think_ns(const struct costs *c, int64_t ns);

/**
 * costs_take() - what to charge for @op; fills @k, which is zero but for kind
 * @pos: place in the task's stream, moves on; every op must be asked once
 * Return: P of an op without a duration (all it does), else 0. @clipped_ns
 * grows by what had to be cut off.
 */
int64_t costs_take(const struct costs *c, const struct op *op, uint32_t *pos,
		   struct kop *k, uint64_t *clipped_ns);

/** costs_segments() - sleep and tax of @op's segments, in every mode */
void costs_segments(const struct op *op, bool tax, int64_t event_tax_ns,
		    struct kop *k);

/** kop_own_ns() - what the model charged for an op by itself, without waits */
int64_t kop_own_ns(const struct kop *k);

#endif
