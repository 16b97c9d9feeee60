/*
 * One cell: order pass, preparatory run if costs of the captured policy are
 * needed, the run, its result.
 *
 * Invariant: the same trace, configuration, seed and replicate give the same
 * result, whatever the host; replicate 0 has no jitter. --eager changes
 * nothing but host_events and host_ns.
 *
 * Cost: the order pass decodes the trace once, each run once more. Memory:
 * struct order and struct costs by ops (a few bytes each), all else by live
 * state.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "sim/base/mem.h"
#include "sim/base/option.h"
#include "sim/replay/run.h"

static const char *const pacing_names[] = { "closed", "open", NULL };
static const char *const costs_names[] = { "model", "recorded", NULL };
static const char *const exogenous_names[] = { "keep", "drop", NULL };
static const char *const placement_names[] = { "free", "captured", NULL };
static const char *const tracing_names[] = { "removed", "as-captured", NULL };

#define OPT(k, t, f) .key = k, .type = t, \
	.offset = offsetof(struct replay_options, f)

const struct option replay_option_table[] = {
	{ OPT("pacing", OPT_ENUM, pacing), .def = "closed",
	  .names = pacing_names, .unit = "",
	  .help = "closed: an op follows the previous one and its think time; open: ops start at their recorded time" },
	{ OPT("costs", OPT_ENUM, costs), .def = "model", .names = costs_names,
	  .unit = "", .help = "model: the machine profile; recorded: what the capture measured, by segment" },
	{ OPT("exogenous", OPT_ENUM, exogenous), .def = "keep",
	  .names = exogenous_names, .unit = "",
	  .help = "keep: tasks outside the trace that had the CPU take it again" },
	{ OPT("placement", OPT_ENUM, placement), .def = "free",
	  .names = placement_names, .unit = "",
	  .help = "captured: a task wakes up on the CPU of its next record, as an affinity that traces do not tell would have it" },
	{ OPT("tracing", OPT_ENUM, tracing), .def = "removed",
	  .names = tracing_names, .unit = "",
	  .help = "as-captured: charge the tracer's own time where it was" },
	{ OPT("replicates", OPT_U32, replicates), .def = "1", .min = 1,
	  .max = 10000, .unit = "count", .help = "runs that differ in jitter" },
	{ OPT("instances", OPT_U32, instances), .def = "1", .min = 1,
	  .max = 4096, .unit = "count",
	  .help = "copies of the workload with address spaces of their own" },
	{ OPT("jitter_permille", OPT_U32, jitter_permille), .def = "20",
	  .max = 1000, .unit = "permille",
	  .help = "of think time, from the second replicate on" },
	{ OPT("warmup_ns", OPT_I64, warmup_ns), .def = "0", .max = INT64_MAX,
	  .unit = "ns", .help = "simulated time before statistics begin" },
	{ OPT("sleep_threshold_ns", OPT_I64, sleep_threshold_ns),
	  .def = "50000", .max = INT64_MAX, .unit = "ns",
	  .help = "without scheduler events: longer gaps are sleep or compute, unknown" },
	{ OPT("speedup_lock", OPT_STR, speedup_lock), .def = "~", .unit = "",
	  .help = "virtual speed-up: NAME, NAME.read or NAME.write of `locks`; ~: none" },
	{ OPT("speedup_cost", OPT_STR, speedup_cost), .def = "~", .unit = "",
	  .help = "virtual speed-up: a cost of the machine; user time and recorded costs stay as they are; ~: none" },
	{ OPT("speedup_pct", OPT_U32, speedup_pct), .def = "0", .max = 100,
	  .unit = "percent",
	  .help = "how much shorter it is: work while a task holds speedup_lock, or speedup_cost, to a whole ns" },
	OPTION_END
};

/* ---- one run ---- */

static void warm_up_over(struct engine *e, struct sink *s, uint64_t data)
{
	struct replay *r = (struct replay *)(void *)
			   ((char *)s - offsetof(struct replay, warmup_sink));

	(void)e, (void)data;
	r->metrics->off = false;
	r->warm = true;
}

