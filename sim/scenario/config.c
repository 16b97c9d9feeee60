/*
 * The configuration of a cell as text, one `key=value` a line, in a fixed
 * order. Everything that can change a result is in it, and nothing else:
 * labels, sources of numbers, paths and limits of the host are not.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/base/option.h"
#include "sim/policy/registry.h"
#include "sim/scenario/config.h"
#include "sim/scenario/draft.h"

enum { VALUE_BYTES = 256 };

static void write_options(const char *prefix, const struct option *table,
			  const void *state, const char *skip, FILE *out)
{
	char value[VALUE_BYTES];

	for (const struct option *o = table; o && o->key; o++) {
		if (skip && !strcmp(o->key, skip))
			continue;
		option_format(o, state, value, sizeof(value));
		fprintf(out, "%s.%s=%s\n", prefix, o->key, value);
	}
}

static void write_policies(const struct policy_choice *c, uint64_t skip,
			   FILE *out)
{
	for (unsigned i = 0; i < AXIS_COUNT; i++) {
		if (skip & AXIS_BIT(i))
			continue;
		fprintf(out, "%s=%s\n", axis_names[i], c->on[i]->name);
		if (policy_digest(c->on[i]))
			fprintf(out, "%s.plugin=%s\n", axis_names[i],
				policy_digest(c->on[i]));
		if (c->options[i])
			write_options(axis_names[i], c->on[i]->options,
				      c->options[i], NULL, out);
	}
}

static void write_mmap_rwsem(const struct policy_choice *c, FILE *out)
{
	if (c->mmap_rwsem)
		fprintf(out, "rwsem.mmap_lock=%s\n", c->mmap_rwsem->name);
}

static void write_kernel(const struct kernel_config *k, uint64_t skip,
			 FILE *out)
{
	fprintf(out, "version=%u\nnull=%d\nthp=%u\nmax_map_count=%u\nhung_task_ns=%lld\n",
		k->version, k->null_kernel, k->thp, k->max_map_count,
		(long long)k->hung_task_ns);
	for (unsigned i = 0; i < KERNEL_GROUPS; i++)
		write_options(kernel_groups[i].name, kernel_groups[i].options,
			      kernel_group_of(k, &kernel_groups[i]), NULL, out);
	write_policies(&k->policies, skip, out);
	write_mmap_rwsem(&k->policies, out);
}

static void write_profile(const struct profile *p, FILE *out)
{
	write_options("topology", topology_options, &p->topology, NULL, out);
	write_options("machine", profile_options, p, "description", out);
	for (uint32_t i = 0; i < p->cost_count; i++)
		fprintf(out, "%s=%lld %s\n", profile_cost(i)->key,
			(long long)p->cost[i].value,
			cost_class_names[p->cost[i].cls]);
}

void config_write(const struct cell *c, uint64_t skip, FILE *out)
{
	write_kernel(&c->kernel, skip, out);
	write_options("replay", replay_option_table, &c->replay, "replicates",
		      out);
	write_profile(&c->profile, out);
}

void cell_config_write(const struct cell *c, FILE *out)
{
	config_write(c, 0, out);
	fprintf(out, "seed=%llu\nreplicate=%u\n", (unsigned long long)c->seed,
		c->replicate);
}

static void add_text(struct digest *d, char *text)
{
	digest_add_str(d, text);
	free(text);
}

struct digest config_digest(const struct cell *c, uint64_t skip)
{
	struct digest d;
	struct memtext t;
	FILE *out = memtext_open(&t);
	char *text;

	config_write(c, skip, out);
	text = memtext_close(&t);
	digest_init(&d);
	add_text(&d, text);
	return d;
}

void profile_digests(const struct profile *p, char numbers[DIGEST_TEXT_BYTES],
		     char fits[DIGEST_TEXT_BYTES])
{
	struct digest d;
	struct memtext t;
	FILE *out = memtext_open(&t);
	char *text;

	write_profile(p, out);
	for (uint32_t i = 0; i < p->cost_count; i++)
		fprintf(out, "%lld..%lld\n", (long long)p->cost[i].low,
			(long long)p->cost[i].high);
	text = memtext_close(&t);
	digest_init(&d);
	add_text(&d, text);
	digest_text(&d, numbers);
	digest_init(&d);
	for (size_t i = 0; p->fitted_to[i]; i++)
		digest_add_str(&d, p->fitted_to[i]);
	digest_text(&d, fits);
}

/*
 * The captured kernel is part of an id: recorded costs are what it measured
 * less what its own policies cost.
 */
static void identify(const struct scenario *s, struct cell *c)
{
	char trace[DIGEST_TEXT_BYTES], *text;
	struct digest d;
	struct memtext t;
	FILE *out = memtext_open(&t);

	digest_text(&c->source->digest, trace);
	fprintf(out, "model=%s\n%s=%s\nseries_ns=%lld\n", s->model_id,
		c->source->path ? "trace" : "workload", trace,
		(long long)s->series_ns);
	fputs("captured:\n", out);
	write_kernel(&s->captured, 0, out);
	fputs("cell:\n", out);
	cell_config_write(c, out);
	text = memtext_close(&t);
	digest_init(&d);
	add_text(&d, text);
	digest_text(&d, c->id);
}

void config_identify(struct scenario *s)
{
	for (uint32_t i = 0; i < s->cell_count; i++)
		identify(s, &s->cells[i]);
}
