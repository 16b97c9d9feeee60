/*
 * Words about a run: what a reader must know before believing its numbers,
 * and why a replay that got stuck did. Text is the result's own arena's.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "sim/replay/run.h"

enum { STUCK_SHOWN = 6 };

void warn(struct replay_result *out, const char *fmt, ...)
{
	char text[320];
	va_list ap;

	if (out->warnings == REPLAY_WARNINGS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	out->warning[out->warnings++] = arena_strdup(&out->arena, text);
}

static void warn_of_kind(struct replay_result *out, const char *name,
			 const struct kind_costs *k)
{
	uint64_t all = k->ops + k->without + k->doubtful;

	if (k->ops && !k->recorded) {
		warn(out, "costs: recorded falls back to model for %s: %lld of %lld ns are less than what the captured policy costs in this model",
		     name, (long long)k->clipped_ns, (long long)k->work_ns);
		return;
	}
	if (k->without)
		warn(out, "costs: recorded: %llu of %llu %s have no segments and are charged by the model",
		     (unsigned long long)k->without, (unsigned long long)all,
		     name);
	if (k->doubtful)
		warn(out, "costs: recorded: %llu of %llu %s may hold sleep or preemption (no scheduler events) and are charged by the model",
		     (unsigned long long)k->doubtful, (unsigned long long)all,
		     name);
}

static void warn_of_costs(struct replay *r)
{
	const struct costs *c = r->costs;

	if (r->o->costs != COSTS_RECORDED)
		return;
	if (!(r->h->have & HAVE_MMAP_LOCK)) {
		warn(r->out, "costs: recorded is refused for every kind: the capture has no mmap_lock events, so durations cannot be split; costs: model is used");
		return;
	}
	for (int i = 0; c && i < OP_KIND_COUNT; i++)
		warn_of_kind(r->out, op_kinds[i].name, &c->kind[i]);
}

void warn_of_run(struct replay *r)
{
	struct replay_result *o = r->out;

	warn_of_costs(r);
	if (o->unknown_gap_ns)
		warn(o, "no scheduler events: %lld ns in gaps above %lld ns are sleep or compute, unknown; kept as sleep",
		     (long long)o->unknown_gap_ns,
		     (long long)r->o->sleep_threshold_ns);
	if (o->faults_outside)
		warn(o, "%llu faults hit no area of the replayed address space",
		     (unsigned long long)o->faults_outside);
	if (o->result_differs)
		warn(o, "%llu calls failed in the replay or in the capture, not in both",
		     (unsigned long long)o->result_differs);
	if (o->fault_floored_ns * 10 > o->fault_gap_ns)
		warn(o, "faults: the model's exceed the gaps behind them by %lld ns, where all gaps are %lld ns; user time there is 0",
		     (long long)o->fault_floored_ns,
		     (long long)o->fault_gap_ns);
	if (r->o->warmup_ns && !r->warm)
		warn(o, "the run ended within the warm-up: nothing was measured");
	if (r->metrics->shorten && !metrics_shortens(r->metrics))
		warn(o, "virtual speed-up: this run has no lock '%s', so nothing is shorter",
		     r->metrics->shorten);
	if (r->o->instances > 1)
		warn(o, "%u instances never meet on an mmap_lock: this answers vmalloc, zone, RCU and interrupt questions only",
		     r->o->instances);
}

/* ---- a replay that cannot go on ---- */

static int describe(const struct rtask *rt, char *buf, size_t bytes)
{
	const struct trace_task *tt = &rt->r->h->tasks[rt->trace];
	const struct trace_task *pt;

	if (!rt->pred)
		return snprintf(buf, bytes, "; task %u (%.15s) is inside %s, record %u, at %lld ns",
				tt->tid, tt->comm, op_kinds[rt->op.kind].name,
				rt->seq, (long long)rt->op.start_ns);
	pt = &rt->r->h->tasks[rt->pred->trace];
	return snprintf(buf, bytes, "; task %u (%.15s): %s, record %u, waits for record %u of task %u, which has done %u",
			tt->tid, tt->comm, op_kinds[rt->op.kind].name, rt->seq,
			rt->need, pt->tid, rt->pred->effected);
}

int stuck(struct replay *r)
{
	char text[ERRBUF_BYTES - 128];
	size_t used = 0;
	uint32_t shown = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < r->task_count && shown < STUCK_SHOWN; i++) {
		const struct rtask *rt = &r->tasks[i];
		int n;

		if (!rt->launched || rt->finished)
			continue;
		n = describe(rt, text + used, sizeof(text) - used);
		if (n < 0 || used + (size_t)n >= sizeof(text))
			break;
		used += (size_t)n;
		shown++;
	}
	return err_set(r->e, -EDEADLK, "replay stuck at %lld ns with %u tasks left (a bug of the order rules or of a policy)%s",
		       (long long)r->m.end_ns, r->live, text);
}