/* Who a task is, for the timeline; copies of the workload keep apart. */
static bool describe_task(void *arg, uint32_t task, struct event_task *out)
{
	enum { PIDS = 1000000, APART = 10007 };
	const struct replay *r = arg;
	const struct trace_task *t;
	uint32_t shift;

	if (task >= r->task_count)
		return false;
	t = &r->h->tasks[task % r->h->task_count];
	shift = task / r->h->task_count * APART;
	*out = (struct event_task){ (t->tgid + shift) % PIDS,
				    (t->tid + shift) % PIDS, t->comm };
	return true;
}

/* What is written while it runs; the preparatory run tells nothing. */
static void sinks_init(struct replay *r)
{
	if (r->preparing)
		return;
	if (r->c->series)
		metrics_series(r->metrics, r->c->series, r->c->series_ns);
	if (!r->c->events)
		return;
	r->metrics->events = events_new(r->c->events, &r->c->window,
					r->c->profile->cpus);
	events_who(r->metrics->events, describe_task, r);
}

static struct tracer tracer_of(const struct trace_header *h)
{
	int64_t event_ns = h->lock_event_tax_ns;

	return (struct tracer){
		.contention_ns = h->have & HAVE_CONTENTION ? event_ns : 0,
		.sched_ns = h->have & HAVE_SCHED ? event_ns : 0,
		.shootdown_ns = h->have & HAVE_TLB ? event_ns : 0,
	};
}

static void run_init(struct replay *r)
{
	r->metrics = r->out->metrics = metrics_new();
	machine_init(&r->m, r->c->profile, r->c->seed, r->metrics);
	/* recorded costs have the tracer's time in them, also where it goes */
	if (r->preparing || r->o->tracing == TRACING_AS_CAPTURED)
		r->m.tracer = tracer_of(r->h);
	r->m.run_to_parity = r->kernel->version >= 6006000;
	r->m.engine.eager = r->c->eager;
	r->m.shorten_pct = r->o->speedup_pct;
	if (r->o->speedup_pct && r->o->speedup_lock)
		metrics_shorten(r->metrics, r->o->speedup_lock);
	sinks_init(r);
	r->k = kernel_new(&r->m, r->kernel);
	kernel_attach(r->k);
	kernel_vmap_frees(r->k, OP_VFREE, OP_VUNMAP, OP_VM_UNMAP_RAM);
	kernel_vmap_backlog(r->k, r->order->lazy_pages,
			    r->order->lazy_area_pages);
	distortion_init(r);
	r->have_sched = r->h->have & HAVE_SCHED;
	if (r->o->warmup_ns) {
		r->metrics->off = true;
		r->warmup_sink.fire = warm_up_over;
		engine_at(&r->m.engine, r->o->warmup_ns,
			  event_order(EVENT_TIMER, 0, TIMER_USER),
			  &r->warmup_sink, 0);
	}
	tasks_init(r);
	tasks_start(r);
}

/* What a CPU has done so far: what it does now counts up to now, and a handler
 * or switch that reaches into the future only so far. */
static void cpu_accounts(const struct cpu *c, sim_ns now,
			 int64_t mode_ns[MODE_COUNT])
{
	int64_t rest = now - c->mode_since_ns;
	unsigned mode = MODE_IDLE;

	if (rest < 0)
		mode = c->mode_ns[MODE_IRQ] >= -rest ? MODE_IRQ : MODE_SYSTEM;
	else if (c->curr)
		mode = c->curr->spinning ? MODE_SPIN : c->curr->mode;
	for (int m = 0; m < MODE_COUNT; m++)
		mode_ns[m] += c->mode_ns[m];
	mode_ns[mode] += rest;
}

/* The workload is over; kernel threads may go on. */
void take_accounts(struct replay *r, sim_ns now)
{
	struct replay_result *o = r->out;

	if (r->accounted)
		return;
	r->accounted = true;
	o->makespan_ns = now;
	for (uint32_t i = 0; i < r->m.cpu_count; i++) {
		const struct cpu *c = &r->m.cpus[i];

		cpu_accounts(c, now, o->mode_ns);
		o->irq_user_ns += c->irq_user_ns;
		for (int m = 0; m < COST_CLASS_COUNT; m++)
			o->class_ns[m] += c->class_ns[m];
	}
	for (uint32_t i = 0; i < r->task_count; i++)
		for (int m = 0; m < COST_CLASS_COUNT; m++)
			o->class_ns[m] += r->tasks[i].task.class_ns[m];
	kernel_thread_class_ns(r->k, o->class_ns);
	memcpy(o->cost_times, r->m.cost_times, sizeof(o->cost_times));
	memcpy(o->cost_less_ns, r->m.cost_less_ns, sizeof(o->cost_less_ns));
	memcpy(o->cost_asked, r->m.cost_asked, sizeof(o->cost_asked));
}

