/* mmreplay policies: axes, their values, what each requires and models. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/getopt.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "sim/commands/command.h"
#include "sim/policy/registry.h"

static const char help[] =
"usage: mmreplay policies [AXIS] [--json]\n"
"\n"
"Lists the axes of the simulated kernel and the policies on each: the kernel\n"
"path that it models, where that is written, its options with defaults and\n"
"units, which values of other axes it needs, and which axes it makes inert.\n"
"A policy is chosen with `AXIS: NAME` in a scenario or --policy AXIS=NAME.\n"
"\n"
"      --json           as JSON\n"
"  -h, --help           this text\n";

/* The question to which the values of an axis are answers. */
static const char *const questions[AXIS_COUNT] = {
	[AXIS_MM_LOCK] = "who may look at or change which area of an address space",
	[AXIS_VMA_LOCK_PLACE] = "where the lock of an area lies",
	[AXIS_MUNMAP] = "under which lock munmap frees pages",
	[AXIS_VMA_FREE] = "when the memory of a dead area is free again",
	[AXIS_FORK_COPY] = "how fork copies the index of areas",
	[AXIS_VMA_INDEX] = "in which tree areas are found",
	[AXIS_VMAP] = "how vmalloc finds address space",
	[AXIS_RWSEM] = "who may spin, steal and is woken at a rw_semaphore; rwsem.mmap_lock: at that one alone",
	[AXIS_FAULT_SCOPE] = "which faults may run under the lock of an area",
	[AXIS_TLB_FLUSH] = "in which order CPUs flush their TLBs",
	[AXIS_RCU] = "when callbacks run",
};

static const char *const trait_names[] = {
	"lockless-lookup", "rcu-safe-free", "typesafe-free", "rcu-walk",
	"rbtree", "maple", "vma-lock", "vma-refcnt", "range-lock",
	"mmap-read-lock"
};

enum { TRAITS = sizeof(trait_names) / sizeof(trait_names[0]) };

static void print_bits(const char *what, uint64_t bits,
		       const char *const *names, unsigned count)
{
	if (!bits)
		return;
	printf("      %s:", what);
	for (unsigned i = 0; i < count; i++)
		if (bits & 1ULL << i)
			printf(" %s", names[i]);
	putchar('\n');
}

/* The values that provide what @p requires, or may not stand beside it. */
static void print_partners(const char *what, uint64_t traits, uint64_t without)
{
	for (int a = 0; a < AXIS_COUNT && traits; a++) {
		const char *const *names;
		const char *between = NULL;
		size_t count;

		names = policy_names((enum axis)a, &count);
		for (size_t i = 0; i < count; i++) {
			const struct policy_head *p =
				policy_find((enum axis)a, names[i]);

			if (!(p->provides & traits) || (p->provides & without))
				continue;
			if (!between)
				printf("      %s %s:", what, axis_names[a]);
			printf("%s %s", between ? between : "", names[i]);
			between = ",";
		}
		if (between)
			putchar('\n');
	}
}

static void print_policy(const struct policy_head *p)
{
	printf("  %s\n      %s\n      source: %s\n", p->name, p->models,
	       p->source);
	print_partners("needs", p->requires, p->excludes);
	print_partners("not with", p->excludes, 0);
	print_bits("makes inert", p->inert, axis_names, AXIS_COUNT);
	if (p->options) {
		char *text = option_help(p->options), *save = NULL;

		for (char *line = strtok_r(text, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save))
			printf("      option %s\n", line);
		free(text);
	}
}

static json_t *bits_json(uint64_t bits, const char *const *names,
			 unsigned count)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < count; i++)
		if (bits & 1ULL << i)
			json_array_append_new(a, json_text(names[i]));
	return a;
}

static json_t *options_json(const struct option *table)
{
	json_t *a = json_array();

	for (const struct option *o = table; o && o->key; o++) {
		json_t *v = json_object();

		json_object_set_new(v, "key", json_text(o->key));
		json_object_set_new(v, "default", o->def ? json_text(o->def) :
							   json_null());
		json_object_set_new(v, "unit", json_text(o->unit ? o->unit : ""));
		json_object_set_new(v, "help", json_text(o->help ? o->help : ""));
		json_array_append_new(a, v);
	}
	return a;
}

static json_t *policy_json(const struct policy_head *p)
{
	json_t *o = json_object();

	json_object_set_new(o, "name", json_text(p->name));
	json_object_set_new(o, "models", json_text(p->models));
	json_object_set_new(o, "source", json_text(p->source));
	json_object_set_new(o, "provides",
			    bits_json(p->provides, trait_names, TRAITS));
	json_object_set_new(o, "requires",
			    bits_json(p->requires, trait_names, TRAITS));
	json_object_set_new(o, "excludes",
			    bits_json(p->excludes, trait_names, TRAITS));
	json_object_set_new(o, "inert",
			    bits_json(p->inert, axis_names, AXIS_COUNT));
	json_object_set_new(o, "options", options_json(p->options));
	return o;
}

static void list_axis(enum axis axis, bool json, json_t *root)
{
	size_t count;
	const char *const *names = policy_names(axis, &count);
	json_t *list = json_array();

	if (!json)
		printf("%s: %s\n", axis_names[axis], questions[axis]);
	for (size_t i = 0; i < count; i++) {
		const struct policy_head *p = policy_find(axis, names[i]);

		if (json)
			json_array_append_new(list, policy_json(p));
		else
			print_policy(p);
	}
	json_object_set_new(root, axis_names[axis], list);
}

static int run(int argc, char **argv, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "json", no_argument, NULL, 'J' }, { NULL, 0, NULL, 0 }
	};
	bool json = false;
	json_t *root;
	int c, only = -1;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		if (c != 'J')
			return err_usage(e, "policies: unknown option '%s'; see --help",
					 argv[optind - 1]);
		json = true;
	}
	if (optind < argc) {
		only = axis_find(argv[optind]);
		if (only < 0)
			return err_unknown(e, (struct loc){ 0 }, "axis",
					   argv[optind], axis_names, AXIS_COUNT);
	}
	root = json_object();
	for (unsigned i = 0; i < AXIS_COUNT; i++)
		if (only < 0 || only == (int)i)
			list_axis((enum axis)i, json, root);
	if (json) {
		json_dumpf(root, stdout, JSON_INDENT(1));
		putchar('\n');
	}
	json_decref(root);
	return 0;
}

const struct command cmd_policies = {
	"policies", "axes and their policies, with sources", help, run
};
