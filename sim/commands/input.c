/* See input.h. */
#include <stdio.h>
#include <string.h>
#include "sim/base/duration.h"
#include "sim/commands/input.h"

struct scenario *scenario_open(const char *input,
			       const struct scenario_overrides *o,
			       struct errbuf *e)
{
	const char *dot = strrchr(input, '.');

	return dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml")) ?
	       scenario_load(input, o, e) : scenario_for_trace(input, o, e);
}

char *default_output(const char *input)
{
	const char *slash = strrchr(input, '/');
	const char *name = slash ? slash + 1 : input;
	const char *dot = strrchr(name, '.');
	int length = dot && dot != name ? (int)(dot - name) : (int)strlen(name);

	return xasprintf("results/%.*s", length, name);
}

int parse_window(const char *text, struct run_options *o, struct errbuf *e)
{
	if (!window_parse(text, &o->events_start_ns, &o->events_end_ns))
		return err_usage(e, "--events %s: expected a window of simulated time like 0..5ms",
				 text);
	o->events = true;
	return 0;
}

void say_mended(const struct run_summary *sum, const char *dir)
{
	if (sum->damaged)
		fprintf(stderr, "%u run again in %s: their cell file, series, events or trace was cut short, changed or removed\n",
			sum->damaged, dir);
	if (sum->remade)
		fprintf(stderr, "%u made anew in %s/traces: not what was generated there\n",
			sum->remade, dir);
}