static uint64_t counter(const struct metrics *m, const char *name)
{
	for (uint32_t i = 0; i < m->counter_count; i++)
		if (!strcmp(m->counter_names[i], name))
			return m->counters[i];
	return 0;
}

static int run_result(struct replay *r)
{
	if (r->err)
		return r->err;
	if (r->m.failed)
		return err_set(r->e, -EAGAIN, "simulated machine: %s",
			       r->m.failed);
	if (r->live)
		return stuck(r);
	take_accounts(r, r->m.end_ns);
	r->out->contacts = r->m.contacts;
	kernel_rcu_stats(r->k, &r->out->rcu);
	kernel_vmap_report(r->k, &r->out->vmap);
	r->out->host_events = r->m.engine.events;
	r->out->spurious_faults = counter(r->metrics, "fault_spurious");
	if (r->c->final_state_path && !r->preparing)
		return final_state_write(r);
	return 0;
}

static int64_t host_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

/* Only a build with MMREPLAY_TEST calls it. */
static void check_kernel(struct engine *e, void *arg)
{
	struct replay *r = arg;

	(void)e;
	if (++r->events % r->c->check_every == 0)
		kernel_check(r->k);
}

/*
 * A run that stopped early stands in the middle of calls: locks held, areas
 * half taken apart, work on fibers. Nothing walks through that any more; it
 * stays as it is until the process of the cell ends, and for leak checkers it
 * stays in sight.
 */
static void abandon(struct replay *r)
{
	static struct replay *abandoned;

	r->abandoned = abandoned;
	abandoned = r;
}

/* @costs: collected into while @preparing, else read from; may be NULL */
static int run_once(const struct replay *shape, struct replay_result *out)
{
	struct replay *r = xcalloc(1, sizeof(*r));
	int64_t started_ns = host_now_ns();
	int ret;

	*r = *shape;
	r->out = out;
	r->records_total = r->order->records * r->instances;
	ret = export_open(r);
	if (ret) {
		free(r);
		return ret;
	}
	run_init(r);
	if (r->c->check_every) {
		r->m.engine.check = check_kernel;
		r->m.engine.check_arg = r;
	}
	if (r->live)
		machine_run(&r->m);
	ret = export_close(r, run_result(r));
	if (!ret)
		kernel_finish(r->k);
	if (!ret && !r->preparing)
		warn_of_run(r);
	events_free(r->metrics->events);
	r->metrics->events = NULL;
	if (ret) {
		abandon(r);
		return ret;
	}
	kernel_free(r->k);
	tasks_release(r);
	machine_release(&r->m);
	out->host_ns = host_now_ns() - started_ns;
	free(r);
	return 0;
}

/* ---- the cell ---- */

/* Does what the captured policy costs differ from what this run's ops cost? */
static bool needs_preparation(const struct replay *r)
{
	if (r->o->costs == COSTS_RECORDED && r->h->have & HAVE_MMAP_LOCK)
		return true;
	if (!r->order->unknown_durations || !r->c->captured)
		return false;
	return r->o->speedup_pct || r->c->replicate || r->o->pacing == PACING_OPEN ||
	       r->o->instances > 1 ||
	       r->c->kernel->null_kernel != r->c->captured->null_kernel ||
	       memcmp(r->c->kernel->policies.on, r->c->captured->policies.on,
		      sizeof(r->c->kernel->policies.on)) ||
	       r->c->kernel->policies.mmap_rwsem !=
	       r->c->captured->policies.mmap_rwsem ||
	       r->c->kernel->thp != r->c->captured->thp;
}

/*
 * Interrupts of the preparatory run: those during ops by kind; those that hit
 * user time. A simulated trace has the former apart from work.
 */
