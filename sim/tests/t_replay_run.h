#ifndef MMREPLAY_TESTS_T_REPLAY_RUN_H
#define MMREPLAY_TESTS_T_REPLAY_RUN_H

/* Running a small trace under a preset, and its whole result as text. */

#include "sim/scenario/scenario.h"
#include "sim/tests/t_replay_trace.h"

struct rig {
	struct arena arena;
	struct profile profile;
	struct kernel_config kernel, captured;
	struct replay_config c;
	struct replay_result r;
	struct errbuf e;
};

static UNUSED void rig_init(struct rig *g, const char *kernel,
			    const char *captured)
{
	const char **stands_in;

	memset(g, 0, sizeof(*g));
	if (profile_load("vm-2cpu", &g->profile, &g->arena, &g->e) ||
	    preset_load(kernel, &g->kernel, &g->arena, &stands_in, &g->e) ||
	    preset_load(captured, &g->captured, &g->arena, &stands_in, &g->e))
		fail_msg("%s", g->e.text);
	g->c.profile = &g->profile;
	g->c.kernel = &g->kernel;
	g->c.captured = &g->captured;
	g->c.seed = 1;
	option_defaults(replay_option_table, &g->c.options, &g->arena);
}

static UNUSED void rig_run(struct rig *g, struct tb *b)
{
	replay_result_release(&g->r);
	if (replay_run(b->reader, &g->c, &g->r, &g->e))
		fail_msg("%s", g->e.text);
}

static UNUSED void rig_release(struct rig *g)
{
	replay_result_release(&g->r);
	arena_release(&g->arena);
}

static UNUSED uint64_t rig_counter(const struct rig *g, const char *name)
{
	for (uint32_t i = 0; i < g->r.metrics->counter_count; i++)
		if (!strcmp(g->r.metrics->counter_names[i], name))
			return g->r.metrics->counters[i];
	return 0;
}

static void dump_bucket(void *arg, int64_t lower, int64_t upper, uint64_t count)
{
	(void)upper;
	fprintf(arg, " %lld:%llu", (long long)lower, (unsigned long long)count);
}

static void dump_hist(FILE *f, const char *what, const struct hist *h)
{
	if (!h->count)
		return;
	fprintf(f, "%s n %llu sum %lld max %lld:", what,
		(unsigned long long)h->count, (long long)h->sum,
		(long long)h->max);
	hist_each(h, dump_bucket, f);
	fputc('\n', f);
}

static void dump_lock(FILE *f, const struct lock_class *c)
{
	for (int s = 0; s < SIDE_COUNT; s++) {
		const struct lock_side_stats *l = &c->side[s];

		fprintf(f, "%s.%d %llu %llu %llu %llu %lld %lld\n", c->name, s,
			(unsigned long long)l->acquired,
			(unsigned long long)l->contended,
			(unsigned long long)l->sleeps,
			(unsigned long long)l->failed_trylocks,
			(long long)l->spin_ns, (long long)l->sleep_ns);
		dump_hist(f, "wait", &l->wait_ns);
		dump_hist(f, "hold", &l->hold_ns);
	}
}

static void dump_hold(FILE *f, const struct hold_class *h)
{
	fprintf(f, "%s %llu %llu %lld\n", h->name,
		(unsigned long long)h->peak_objects,
		(unsigned long long)h->peak_bytes,
		(long long)(h->byte_ns / 1000));
	for (int i = 0; i < METRIC_STAGES_MAX; i++)
		fprintf(f, " %llu/%llu", (unsigned long long)h->stage[i].moved,
			(unsigned long long)h->stage[i].objects);
	fputc('\n', f);
}

/** rig_dump() - everything but what is the host's; caller frees */
static UNUSED char *rig_dump(const struct rig *g)
{
	const struct replay_result *r = &g->r;
	const struct metrics *m = r->metrics;
	char *text = NULL;
	size_t bytes = 0;
	FILE *f = open_memstream(&text, &bytes);

	fprintf(f, "%llu %llu %lld %llu %lld %lld %lld %lld %lld %u %llu %llu\n",
		(unsigned long long)r->ops, (unsigned long long)r->contacts,
		(long long)r->makespan_ns, (unsigned long long)r->moved_ops,
		(long long)r->order_wait_ns, (long long)r->exogenous_ns,
		(long long)r->think_ns, (long long)r->waker_wait_ns,
		(long long)r->fault_floored_ns, r->max_runnable_per_mm,
		(unsigned long long)r->faults_outside,
		(unsigned long long)r->clipped_ns);
	for (int i = 0; i < MODE_COUNT; i++)
		fprintf(f, " %lld", (long long)r->mode_ns[i]);
	for (int i = 0; i < COST_CLASS_COUNT; i++)
		fprintf(f, " %lld", (long long)r->class_ns[i]);
	fputc('\n', f);
	dump_hist(f, "drift", &r->drift_ns);
	dump_hist(f, "order", &m->order_wait_ns);
	for (int i = 0; i < OP_KIND_COUNT; i++) {
		const struct op_time *o = &r->op_time[i];

		dump_hist(f, op_kinds[i].name, &m->latency_ns[i]);
		fprintf(f, "%lld %lld %lld %lld %lld %lld\n",
			(long long)o->work_ns, (long long)o->spin_ns,
			(long long)o->sleep_ns, (long long)o->line_ns,
			(long long)o->runqueue_ns, (long long)o->irq_ns);
	}
	for (uint32_t i = 0; i < m->lock_count; i++)
		dump_lock(f, m->locks[i]);
	for (uint32_t i = 0; i < m->hold_count; i++)
		dump_hold(f, &m->holds[i]);
	for (uint32_t i = 0; i < m->counter_count; i++)
		fprintf(f, "%s %llu\n", m->counter_names[i],
			(unsigned long long)m->counters[i]);
	for (uint32_t i = 0; i < r->warnings; i++)
		fprintf(f, "%s\n", r->warning[i]);
	fclose(f);
	return text;
}

/** rig_accounts() - what must add up in every run */
static UNUSED void rig_accounts(const struct rig *g)
{
	const struct replay_result *r = &g->r;
	int64_t modes = 0;

	for (int i = 0; i < MODE_COUNT; i++)
		modes += r->mode_ns[i];
	assert_int_equal(modes, r->makespan_ns * g->profile.cpus);
	for (int i = 0; i < OP_KIND_COUNT; i++) {
		const struct op_time *o = &r->op_time[i];

		assert_int_equal(o->work_ns + o->spin_ns + o->sleep_ns +
				 o->line_ns + o->runqueue_ns + o->irq_ns,
				 (int64_t)r->metrics->latency_ns[i].sum);
		assert_true(o->work_ns >= 0 && o->spin_ns >= 0 &&
			    o->sleep_ns >= 0 && o->line_ns >= 0 &&
			    o->runqueue_ns >= 0 && o->irq_ns >= 0);
	}
}

#endif
