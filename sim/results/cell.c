/*
 * One cell as JSON, the shape of DESIGN.md 8; analysis/RESULTS.md says what
 * each key means. A key that a cell has nothing for is absent, not zero.
 *
 * Sums were made in integers; the only divisions are here, one per share.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/base/json.h"
#include "sim/policy/registry.h"
#include "sim/results/cell.h"

static const char *const side_names[SIDE_COUNT] = { "write", "read" };

static void set_int(json_t *o, const char *key, int64_t value)
{
	json_object_set_new(o, key, json_integer((json_int_t)value));
}

static void set_uint(json_t *o, const char *key, uint64_t value)
{
	set_int(o, key, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static void set_text(json_t *o, const char *key, const char *text)
{
	json_object_set_new(o, key, text ? json_text(text) : json_null());
}

/* part / whole; 0 of nothing is 0. */
static void set_share(json_t *o, const char *key, __int128 part, __int128 whole)
{
	json_object_set_new(o, key, whole > 0 ?
			    json_real((double)part / (double)whole) :
			    json_real(0));
}

static json_t *text_list(const char *const *list)
{
	json_t *a = json_array();

	for (size_t i = 0; list && list[i]; i++)
		json_array_append_new(a, json_text(list[i]));
	return a;
}

const char *cell_op_name(unsigned op)
{
	return op < OP_KIND_COUNT ? op_kinds[op].name : "worker";
}

json_t *cell_params(const struct cell *c)
{
	json_t *o = json_object();

	for (uint32_t i = 0; i < c->param_count; i++) {
		const char *text = c->params[i].value;
		char *end;
		long long whole = strtoll(text, &end, 0);

		json_object_set_new_nocheck(o, c->params[i].key, *end ?
			json_text(text) : json_integer((json_int_t)whole));
	}
	return o;
}

/* What is known of a cell before it runs; a failed one has no more. */
static json_t *head(const struct cell *c)
{
	json_t *o = json_object(), *policies = json_object();

	set_text(o, "id", c->id);
	set_text(o, "label", c->label);
	json_object_set_new(o, "baseline", json_boolean(c->baseline));
	set_text(o, "kernel", c->kernel.name);
	set_text(o, "machine", c->profile.name);
	set_uint(o, "seed", c->seed);
	for (unsigned i = 0; i < AXIS_COUNT; i++)
		set_text(policies, axis_names[i], c->kernel.policies.on[i]->name);
	if (c->kernel.policies.mmap_rwsem)
		set_text(policies, "rwsem.mmap_lock",
			 c->kernel.policies.mmap_rwsem->name);
	json_object_set_new(o, "policies", policies);
	json_object_set_new(o, "inert", text_list(c->inert));
	json_object_set_new(o, "params", cell_params(c));
	return o;
}

static json_t *trace_part(const struct cell *c, const struct trace_header *h,
			  const struct digest *digest,
			  const struct replay_result *r)
{
	json_t *o = json_object(), *unreplayed = json_object();
	char text[DIGEST_TEXT_BYTES];

	digest_text(digest, text);
	set_text(o, "digest", text);
	if (!c->source->path)
		set_text(o, "generated", c->source->text);
	set_uint(o, "lost", h ? h->lost_events : 0);
	for (unsigned i = 0; r && i < OP_KIND_COUNT; i++)
		if (r->unreplayed[i])
			set_uint(unreplayed, cell_op_name(i), r->unreplayed[i]);
	json_object_set_new(o, "unreplayed", unreplayed);
	set_text(o, "tracing", c->replay.tracing == TRACING_AS_CAPTURED ?
		 "as-captured" : "removed");
	return o;
}

static json_t *run_part(const struct replay_result *r)
{
	json_t *o = json_object();

	set_uint(o, "ops", r->ops);
	set_uint(o, "contacts", r->contacts);
	set_int(o, "makespan_ns", r->makespan_ns);
	set_int(o, "sim_ops_per_s", r->makespan_ns > 0 ?
		(int64_t)((__int128)r->ops * NSEC_PER_SEC / r->makespan_ns) : 0);
	return o;
}

/*
 * exogenous_share: sleeps that nobody in the trace ended, kept at their
 * length, as a part of the task time between ops.
 */
