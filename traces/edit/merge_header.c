/* The header of a merged trace: one clock, facts of all inputs, tables. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "traces/edit/merge_int.h"

static bool same_run(const struct trace_header *a, const struct trace_header *b)
{
	return a->host[0] && !strcmp(a->host, b->host) &&
	       !strcmp(a->kernel, b->kernel) && !strcmp(a->clock, b->clock) &&
	       a->epoch_ns && b->epoch_ns;
}

static void choose_mode(struct merge *m)
{
	m->one_run = m->o->mode == MERGE_ONE_RUN;
	if (m->o->mode == MERGE_AUTO) {
		m->one_run = true;
		for (unsigned i = 1; i < m->input_count; i++)
			m->one_run &= same_run(m->input[0].h, m->input[i].h);
	}
	m->acct->mode = m->one_run ? MERGE_ONE_RUN : MERGE_HOSTS;
}

/* where each input's time 0 lies on the common clock */
static int align(struct merge *m, struct errbuf *e)
{
	int64_t first = INT64_MAX;

	for (unsigned i = 0; i < m->input_count; i++) {
		struct input *in = &m->input[i];
		int64_t at = m->one_run ? in->h->epoch_ns : 0;

		if (m->one_run && !at && !m->o->offset_ns[i])
			return err_set(e, -EINVAL, "%s: does not say when its "
				       "clock started; give --offset %u=TIME, "
				       "or --hosts", in->path, i + 1);
		if (__builtin_add_overflow(at, m->o->offset_ns[i],
					   &in->shift_ns) ||
		    in->shift_ns > 1LL << 61 || in->shift_ns < -(1LL << 61))
			return err_set(e, -ERANGE, "%s: offset out of range",
				       in->path);
		if (in->shift_ns < first)
			first = in->shift_ns;
	}
	for (unsigned i = 0; i < m->input_count; i++)
		m->input[i].shift_ns -= first;
	m->to.h.epoch_ns = m->one_run ? first : 0;
	return 0;
}

static int one_kernel(struct merge *m, struct errbuf *e)
{
	const char *oldest = m->input[0].h->kernel;

	for (unsigned i = 1; i < m->input_count; i++) {
		const char *kernel = m->input[i].h->kernel;

		if (!strcmp(kernel, m->input[0].h->kernel))
			continue;
		if (m->one_run)
			return err_set(e, -EINVAL, "%s: kernel %s, but %s has "
				       "%s: not one run", m->input[i].path,
				       kernel, m->input[0].path,
				       m->input[0].h->kernel);
		m->acct->kernels_differ = true;
		if (kernel_version(kernel) < kernel_version(oldest))
			oldest = kernel;
	}
	memmove(m->to.h.kernel, oldest, strlen(oldest) + 1);
	return 0;
}

static uint32_t cpus_of(const struct trace_header *h)
{
	return h->cpus_possible > h->cpus_online ? h->cpus_possible :
						   h->cpus_online;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static int add_facts(struct merge *m, struct input *in, struct errbuf *e)
{
	const struct trace_header *h = in->h;
	struct trace_header *to = &m->to.h;

	if (m->one_run) {
		to->cpus_online = larger(to->cpus_online, h->cpus_online);
		to->cpus_possible = larger(to->cpus_possible, h->cpus_possible);
	} else {
		in->cpu_base = m->acct->cpus;
		m->acct->cpus += larger(cpus_of(h), 1);
		to->cpus_online += h->cpus_online;
		to->cpus_possible += h->cpus_possible;
	}
	if (m->acct->cpus > UINT16_MAX)
		return err_set(e, -ERANGE, "%s: more than %d CPUs in all",
			       in->path, UINT16_MAX);
	m->acct->have_some |= h->have;
	m->acct->have_all &= h->have;
	to->emulated |= h->emulated;
	to->synthetic |= h->synthetic;
	to->simulated &= h->simulated;
	if (!h->ops[OP_LOST])	/* losses with a mark are counted as they come */
		to->lost_events += h->lost_events;
	to->clipped_ns += h->clipped_ns;
	to->clipped_ops += h->clipped_ops;
	return 0;
}

int merge_headers(struct merge *m, struct errbuf *e)
{
	const struct trace_header *first = m->input[0].h;
	struct trace_header *to = &m->to.h;
	int ret = 0;

	choose_mode(m);
	*to = *first;
	to->tasks = NULL;
	to->mms = NULL;
	to->task_count = to->mm_count = 0;
	memset(to->ops, 0, sizeof(to->ops));
	to->cpus_online = to->cpus_possible = 0;
	to->lost_events = to->clipped_ns = to->clipped_ops = 0;
	to->span_ns = 0;
	m->acct->have_all = UINT32_MAX;
	for (unsigned i = 0; !ret && i < m->input_count; i++)
		ret = add_facts(m, &m->input[i], e);
	if (!ret)
		ret = one_kernel(m, e);
	if (!ret)
		ret = align(m, e);
	if (m->one_run)
		m->acct->cpus = larger(to->cpus_online, to->cpus_possible);
	else
		snprintf(to->host, sizeof(to->host), "%u hosts",
			 m->input_count);
	/* files of one run complete each other; of hosts, what all have counts */
	to->have = m->one_run ? m->acct->have_some : m->acct->have_all;
	return ret;
}

void merge_tables(struct merge *m)
{
	for (unsigned i = 0; i < m->input_count; i++)
		renumber_finish(&m->input[i].n);
	for (uint32_t i = 0; i < m->to.h.mm_count; i++)
		renumber_sort_areas(&m->to.h.mms[i]);
	m->acct->tasks = m->to.h.task_count;
	m->acct->mms = m->to.h.mm_count;
	m->acct->span_ns = m->to.h.span_ns;
}
