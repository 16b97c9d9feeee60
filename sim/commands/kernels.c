/* mmreplay kernels: the presets, axis by axis, with sources. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/getopt.h"
#include "sim/base/json.h"
#include "sim/commands/command.h"
#include "sim/policy/registry.h"
#include "sim/scenario/scenario.h"

static const char help[] =
"usage: mmreplay kernels [NAME] [--json]\n"
"\n"
"Lists the kernel presets and what each kernel does on every axis. A star\n"
"marks a value that is not built yet: another policy stands in for it, which\n"
"`mmreplay kernels NAME` names, beside the source of each field. Every field\n"
"of a preset can be overridden in a scenario: distributions backport.\n"
"`kernel: null` in a scenario, or `run TRACE -p kernel=null`, is no preset: every\n"
"call costs nothing, which measures the engine and what the replay itself adds.\n"
"\n"
"      --json           as JSON, with all sources\n"
"  -h, --help           this text\n";

enum { COLUMNS = 100 };

static const char *const thp_names[] = { "never", "madvise", "always" };

static json_t *preset_json(const struct preset *p)
{
	json_t *o = json_object(), *policies = json_object();

	json_object_set_new(o, "kernel", json_text(p->name));
	json_object_set_new(o, "description",
			    json_text(p->description ? p->description : ""));
	json_object_set_new(o, "hz", json_integer(p->hz));
	json_object_set_new(o, "thp", json_text(thp_names[p->config.thp]));
	json_object_set_new(o, "max_map_count",
			    json_integer(p->config.max_map_count));
	for (unsigned i = 0; i < AXIS_COUNT; i++) {
		json_t *v = json_object();

		json_object_set_new(v, "value", json_text(p->truth[i]));
		json_object_set_new(v, "runs",
				    json_text(p->config.policies.on[i]->name));
		json_object_set_new(v, "stands_in", json_boolean(p->stand[i]));
		json_object_set_new(v, "source",
				    json_text(p->source[i] ? p->source[i] : ""));
		json_object_set_new(policies, axis_names[i], v);
	}
	json_object_set_new(o, "policies", policies);
	return o;
}

static void print_one(const struct preset *p)
{
	printf("%s: %s\nhz %u%s, thp %s, max_map_count %u\n", p->name,
	       p->description ? p->description : "", p->hz,
	       p->hz ? "" : " (the machine's)", thp_names[p->config.thp],
	       p->config.max_map_count);
	for (unsigned i = 0; i < AXIS_COUNT; i++) {
		printf("  %-15s %s", axis_names[i], p->truth[i]);
		if (p->stand[i])
			printf("  (not built yet; %s stands in)", p->stand[i]);
		printf("\n%18s%s\n", "", p->source[i] ? p->source[i] :
						       "no source given");
	}
	preset_groups_print(p, stdout);
}

static int longest_name(const struct preset *p, size_t count)
{
	int width = (int)strlen("kernel");

	for (size_t k = 0; k < count; k++)
		if ((int)strlen(p[k].name) > width)
			width = (int)strlen(p[k].name);
	return width;
}

/* The longest value of an axis with its star, and the axis' own name. */
static int longest_value(const struct preset *p, size_t count, unsigned axis)
{
	int width = (int)strlen(axis_names[axis]);

	for (size_t k = 0; k < count; k++) {
		int n = (int)strlen(p[k].truth[axis]) + !!p[k].stand[axis];

		width = n > width ? n : width;
	}
	return width;
}

/* Axes [from, to) of all kernels. */
static void print_block(const struct preset *p, size_t count,
			const int *width, unsigned from, unsigned to)
{
	int name = longest_name(p, count);

	printf("%-*s", name, "kernel");
	for (unsigned i = from; i < to; i++)
		printf(" %-*s", i + 1 < to ? width[i] : 0, axis_names[i]);
	for (size_t k = 0; k < count; k++) {
		printf("\n%-*s", name, p[k].name);
		for (unsigned i = from; i < to; i++) {
			int n = printf(" %s%s", p[k].truth[i],
				       p[k].stand[i] ? "*" : "");

			printf("%*s", i + 1 < to ? width[i] + 1 - n : 0, "");
		}
	}
	printf("\n\n");
}

static void print_all(const struct preset *p, size_t count)
{
	int width[AXIS_COUNT], name = longest_name(p, count);
	unsigned from = 0;

	for (unsigned i = 0; i < AXIS_COUNT; i++)
		width[i] = longest_value(p, count, i);
	while (from < AXIS_COUNT) {
		int columns = name + 1 + width[from];
		unsigned to = from + 1;

		while (to < AXIS_COUNT && columns + 1 + width[to] <= COLUMNS)
			columns += 1 + width[to++];
		print_block(p, count, width, from, to);
		from = to;
	}
	printf("* not built yet, another policy stands in: mmreplay kernels NAME\n"
	       "Besides, kernel=null: every call costs nothing; measures the engine.\n");
}

/* Presets that load, from the start of @p; why another does not, to stderr:
 * one that names a policy which this program lacks must not hide the rest. */
static size_t load_all(const char **names, size_t count, struct preset *p,
		       struct arena *a)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		struct errbuf why = { 0 };

		if (preset_info(names[i], (struct loc){ 0 }, &p[n], a, &why))
			fprintf(stderr, "left out: %s\n", why.text);
		else
			n++;
	}
	return n;
}

static int load_named(const char **names, size_t count, struct preset *p,
		      struct arena *a, struct errbuf *e)
{
	for (size_t i = 0; i < count; i++)
		if (preset_info(names[i], (struct loc){ 0 }, &p[i], a, e))
			return -1;
	return 0;
}

static void print_json(const struct preset *p, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, preset_json(&p[i]));
	json_dumpf(list, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(list);
}

static int run(int argc, char **argv, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "json", no_argument, NULL, 'J' }, { NULL, 0, NULL, 0 }
	};
	struct arena a = { 0 };
	const char **names;
	struct preset *p;
	bool json = false;
	size_t count = 0;
	int c, r = 0;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		if (c != 'J')
			return err_usage(e, "kernels: unknown option '%s'; see --help",
					 argv[optind - 1]);
		json = true;
	}
	names = optind < argc ? (const char **)&argv[optind] : preset_names(&a);
	while (names[count])
		count++;
	p = arena_alloc(&a, (count + 1) * sizeof(*p));
	if (optind < argc)
		r = load_named(names, count, p, &a, e);
	else
		count = load_all(names, count, p, &a);
	if (!r && !count)
		r = err_set(e, -1, "no kernel preset could be read; is scenarios/kernels/ where the program looks ($MMREPLAY_DATA)?");
	if (!r && json)
		print_json(p, count);
	else if (!r && optind < argc)
		for (size_t i = 0; i < count; i++)
			print_one(&p[i]);
	else if (!r)
		print_all(p, count);
	arena_release(&a);
	return r;
}

const struct command cmd_kernels = {
	"kernels", "kernel presets on every axis, with sources", help, run
};