static json_t *distortion_part(const struct cell *c,
			       const struct trace_header *h,
			       const struct replay_result *r)
{
	json_t *o = json_object();

	set_share(o, "moved_share", (__int128)r->moved_ops, (__int128)r->ops);
	json_object_set_new(o, "drift_ns", json_quantiles(&r->drift_ns));
	set_int(o, "order_wait_ns", r->order_wait_ns);
	set_share(o, "exogenous_share", r->exogenous_ns,
		  (__int128)r->exogenous_ns + r->think_ns);
	set_uint(o, "max_runnable_per_mm", r->max_runnable_per_mm);
	set_uint(o, "cpus_captured", h->cpus_online);
	set_uint(o, "cpus_simulated", c->profile.cpus);
	return o;
}

static json_t *latency_part(const struct replay_result *r)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < OP_KIND_COUNT; i++)
		if (r->metrics->latency_ns[i].count)
			json_object_set_new(o, cell_op_name(i), json_quantiles(
				&r->metrics->latency_ns[i]));
	return o;
}

/* Where the time of each kind went: the parts of its latencies. */
static json_t *op_time_part(const struct replay_result *r)
{
	json_t *all = json_object();

	for (unsigned i = 0; i < OP_KIND_COUNT; i++) {
		json_t *o;

		if (!r->metrics->latency_ns[i].count)
			continue;
		o = json_object();
		set_int(o, "work", r->op_time[i].work_ns);
		set_int(o, "line", r->op_time[i].line_ns);
		set_int(o, "spin", r->op_time[i].spin_ns);
		set_int(o, "sleep", r->op_time[i].sleep_ns);
		set_int(o, "runqueue", r->op_time[i].runqueue_ns);
		set_int(o, "irq", r->op_time[i].irq_ns);
		json_object_set_new(all, cell_op_name(i), o);
	}
	return all;
}

static json_t *side_part(const struct lock_side_stats *s)
{
	json_t *o = json_object();

	set_uint(o, "acquired", s->acquired);
	set_uint(o, "contended", s->contended);
	if (s->failed_trylocks)
		set_uint(o, "failed_trylocks", s->failed_trylocks);
	json_object_set_new(o, "wait_ns", json_quantiles(&s->wait_ns));
	json_object_set_new(o, "hold_ns", json_quantiles(&s->hold_ns));
	set_int(o, "waited_ns", (int64_t)s->wait_ns.sum);
	set_int(o, "spin_ns", s->spin_ns);
	set_int(o, "sleep_ns", s->sleep_ns);
	set_uint(o, "sleeps", s->sleeps);
	return o;
}

/* A lock class that nobody took or tried is absent, and so is its side. */
static bool side_used(const struct lock_side_stats *s)
{
	return s->acquired || s->failed_trylocks;
}

static json_t *locks_part(const struct metrics *m)
{
	json_t *all = json_object();

	for (uint32_t i = 0; i < m->lock_count; i++) {
		const struct lock_class *c = m->locks[i];
		json_t *o = json_object();

		if (c->sides && side_used(&c->side[SIDE_READ]))
			json_object_set_new(o, "read",
					    side_part(&c->side[SIDE_READ]));
		if (side_used(&c->side[SIDE_WRITE]))
			json_object_set_new(o, "write",
					    side_part(&c->side[SIDE_WRITE]));
		if (json_object_size(o))
			json_object_set_new(all, c->name, o);
		else
			json_decref(o);
	}
	return all;
}

/** struct blame_row - one entry of the blame list, before it is sorted */
struct blame_row {
	int64_t ns;
	uint64_t count;
	uint32_t lock;
	unsigned waiter, holder;
};

/* Longest wait first; equal ones in the order of locks and kinds. */
static int by_wait(const void *a, const void *b)
{
	const struct blame_row *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns > y->ns ? -1 : 1;
	if (x->lock != y->lock)
		return x->lock < y->lock ? -1 : 1;
	if (x->waiter != y->waiter)
		return x->waiter < y->waiter ? -1 : 1;
	return x->holder < y->holder ? -1 : x->holder > y->holder;
}

