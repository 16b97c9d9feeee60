/* mmreplay workloads: what `generate` knows, with every parameter. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/getopt.h"
#include "sim/base/json.h"
#include "sim/commands/command.h"
#include "traces/generate/generate.h"

static const char help[] =
"usage: mmreplay workloads [NAME] [--json]\n"
"\n"
"Lists the synthetic workloads of `mmreplay generate` and of `generate:` in a\n"
"scenario. With a NAME, its parameters: unit, default, range, what it means.\n"
"\n"
"      --json           the same for programs, parameters included\n"
"  -h, --help           this text\n";

static const char *const type_names[] = {
	[OPT_BOOL] = "bool", [OPT_U32] = "integer", [OPT_I64] = "integer",
	[OPT_U64] = "integer", [OPT_STR] = "text", [OPT_ENUM] = "enum",
};

static json_t *option_json(const struct option *o)
{
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s}", "key", o->key,
			      "type", type_names[o->type], "unit", o->unit,
			      "default", o->def ? o->def : "",
			      "help", o->help);

	if (o->type == OPT_ENUM) {
		json_t *values = json_array();

		for (size_t i = 0; o->names[i]; i++)
			json_array_append_new(values, json_text(o->names[i]));
		json_object_set_new(j, "values", values);
	} else if (o->min || o->max) {
		json_object_set_new(j, "min", json_integer(o->min));
		json_object_set_new(j, "max", json_integer(o->max));
	}
	return j;
}

static json_t *workload_json(const struct workload_info *w)
{
	json_t *params = json_array();

	for (const struct option *o = w->options; o->key; o++)
		json_array_append_new(params, option_json(o));
	return json_pack("{s:s, s:s, s:s, s:o}", "name", w->name,
			 "summary", w->summary, "after", w->after,
			 "parameters", params);
}

static void print_json(const struct workload_info *only)
{
	json_t *all = json_array(), *top;
	const struct workload_info *w;

	for (unsigned i = 0; (w = workload_get(i)); i++)
		if (!only || only == w)
			json_array_append_new(all, workload_json(w));
	top = json_pack("{s:o}", "workloads", all);
	json_dumpf(top, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(top);
}

static void print_text(const struct workload_info *only)
{
	const struct workload_info *w = only;
	char *keys;

	if (only) {
		keys = option_help(w->options);
		printf("%s: %s\nafter: %s\n\n%s", w->name, w->summary,
		       w->after, keys);
		free(keys);
		return;
	}
	for (unsigned i = 0; (w = workload_get(i)); i++)
		printf("%-16s %s\n%-16s after %s\n", w->name, w->summary, "",
		       w->after);
}

static int run(int argc, char **argv, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	};
	const struct workload_info *only = NULL;
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, ":", longs, NULL)) >= 0) {
		if (c != 'j')
			return err_usage(e, "unknown option %s; see `mmreplay workloads --help`",
					 argv[optind - 1]);
		json = true;
	}
	if (argc - optind > 1)
		return err_usage(e, "one workload at a time");
	if (optind < argc) {
		only = workload_find(argv[optind], (struct loc){ 0 }, e);
		if (!only)
			return -1;
	}
	if (json)
		print_json(only);
	else
		print_text(only);
	return 0;
}

const struct command cmd_workloads = {
	.name = "workloads",
	.summary = "list synthetic workloads and their parameters",
	.help = help,
	.run = run,
};