static void interrupts(struct costs *c, const struct trace_header *h,
		       const struct replay_result *out)
{
	for (unsigned i = 0; i < OP_KIND_COUNT; i++)
		if (i == OP_FAULT || !h->simulated)
			costs_irqs(c, i, out->op_time[i].irq_ns);
	costs_irqs(c, OP_FAULT, out->irq_user_ns);
}

/* The trace as captured, once, for the costs of its policy. */
static int prepare(struct replay *shape)
{
	struct replay_result *out = xcalloc(1, sizeof(*out));
	struct replay_options o = *shape->o;
	struct replay_config c = *shape->c;
	struct replay prep = *shape;
	int ret;

	o.pacing = PACING_CLOSED;
	o.instances = 1;
	o.warmup_ns = 0;
	o.speedup_pct = 0;
	c.replicate = 0;
	c.progress = NULL;
	prep.o = &o;
	prep.c = &c;
	prep.instances = 1;
	prep.kernel = c.captured ? c.captured : c.kernel;
	prep.preparing = true;
	shape->costs = costs_new(shape->h, c.profile,
				 o.costs == COSTS_RECORDED,
				 o.sleep_threshold_ns);
	prep.costs = shape->costs;
	ret = run_once(&prep, out);
	if (!ret && o.costs == COSTS_RECORDED && !shape->h->synthetic)
		interrupts(shape->costs, shape->h, out);
	for (unsigned i = 0; i < PROFILE_COSTS_MAX; i++)
		shape->costs->asked[i] |= out->cost_asked[i];
	costs_judge(shape->costs, shape->h);
	replay_result_release(out);
	free(out);
	return ret;
}

/* The machine with one cost less: what the captured kernel cost stays. */
static void speed_up(struct profile *p, const struct replay_options *o)
{
	for (uint32_t i = 0; o->speedup_cost && i < p->cost_count; i++) {
		const char *key = i < MACHINE_COST_COUNT ? machine_costs[i].key :
				  mm_costs[i - MACHINE_COST_COUNT].key;
		int64_t ns = p->cost[i].value, pct = o->speedup_pct;

		if (!strcmp(key, o->speedup_cost))
			p->cost[i].value = ns - (ns / 100 * pct +
						 (ns % 100 * pct + 50) / 100);
	}
}

static void describe_costs(const struct replay *r, struct replay_result *out)
{
	out->order_edges = r->order->edges;
	out->order_implied = r->order->implied;
	out->order_bytes = r->order->bytes;
	if (!r->costs)
		return;
	out->cost_bytes = costs_bytes(r->costs);
	for (int i = 0; i < PROFILE_COSTS_MAX; i++)
		out->cost_asked[i] |= r->costs->asked[i];
	for (int i = 0; i < OP_KIND_COUNT; i++)
		out->recorded_costs[i] = r->costs->kind[i].recorded;
}

int replay_run(struct mmt_reader *trace, const struct replay_config *c,
	       struct replay_result *out, struct errbuf *e)
{
	struct replay r = { .c = c, .o = &c->options, .kernel = c->kernel,
			    .trace = trace, .h = mmt_header(trace), .out = out,
			    .e = e };
	struct replay_config fast = *c;
	struct profile profile = *c->profile;
	struct order *order;
	int ret = 0;

	*out = (struct replay_result){ 0 };
	r.instances = c->options.instances ? c->options.instances : 1;
	if ((uint64_t)r.instances * r.h->task_count >= 1u << 24)
		return err_set(e, -E2BIG, "%u instances of %u tasks: more than 2^24 tasks",
			       r.instances, r.h->task_count);
	order = order_build(trace, e);
	if (!order)
		return e->code ? e->code : -EIO;
	r.order = order;
	if (needs_preparation(&r))
		ret = prepare(&r);
	speed_up(&profile, &c->options);
	fast.profile = &profile;
	r.c = &fast;
	if (!ret)
		ret = run_once(&r, out);
	describe_costs(&r, out);
	costs_free(r.costs);
	order_free(order);
	if (ret)
		replay_result_release(out);
	return ret;
}

void replay_result_release(struct replay_result *r)
{
	if (r->metrics)
		metrics_free(r->metrics);
	hist_release(&r->drift_ns);
	hist_release(&r->gap_ns);
	hist_release(&r->rcu.period_ns);
	free(r->vmap.pool);
	arena_release(&r->arena);
	*r = (struct replay_result){ 0 };
}
