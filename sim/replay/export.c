/*
 * The simulated run as a trace (MODEL.md 3, synthetic truth): what a perfect
 * observer without cost would have recorded.
 *
 *   op        start and latency as simulated; a fault has no duration, as in
 *             a capture
 *   segments  work_ns is the op's own work, primitives included; whatever
 *             else its latency holds (locks, cache lines, interrupts, other
 *             tasks on the CPU) is the wait of its first locked segment
 *   sched-out, sched-in, waking   as the simulated CPUs did it
 *
 * A replay with recorded costs under the same policy charges the same work
 * and meets the same waits. What differs: work of a segment is charged at its
 * beginning, not where the path does it; interrupts between ops are think
 * time here, and come again there.
 *
 * Invariant: records of a task are in start order: those that fall into an op
 * are kept until the op is written.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "sim/base/mem.h"
#include "sim/replay/run.h"

/** struct nested - records of a task that fell into its op */
struct nested {
	struct op *ops;
	uint32_t count, room;
};

struct export {
	struct mmt_writer *w;
	struct nested *nested;		/* by task */
	uint32_t task_count;
};

int export_open(struct replay *r)
{
	struct export *x;

	if (!r->c->export_path || r->preparing)
		return 0;
	if (r->instances > 1)
		return err_set(r->e, -EINVAL, "a run of %u instances cannot be exported: their tasks would have the same names",
			       r->instances);
	x = xcalloc(1, sizeof(*x));
	x->w = mmt_create(r->c->export_path, r->e);
	if (!x->w) {
		free(x);
		return r->e->code ? r->e->code : -EIO;
	}
	x->task_count = r->h->task_count;
	x->nested = xcalloc(r->h->task_count, sizeof(*x->nested));
	r->export = x;
	return 0;
}

static void put(struct replay *r, const struct op *op)
{
	int err = r->err ? 0 : mmt_put(r->export->w, op, r->e);

	if (err) {
		r->err = err;
		r->m.engine.stop = true;
	}
}

/* Between ops at once; inside of one when it is over. */
static void put_sched(struct rtask *rt, struct op *op)
{
	struct nested *n = &rt->r->export->nested[rt->trace];

	if (!rt->task.op) {
		put(rt->r, op);
		return;
	}
	op->flags |= OPF_IN_CALL;
	if (n->count == n->room) {
		n->room = n->room ? n->room * 2 : 4;
		n->ops = xrealloc(n->ops, n->room, sizeof(*n->ops));
	}
	n->ops[n->count++] = *op;
}

void export_switch(struct rtask *rt, enum op_kind kind, uint64_t arg,
		   sim_ns now)
{
	struct op op = { .kind = (uint8_t)kind, .start_ns = now,
			 .duration_ns = TRACE_UNKNOWN_NS, .task = rt->trace,
			 .mm = TRACE_NO_MM, .flags = OPF_RESULT_KNOWN,
			 .cpu = (uint16_t)(rt->task.cpu ? rt->task.cpu->id : 0) };

	op.arg[0] = arg;
	op.arg[1] = kind == OP_SCHED_OUT ? TRACE_NO_TASK : 0;
	put_sched(rt, &op);
}

static int64_t own_of(const struct kop *k, int seg)
{
	int64_t ns = k->prim_ns[seg];

	return ns + (k->recorded ? k->seg_ns[seg] : k->model_ns[seg]);
}

/* What was done under a VMA lock has no lock event to cut it off. */
static void uncut(struct kop *k)
{
	if (!k->area_locked)
		return;
	k->seg_ns[KOP_PRE] += k->seg_ns[KOP_R];
	k->model_ns[KOP_PRE] += k->model_ns[KOP_R];
	k->prim_ns[KOP_PRE] += k->prim_ns[KOP_R];
	k->sleep_ns[KOP_PRE] += k->sleep_ns[KOP_R];
	k->seg_ns[KOP_R] = k->model_ns[KOP_R] = k->prim_ns[KOP_R] = 0;
	k->sleep_ns[KOP_R] = 0;
	k->charged[KOP_R] = false;
}