static json_t *blame_part(const struct metrics *m)
{
	struct blame_row *rows = NULL;
	json_t *list = json_array();
	size_t count = 0;

	for (uint32_t i = 0; i < m->lock_count; i++) {
		for (unsigned k = 0; k < METRIC_OPS_MAX * METRIC_OPS_MAX; k++) {
			if (!m->locks[i]->blame_count[k])
				continue;
			if ((count & (count + 1)) == 0)	/* 0, 1, 3, 7, ... */
				rows = xrealloc(rows, 2 * count + 1,
						sizeof(*rows));
			rows[count++] = (struct blame_row){
				m->locks[i]->blame_ns[k],
				m->locks[i]->blame_count[k], i,
				k / METRIC_OPS_MAX, k % METRIC_OPS_MAX };
		}
	}
	if (rows)
		qsort(rows, count, sizeof(*rows), by_wait);
	for (size_t i = 0; i < count; i++) {
		json_t *o = json_object();

		set_text(o, "lock", m->locks[rows[i].lock]->name);
		set_text(o, "waiter", cell_op_name(rows[i].waiter));
		set_text(o, "holder", cell_op_name(rows[i].holder));
		set_int(o, "wait_ns", rows[i].ns);
		set_uint(o, "count", rows[i].count);
		json_array_append_new(list, o);
	}
	free(rows);
	return list;
}

static json_t *vmstat_part(const struct metrics *m)
{
	json_t *o = json_object();

	for (uint32_t i = 0; i < m->counter_count; i++)
		set_uint(o, m->counter_names[i], m->counters[i]);
	return o;
}

static json_t *cpu_part(const struct replay_result *r)
{
	static const struct {
		const char *name;
		enum cpu_mode mode;
	} modes[] = {
		{ "user", MODE_USER }, { "system", MODE_SYSTEM },
		{ "spin", MODE_SPIN }, { "irq", MODE_IRQ },
		{ "idle", MODE_IDLE }, { "ghost", MODE_GHOST }
	};
	json_t *o = json_object();

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (modes[i].mode != MODE_GHOST || r->mode_ns[MODE_GHOST])
			set_int(o, modes[i].name, r->mode_ns[modes[i].mode]);
	return o;
}

/* What RCU did, and its share of the time in which CPUs were not idle. */
static json_t *rcu_part(const struct replay_result *r)
{
	const struct rcu_stats *s = &r->rcu;
	int64_t busy = 0, callbacks = s->softirq_ns + s->ksoftirqd_ns +
				      s->rcuop_ns;
	json_t *o = json_object();

	for (int i = 0; i < MODE_COUNT; i++)
		if (i != MODE_IDLE)
			busy += r->mode_ns[i];
	set_uint(o, "called", s->called);
	set_uint(o, "called_lazy", s->called_lazy);
	set_uint(o, "invoked", s->invoked);
	set_uint(o, "batches", s->batches);
	set_uint(o, "bypassed", s->bypassed);
	set_uint(o, "nocb_wakes", s->nocb_wakes);
	json_object_set_new(o, "period_ns", json_quantiles(&s->period_ns));
	set_int(o, "call_ns", s->call_ns);
	set_int(o, "softirq_ns", s->softirq_ns);
	set_int(o, "ksoftirqd_ns", s->ksoftirqd_ns);
	set_int(o, "rcuop_ns", s->rcuop_ns);
	set_int(o, "rcuog_ns", s->rcuog_ns);
	set_share(o, "callback_share", callbacks, busy);
	return o;
}

