/*
 * The resolved scenario, scenario.yaml of a result folder: every default is
 * written out, every cell stands by itself, and what it refuses or merges is
 * a comment. It is a scenario again: loaded from the folder of the original,
 * it gives the same cells with the same ids.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/base/option.h"
#include "sim/scenario/draft.h"

enum { VALUE_BYTES = 4096 };

/* A double-quoted YAML scalar, or "~" for none. */
static void quote(const char *text, FILE *out)
{
	if (!text) {
		fputc('~', out);
		return;
	}
	fputc('"', out);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20)
			fprintf(out, "\\x%02x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

/* Text of a user in a comment: it may not end the line. */
static void comment(const char *text, FILE *out)
{
	for (; *text; text++)
		fputc((unsigned char)*text < 0x20 ? ' ' : *text, out);
}

static void write_value(const struct option *o, const void *state, FILE *out)
{
	char value[VALUE_BYTES];

	option_format(o, state, value, sizeof(value));
	if (o->type == OPT_STR)
		quote(*(const char *const *)((const char *)state + o->offset), out);
	else
		fputs(value, out);
}

static void write_cost(const char *key, const struct cost_value *v,
		       const char *indent, FILE *out)
{
	fprintf(out, "%s    %s: {value: %lld, class: %s, ", indent, key,
		(long long)v->value, cost_class_names[v->cls]);
	if (v->low != v->high || v->cls == COST_ASSUMED)
		fprintf(out, "range: [%lld, %lld], ", (long long)v->low,
			(long long)v->high);
	fputs("source: ", out);
	quote(v->source, out);
	fputs("}\n", out);
}

static void write_machine(const struct profile *p, const char *indent,
			  FILE *out)
{
	fprintf(out, "%smachine:\n%s  machine: ", indent, indent);
	quote(p->name, out);
	fputc('\n', out);
	for (const struct option *o = profile_options; o->key; o++) {
		fprintf(out, "%s  %s: ", indent, o->key);
		write_value(o, p, out);
		fputc('\n', out);
	}
	fprintf(out, "%s  topology: {", indent);
	for (const struct option *o = topology_options; o->key; o++) {
		fprintf(out, "%s%s: ", o == topology_options ? "" : ", ", o->key);
		write_value(o, &p->topology, out);
	}
	fprintf(out, "}\n%s  fitted_to: [", indent);
	for (size_t i = 0; p->fitted_to[i]; i++) {
		fputs(i ? ", " : "", out);
		quote(p->fitted_to[i], out);
	}
	fprintf(out, "]\n%s  costs:\n", indent);
	for (uint32_t i = 0; i < p->cost_count; i++)
		write_cost(profile_cost(i)->key, &p->cost[i], indent, out);
}

/* Where @state differs from @base: prefix.KEY: value */
static void write_differing(const struct option *table, const void *state,
			    const void *base, const char *prefix,
			    const char *skip, FILE *out)
{
	char value[VALUE_BYTES], old[VALUE_BYTES];

	for (const struct option *o = table; o->key; o++) {
		if (!strcmp(o->key, skip))
			continue;
		option_format(o, state, value, sizeof(value));
		option_format(o, base, old, sizeof(old));
		if (!strcmp(value, old))
			continue;
		fprintf(out, "    %s%s: ", prefix, o->key);
		write_value(o, state, out);
		fputc('\n', out);
	}
}

static void write_cell_machine(const struct profile *p,
			       const struct profile *base, FILE *out)
{
	if (strcmp(p->name, base->name)) {
		write_machine(p, "    ", out);
	} else {
		write_differing(profile_options, p, base, "machine.", "hz", out);
		write_differing(topology_options, &p->topology, &base->topology,
				"machine.topology.", "", out);
		for (uint32_t i = 0; i < p->cost_count; i++)
			if (p->cost[i].value != base->cost[i].value ||
			    p->cost[i].cls != base->cost[i].cls)
				fprintf(out, "    machine.costs.%s: %lld\n",
					profile_cost(i)->key,
					(long long)p->cost[i].value);
	}
	fprintf(out, "    machine.hz: %u\n", p->hz);
}

static void write_policies(const struct policy_choice *c, FILE *out)
{
	for (unsigned i = 0; i < AXIS_COUNT; i++) {
		const struct option *o = c->options[i] ? c->on[i]->options : NULL;

		fprintf(out, "    %s: ", axis_names[i]);
		quote(c->on[i]->name, out);
		fputc('\n', out);
		for (; o && o->key; o++) {
			fprintf(out, "    %s.%s: ", axis_names[i], o->key);
			write_value(o, c->options[i], out);
			fputc('\n', out);
		}
	}
	if (!c->mmap_rwsem)
		return;
	fputs("    rwsem.mmap_lock: ", out);
	quote(c->mmap_rwsem->name, out);
	fputc('\n', out);
}

/* Parameters of a workload that differ from the first cell's. */
static void write_cell_source(const struct source *from,
			      const struct source *base, FILE *out)
{
	for (uint32_t i = 0; from != base && i < from->resolved_count; i++) {
		if (!strcmp(from->resolved[i].value, base->resolved[i].value))
			continue;
		fprintf(out, "    generate.%s: ", from->resolved[i].key);
		quote(from->resolved[i].value, out);
		fputc('\n', out);
	}
}

/* GROUP: {KEY: VALUE ..} */
static void write_group(const struct kernel_group *g,
			const struct kernel_config *k, FILE *out)
{
	const void *state = kernel_group_of(k, g);

	fprintf(out, "    %s: {", g->name);
	for (const struct option *o = g->options; o->key; o++) {
		fprintf(out, "%s%s: ", o == g->options ? "" : ", ", o->key);
		write_value(o, state, out);
	}
	fputs("}\n", out);
}

static void write_cell(const struct scenario *s, const struct cell *c,
		       FILE *out)
{
	static const char *const thp[] = { "never", "madvise", "always" };
	const struct cell *base = &s->cells[0];

	fprintf(out, "    label: ");
	quote(c->label, out);
	fprintf(out, "\n    kernel: ");
	quote(c->kernel.name, out);
	fputc('\n', out);
	if (!c->kernel.null_kernel)
		fprintf(out, "    version: \"%u.%u.%u\"\n",
			c->kernel.version / 1000000,
			c->kernel.version / 1000 % 1000,
			c->kernel.version % 1000);
	write_policies(&c->kernel.policies, out);
	fprintf(out, "    thp: %s\n    max_map_count: %u\n",
		thp[c->kernel.thp], c->kernel.max_map_count);
	for (unsigned i = 0; i < KERNEL_GROUPS; i++)
		write_group(&kernel_groups[i], &c->kernel, out);
	write_cell_source(c->source, base->source, out);
	write_cell_machine(&c->profile, &base->profile, out);
	if (c != base)
		write_differing(replay_option_table, &c->replay, &base->replay,
				"replay.", "", out);
}

static void write_ids(const struct scenario *s, uint32_t first, FILE *out)
{
	for (uint32_t i = first; i < s->cell_count &&
	     (i == first || s->cells[i].replicate); i++)
		fprintf(out, "%s    # cell %s, seed %llu%s\n",
			"", s->cells[i].id, (unsigned long long)s->cells[i].seed,
			first && s->cells[i].baseline ? ", a baseline" : "");
}

static void write_source(const struct scenario *s, FILE *out)
{
	const struct source *from = s->cells[0].source;
	char digest[DIGEST_TEXT_BYTES];

	if (from->path) {
		digest_text(&from->digest, digest);
		fputs("\ntrace: ", out);
		quote(s->trace_text, out);
		fprintf(out, "  # %s\n", digest);
		return;
	}
	fputs("\ngenerate:\n  workload: ", out);
	quote(from->workload.name, out);
	fputc('\n', out);
	for (uint32_t i = 0; i < from->resolved_count; i++) {
		fprintf(out, "  %s: ", from->resolved[i].key);
		quote(from->resolved[i].value, out);
		fputc('\n', out);
	}
}

static void write_head(const struct scenario *s, FILE *out)
{
	fputs("# Resolved: every default is written out.\nscenario: ", out);
	quote(s->name, out);
	if (s->description) {
		fputs("\ndescription: ", out);
		quote(s->description, out);
	}
	write_source(s, out);
	fprintf(out, "seed: %llu\nreport: {hung_task_s: %lld, series_ms: %lld}\n",
		(unsigned long long)s->seed,
		(long long)(s->cells[0].kernel.hung_task_ns / NSEC_PER_SEC),
		(long long)(s->series_ns / NSEC_PER_MSEC));
	fputs("replay:\n", out);
	for (const struct option *o = replay_option_table; o->key; o++) {
		fprintf(out, "  %s: ", o->key);
		write_value(o, &s->cells[0].replay, out);
		fputc('\n', out);
	}
}

static void write_comment(const char *what, const char *label,
			  const char *rest, FILE *out)
{
	fprintf(out, "# %s: ", what);
	comment(label, out);
	fputs(": ", out);
	comment(rest, out);
	fputc('\n', out);
}

void resolve_write(struct scenario *s)
{
	struct memtext t;
	FILE *out = memtext_open(&t);
	bool any = false;
	char *text;

	write_head(s, out);
	fputs("baseline:\n", out);
	write_ids(s, 0, out);
	write_cell(s, &s->cells[0], out);
	for (uint32_t i = 1; i < s->cell_count; i++) {
		if (s->cells[i].replicate)
			continue;
		fputs(any ? "" : "compare:\n", out);
		any = true;
		fputs("  -\n", out);
		write_ids(s, i, out);
		write_cell(s, &s->cells[i], out);
	}
	for (uint32_t i = 0; i < s->refused_count; i++)
		write_comment("refused", s->refused[i].label,
			      s->refused[i].reason, out);
	for (uint32_t i = 0; i < s->merged_count; i++)
		write_comment("the same as another cell", s->merged[i].label,
			      s->merged[i].into, out);
	write_machine(&s->cells[0].profile, "", out);
	text = memtext_close(&t);
	s->resolved_yaml = arena_strdup(&s->arena, text);
	free(text);
}