/* The op's segments: those with work, and any that has to carry the wait. */
static uint16_t segments(const struct rtask *rt, int64_t wait_ns,
			 struct op_segment seg[KOP_SEGS])
{
	const struct kop *k = &rt->kop;
	uint64_t ipis = rtask_ipis(rt) - rt->clock.ipis;
	int locked = KOP_PRE;
	uint16_t n = 0;

	for (int i = KOP_R; i >= KOP_W; i--)
		if (k->charged[i] || own_of(k, i))
			locked = i;
	for (int i = 0; i < KOP_SEGS; i++) {
		struct op_segment *s = &seg[n];

		if (!k->charged[i] && !own_of(k, i) &&
		    !(i == locked && wait_ns))
			continue;
		*s = (struct op_segment){ .kind = (uint8_t)i, .mm = rt->op.mm,
					  .work_ns = own_of(k, i) };
		if (i == locked) {
			s->wait_ns = wait_ns;
			s->contended = wait_ns > 0;
			s->spin_ns = rt->task.mode_ns[MODE_SPIN] -
				     rt->clock.spin_ns;
			s->tlb_ipi = (uint32_t)ipis;
		}
		s->downgraded = i == KOP_R && n && s[-1].kind == SEG_W &&
				rt->op.kind != OP_MMAP;
		n++;
	}
	return n;
}

void export_op(struct rtask *rt)
{
	struct replay *r = rt->r;
	struct op_segment seg[KOP_SEGS];
	struct op op = rt->op;
	struct nested *n;
	int64_t own_ns = 0;

	uncut(&rt->kop);
	for (int i = 0; i < KOP_SEGS; i++)
		own_ns += own_of(&rt->kop, i) + rt->kop.sleep_ns[i];
	op.start_ns = rt->clock.start_ns;
	op.duration_ns = r->m.engine.now_ns - op.start_ns;
	op.cpu = (uint16_t)rt->task.cpu->id;
	op.segs = segments(rt, op.duration_ns > own_ns ?
			       op.duration_ns - own_ns : 0, seg);
	for (uint16_t i = 0; i < op.segs; i++)
		seg[i].sleep_ns = rt->kop.sleep_ns[seg[i].kind];
	op.seg = seg;
	if (op.kind == OP_FAULT) {
		op.duration_ns = TRACE_UNKNOWN_NS;
		op.path = rt->kop.path;
	}
	put(r, &op);
	n = &r->export->nested[rt->trace];
	for (uint32_t i = 0; i < n->count; i++)
		put(r, &n->ops[i]);
	n->count = 0;
}

/* The tables of the source serve: the same tasks and address spaces. */
static struct trace_header header_of(const struct replay *r)
{
	struct trace_header h = *r->h;

	h.simulated = true;
	h.have = HAVE_SYSCALLS | HAVE_FAULTS | HAVE_MMAP_LOCK |
		 HAVE_CONTENTION | HAVE_SCHED | HAVE_WAKING | HAVE_TLB |
		 HAVE_LAYOUT | HAVE_DURATIONS | HAVE_FORK_EXIT | HAVE_NS_CLOCK;
	if (r->h->have & HAVE_VMALLOC)
		h.have |= HAVE_VMALLOC;
	snprintf(h.kernel, sizeof(h.kernel), "%u.%u.%u",
		 r->kernel->version / 1000000, r->kernel->version / 1000 % 1000,
		 r->kernel->version % 1000);
	snprintf(h.tool, sizeof(h.tool), "mmreplay run");
	h.cpus_online = h.cpus_possible = r->m.cpu_count;
	h.span_ns = r->out->makespan_ns;
	h.epoch_ns = 0;
	h.lost_events = h.clipped_ns = h.clipped_ops = 0;
	h.lock_event_tax_ns = h.lock_wait_floor_ns = 0;
	return h;
}

int export_close(struct replay *r, int err)
{
	struct export *x = r->export;
	struct trace_header h;

	if (!x)
		return err;
	if (err) {
		mmt_abort(x->w);
	} else {
		h = header_of(r);
		err = mmt_finish(x->w, &h, r->e);
	}
	for (uint32_t i = 0; i < x->task_count; i++)
		free(x->nested[i].ops);
	free(x->nested);
	free(x);
	r->export = NULL;
	return err;
}
