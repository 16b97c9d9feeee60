/* mmreplay machines: the cost profiles, each number with class and source. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/getopt.h"
#include "sim/base/json.h"
#include "sim/commands/command.h"
#include "sim/scenario/scenario.h"

static const char help[] =
"usage: mmreplay machines [NAME|FILE.yaml] [--json]\n"
"\n"
"Lists the machine profiles, or all numbers of one: value in ns, class\n"
"(measured, published, derived, assumed), plausible range, and source.\n"
"\n"
"      --json           as JSON, with all numbers\n"
"  -h, --help           this text\n";

static const char *const line_round_names[] = { "socket", "core" };
static const char *const preempt_names[] = { "none", "voluntary", "full" };

static json_t *profile_json(const struct profile *p)
{
	json_t *o = json_object(), *t = json_object(), *costs = json_object();

	json_object_set_new(o, "machine", json_text(p->name));
	json_object_set_new(o, "description", json_text(p->description));
	json_object_set_new(t, "sockets", json_integer(p->topology.sockets));
	json_object_set_new(t, "llcs_per_socket",
			    json_integer(p->topology.llcs_per_socket));
	json_object_set_new(t, "cores_per_llc",
			    json_integer(p->topology.cores_per_llc));
	json_object_set_new(t, "threads_per_core",
			    json_integer(p->topology.threads_per_core));
	json_object_set_new(o, "topology", t);
	json_object_set_new(o, "cpus", json_integer(p->cpus));
	json_object_set_new(o, "cpus_possible", json_integer(p->cpus_possible));
	json_object_set_new(o, "line_bytes", json_integer(p->line_bytes));
	json_object_set_new(o, "line_round",
			    json_text(line_round_names[p->line_round]));
	json_object_set_new(o, "hz", json_integer(p->hz));
	json_object_set_new(o, "preempt", json_text(preempt_names[p->preempt]));
	json_object_set_new(o, "time_slice_ns", json_integer(p->time_slice_ns));
	for (uint32_t i = 0; i < p->cost_count; i++) {
		const struct cost_value *v = &p->cost[i];
		json_t *c = json_object();

		json_object_set_new(c, "value", json_integer(v->value));
		json_object_set_new(c, "class",
				    json_text(cost_class_names[v->cls]));
		json_object_set_new(c, "low", json_integer(v->low));
		json_object_set_new(c, "high", json_integer(v->high));
		json_object_set_new(c, "source", json_text(v->source));
		json_object_set_new(costs, profile_cost(i)->key, c);
	}
	json_object_set_new(o, "costs", costs);
	return o;
}

static void print_one(const struct profile *p)
{
	const struct topology *t = &p->topology;

	printf("%s: %s\n%u CPUs (%u possible): sockets %u, LLCs per socket %u, "
	       "cores per LLC %u, threads per core %u\n"
	       "line %u bytes, served by %s, HZ %u, preempt %s, time slice %lld ns\n",
	       p->name, p->description, p->cpus, p->cpus_possible, t->sockets,
	       t->llcs_per_socket, t->cores_per_llc, t->threads_per_core,
	       p->line_bytes, line_round_names[p->line_round], p->hz,
	       preempt_names[p->preempt],
	       (long long)p->time_slice_ns);
	for (size_t i = 0; p->fitted_to[i]; i++)
		printf("fitted to: %s\n", p->fitted_to[i]);
	for (uint32_t i = 0; i < p->cost_count; i++) {
		const struct cost_value *v = &p->cost[i];
		char range[64] = "";

		if (v->low != v->high)
			snprintf(range, sizeof(range), "%lld..%lld",
				 (long long)v->low, (long long)v->high);
		printf("%-26s %9lld  %-9s %-17s %s\n", profile_cost(i)->key,
		       (long long)v->value, cost_class_names[v->cls], range,
		       v->source);
	}
}

static void print_row(const struct profile *p)
{
	unsigned count[COST_CLASS_COUNT] = { 0 };

	for (uint32_t i = 0; i < p->cost_count; i++)
		count[p->cost[i].cls]++;
	printf("%-19s %4u  %4u %4u %4u %4u  %s\n", p->name, p->cpus,
	       count[COST_MEASURED], count[COST_PUBLISHED],
	       count[COST_DERIVED], count[COST_ASSUMED], p->description);
}

static int list(const char **names, bool one, bool json, struct arena *a,
		struct errbuf *e)
{
	json_t *all = json_array();
	int r = 0;

	if (!one && !json)
		printf("machine             CPUs  meas publ deri assu  costs by class\n");
	for (size_t i = 0; names[i] && !r; i++) {
		struct profile p;

		r = profile_load(names[i], &p, a, e);
		if (r)
			break;
		if (json)
			json_array_append_new(all, profile_json(&p));
		else if (one)
			print_one(&p);
		else
			print_row(&p);
	}
	if (!r && json) {
		json_dumpf(all, stdout, JSON_INDENT(1));
		putchar('\n');
	}
	json_decref(all);
	return r;
}

static int run(int argc, char **argv, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "json", no_argument, NULL, 'J' }, { NULL, 0, NULL, 0 }
	};
	struct arena a = { 0 };
	bool json = false, one;
	int c, r;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		if (c != 'J')
			return err_usage(e, "machines: unknown option '%s'; see --help",
					 argv[optind - 1]);
		json = true;
	}
	one = optind < argc;
	r = list(one ? (const char **)&argv[optind] : profile_names(&a), one,
		 json, &a, e);
	arena_release(&a);
	return r ? -1 : 0;
}

const struct command cmd_machines = {
	"machines", "machine profiles, each number with its source", help, run
};