static json_t *hung_part(const struct replay_result *r)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < r->hung_count; i++) {
		json_t *o = json_object();

		set_int(o, "wait_ns", r->hung[i].wait_ns);
		set_text(o, "lock", r->hung[i].mm_lock);
		set_text(o, "victim", r->hung[i].victim);
		set_text(o, "holder", r->hung[i].holder);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *cost_share_part(const struct replay_result *r)
{
	json_t *o = json_object();
	__int128 whole = 0;

	for (unsigned i = 0; i < COST_CLASS_COUNT; i++)
		whole += r->class_ns[i];
	for (unsigned i = 0; i < COST_CLASS_COUNT; i++)
		set_share(o, cost_class_names[i], r->class_ns[i], whole);
	return o;
}

/* Every cost that could have had an effect: what it came to, and how sure it is. */
static json_t *costs_part(const struct cell *c, const struct replay_result *r)
{
	json_t *all = json_object();

	for (uint32_t i = 0; i < c->profile.cost_count; i++) {
		const struct cost_value *v = &c->profile.cost[i];
		json_t *o;

		if (!r->cost_times[i] && !r->cost_asked[i])
			continue;
		o = json_object();
		set_int(o, "times", (int64_t)r->cost_times[i]);
		set_int(o, "total_ns", (int64_t)r->cost_times[i] * v->value -
				       r->cost_less_ns[i]);
		set_int(o, "value", v->value);
		set_int(o, "low", v->low);
		set_int(o, "high", v->high);
		set_text(o, "class", cost_class_names[v->cls]);
		json_object_set_new(all, profile_cost(i)->key, o);
	}
	return all;
}

static json_t *warnings_part(const struct cell *c,
			     const struct replay_result *r)
{
	json_t *list = text_list(c->warnings);

	for (uint32_t i = 0; i < r->warnings; i++)
		json_array_append_new(list, json_text(r->warning[i]));
	return list;
}

static void add_hist(json_t *all, const char *path, const struct hist *h)
{
	if (h->count)
		json_object_set_new(all, path, json_buckets(h));
}

static json_t *hist_part(const struct replay_result *r)
{
	const struct metrics *m = r->metrics;
	json_t *all = json_object();
	char path[128];

	for (unsigned i = 0; i < OP_KIND_COUNT; i++) {
		snprintf(path, sizeof(path), "latency_ns.%s", cell_op_name(i));
		add_hist(all, path, &m->latency_ns[i]);
	}
	for (uint32_t i = 0; i < m->lock_count; i++) {
		for (unsigned side = SIDE_COUNT; side-- > 0;) {
			const struct lock_side_stats *s = &m->locks[i]->side[side];

			snprintf(path, sizeof(path), "locks.%s.%s.wait_ns",
				 m->locks[i]->name, side_names[side]);
			add_hist(all, path, &s->wait_ns);
			snprintf(path, sizeof(path), "locks.%s.%s.hold_ns",
				 m->locks[i]->name, side_names[side]);
			add_hist(all, path, &s->hold_ns);
		}
	}
	add_hist(all, "gap_ns.fault", &r->gap_ns);
	add_hist(all, "distortion.drift_ns", &r->drift_ns);
	return all;
}

json_t *cell_json(const struct scenario *s, const struct cell *c,
		  const struct trace_header *h, const struct digest *trace,
		  const struct replay_result *r)
{
	json_t *o = head(c), *vmap;

	(void)s;
	json_object_set_new(o, "trace", trace_part(c, h, trace, r));
	json_object_set_new(o, "run", run_part(r));
	json_object_set_new(o, "distortion", distortion_part(c, h, r));
	json_object_set_new(o, "latency_ns", latency_part(r));
	if (r->gap_ns.count)
		json_object_set_new(o, "gap_ns", json_pack("{s:o}",
			"fault", json_quantiles(&r->gap_ns)));
	json_object_set_new(o, "op_time_ns", op_time_part(r));
	json_object_set_new(o, "locks", locks_part(r->metrics));
	json_object_set_new(o, "blame", blame_part(r->metrics));
	json_object_set_new(o, "hold", cell_hold_json(r, false));
	json_object_set_new(o, "hold_va", cell_hold_json(r, true));
	vmap = cell_vmap_json(r);
	if (vmap)
		json_object_set_new(o, "vmap", vmap);
	json_object_set_new(o, "vmstat", vmstat_part(r->metrics));
	json_object_set_new(o, "cpu_ns", cpu_part(r));
	if (r->rcu.called)
		json_object_set_new(o, "rcu", rcu_part(r));
	json_object_set_new(o, "hung_tasks", hung_part(r));
	json_object_set_new(o, "cost_share", cost_share_part(r));
	json_object_set_new(o, "costs", costs_part(c, r));
	json_object_set_new(o, "warnings", warnings_part(c, r));
	json_object_set_new(o, "failed", json_null());
	json_object_set_new(o, "hist", hist_part(r));
	return o;
}

json_t *cell_failed_json(const struct cell *c, const struct digest *trace,
			 const char *why)
{
	json_t *o = head(c);

	json_object_set_new(o, "trace", trace_part(c, NULL, trace, NULL));
	json_object_set_new(o, "warnings", text_list(c->warnings));
	set_text(o, "failed", why);
	return o;
}
