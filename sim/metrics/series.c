/*
 * Time series: hold by class and watched numbers, sampled in simulated time.
 *
 * Sampling adds no event: who is about to change a value says so first, and
 * if a sampling instant has passed since the last change, what has held at
 * that instant is written then. So a row is the value just before its time,
 * rows are in order of time, and a run with series does what it does without.
 *
 * Cost: one comparison a change; a walk over the metrics once a step at most.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "sim/base/errbuf.h"
#include "sim/metrics/metrics.h"

void metrics_series(struct metrics *m, FILE *out, int64_t step_ns)
{
	BUG_ON(step_ns <= 0);
	m->series.out = out;
	m->series.step_ns = step_ns;
	m->series.next_ns = step_ns;
	fputs("t_ns,metric,value\n", out);
}

void metrics_watch(struct metrics *m, const char *name, const uint64_t *value)
{
	struct series_state *s = &m->series;
	uint32_t i = 0;

	while (i < s->watched && strcmp(s->watch[i].name, name))
		i++;
	BUG_ON(i == METRIC_WATCHED_MAX);
	s->watch[i].name = name;
	s->watch[i].value = value;
	s->watched += i == s->watched;
}

/* CLASS.STAGE, and CLASS.STAGE.PLACE where there are several places */
static void write_part(struct metrics *m, const struct hold_class *h,
		       uint32_t part, uint32_t stage, int64_t t_ns)
{
	struct hold_part *p = hold_part_at(h, part, stage);

	if (p->bytes == p->written)
		return;
	p->written = p->bytes;
	fprintf(m->series.out, "%" PRId64 ",%s.%s", t_ns, h->name,
		m->stage_names[stage]);
	if (part < h->parts)
		fprintf(m->series.out, ".%" PRIu32, part);
	fprintf(m->series.out, ",%" PRIu64 "\n", p->bytes);
}

static void write_parts(struct metrics *m, const struct hold_class *h,
			int64_t t_ns)
{
	for (uint32_t s = 0; h->part && s < m->stage_count; s++) {
		write_part(m, h, h->parts, s, t_ns);
		for (uint32_t p = 0; h->parts > 1 && p < h->parts; p++)
			write_part(m, h, p, s, t_ns);
	}
}

static void write_rows(struct metrics *m, int64_t t_ns)
{
	struct series_state *s = &m->series;

	for (uint32_t i = 0; i < m->hold_count; i++) {
		const struct hold_class *h = &m->holds[i];

		if (h->bytes != s->hold_bytes[i]) {
			s->hold_bytes[i] = h->bytes;
			fprintf(s->out, "%" PRId64 ",%s.%s,%" PRIu64 "\n",
				t_ns, h->address_space ? "hold_va" : "hold",
				h->name, h->bytes);
		}
		write_parts(m, h, t_ns);
	}
	for (uint32_t i = 0; i < s->watched; i++) {
		uint64_t now = *s->watch[i].value;

		if (now == s->watch[i].written)
			continue;
		s->watch[i].written = now;
		fprintf(s->out, "%" PRId64 ",%s,%" PRIu64 "\n", t_ns,
			s->watch[i].name, now);
	}
}

void series_take(struct metrics *m, sim_ns now)
{
	struct series_state *s = &m->series;

	if (!s->out)
		return;
	write_rows(m, s->next_ns);
	s->next_ns = (now / s->step_ns + 1) * s->step_ns;
}

void series_end(struct metrics *m, sim_ns now)
{
	struct series_state *s = &m->series;

	if (!s->out)
		return;
	metrics_sample(m, now);
	write_rows(m, now);
}
