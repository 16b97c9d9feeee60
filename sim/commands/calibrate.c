/* mmreplay calibrate: measure this machine's costs, write a machine profile. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sim/base/file.h"
#include "sim/base/getopt.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "sim/commands/command.h"
#include "sim/commands/fit.h"
#include "sim/scenario/scenario.h"
#include "traces/calibrate/calibrate.h"

static const char help[] =
"usage: mmreplay calibrate [-o MACHINE.yaml] [options]\n"
"       mmreplay calibrate --fit TRACE.mmt.. [-o MACHINE.yaml] [options]\n"
"\n"
"Measures on this machine what a profile needs: locked adds, line transfers\n"
"by pair of CPUs, faults by class, zeroing and zapping, mmap and its relatives,\n"
"fork, switches, wake-ups, interrupts, system calls. Each value is the median\n"
"of repeats, with the spread as its range. What user space cannot see is taken\n"
"from a base profile, with that profile's class, and is listed.\n"
"\n"
"Takes about half a minute and wants the machine for itself: other load shows\n"
"in the spreads. Runs without privilege, in processes of its own, pinned.\n"
"\n"
"With --fit nothing is measured here: the costs that one-thread captures show\n"
"are fitted to them, by replaying each under its own kernel and moving a cost\n"
"until the 25 % quantile of what it is in agrees (interrupts and cold caches lie\n"
"above that). Residuals, and what cannot be identified, go to stderr; the rest\n"
"is that of the base. Its runs are left in results/fit. `fidelity --costs-from` does the same and goes on.\n"
"\n"
"  -o, --output FILE    the profile; default: stdout\n"
"  -b, --base NAME      profile for what cannot be measured (default vm-2cpu)\n"
"  -n, --name NAME      of the profile (default: from FILE, else `calibrated`)\n"
"      --fit TRACE      fit to this capture (repeatable; more may follow)\n"
"      --measured-only  leave out what was not measured; for use with `base:`\n"
"      --json           readings, pairs and costs on stdout instead\n"
"  -h, --help           this text\n"
"\n"
"Use it as `machine: MACHINE.yaml` in a scenario.\n";

struct args {
	const char *output, *base, *name;
	const char **fit;
	uint32_t fit_count;
	bool measured_only, json;
};

static int parse(int argc, char **argv, struct args *a, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "base", required_argument, NULL, 'b' },
		{ "name", required_argument, NULL, 'n' },
		{ "fit", required_argument, NULL, 'F' },
		{ "measured-only", no_argument, NULL, 'm' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, ":o:b:n:", longs, NULL)) >= 0) {
		if (c == ':')
			return err_usage(e, "%s needs a value", argv[optind - 1]);
		if (c == '?')
			return err_usage(e, "unknown option %s; see `mmreplay calibrate --help`",
					 argv[optind - 1]);
		if (c == 'o')
			a->output = optarg;
		if (c == 'b')
			a->base = optarg;
		if (c == 'n')
			a->name = optarg;
		if (c == 'F')
			a->fit[a->fit_count++] = optarg;
		a->measured_only |= c == 'm';
		a->json |= c == 'j';
	}
	for (; a->fit_count && optind < argc; optind++)
		a->fit[a->fit_count++] = argv[optind];
	if (optind < argc)
		return err_usage(e, "unexpected '%s'", argv[optind]);
	if (a->json && a->output)
		return err_usage(e, "--json goes to stdout; leave out -o");
	return 0;
}

/* ---- the profile as YAML ---- */

static const struct cal_cost *cost_of(const struct calibration *c,
				      const char *key)
{
	for (unsigned i = 0; i < c->costs; i++)
		if (!strcmp(c->cost[i].key, key))
			return &c->cost[i];
	return NULL;
}

/* A double-quoted scalar; control characters become blanks. */
static void quoted(FILE *f, const char *text)
{
	fputc('"', f);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', f);
		fputc((unsigned char)*text < ' ' ? ' ' : *text, f);
	}
	fputc('"', f);
}

static void print_cost(FILE *f, const char *key, int64_t ns, const char *cls,
		       int64_t low, int64_t high, const char *source)
{
	fprintf(f, "  %s:\n    {value: %" PRId64 ", class: %s, range: [%" PRId64
		", %" PRId64 "],\n     source: ", key, ns, cls, low, high);
	quoted(f, source);
	fputs("}\n", f);
}

static void print_head(FILE *f, const struct cal_machine *m,
		       const struct args *a, const struct profile *base)
{
	static const char *const preempt[] = { "none", "voluntary", "full" };
	char *text = xasprintf("%s, %" PRIu32 " CPUs, Linux %s%s; calibrated",
			       m->cpu_model, m->cpus, m->kernel,
			       m->hypervisor ? ", a virtual machine" : "");

	fprintf(f, "# Written by `mmreplay calibrate`: medians of repeats, range = their spread.\n");
	fprintf(f, "machine: ");
	quoted(f, a->name);
	fprintf(f, "\n");
	if (a->measured_only)
		fprintf(f, "base: %s\n", a->base);
	fprintf(f, "description: ");
	quoted(f, text);
	fprintf(f, "\nhost_match: {kernel: ");
	quoted(f, m->kernel);
	fprintf(f, ", cpus: %" PRIu32 "}\n", m->cpus);
	fprintf(f, "topology: {sockets: %" PRIu32 ", llcs_per_socket: %" PRIu32
		", cores_per_llc: %" PRIu32 ", threads_per_core: %" PRIu32 "}\n",
		m->sockets, m->llcs_per_socket, m->cores_per_llc,
		m->threads_per_core);
	fprintf(f, "cpus: %" PRIu32 "\ncpus_possible: %" PRIu32
		"\nline_bytes: %" PRIu32 "\n", m->cpus, m->cpus_possible,
		m->line_bytes);
	if (m->hz || !a->measured_only)
		fprintf(f, "hz: %" PRIu32 "%s\n", m->hz ? m->hz : base->hz,
			m->hz ? "" : "	# not found; as in the base");
	if (*m->preempt || !a->measured_only)
		fprintf(f, "preempt: %s%s\n",
			*m->preempt ? m->preempt : preempt[base->preempt],
			*m->preempt ? "" : "	# chosen at boot; as in the base");
	if (!a->measured_only)
		fprintf(f, "time_slice_ns: %" PRId64 "	# as in the base\nfitted_to: []\n",
			base->time_slice_ns);
	free(text);
}

static void print_costs(FILE *f, const struct calibration *c,
			const struct args *a, const struct profile *base)
{
	fprintf(f, "costs:\n");
	for (uint32_t i = 0; i < base->cost_count; i++) {
		const char *key = profile_cost(i)->key;
		const struct cost_value *v = &base->cost[i];
		const struct cal_cost *cost = cost_of(c, key);
		char *source;

		if (cost && cost->known) {
			print_cost(f, key, cost->ns,
				   cost->derived ? "derived" : "measured",
				   cost->low_ns, cost->high_ns, cost->source);
			continue;
		}
		fprintf(f, "  # %s was not measured: %s\n", key,
			cost ? cost->source : "calibration does not know it");
		if (a->measured_only)
			continue;
		source = xasprintf("%s: %s", a->base, v->source);
		print_cost(f, key, v->value, cost_class_names[v->cls], v->low,
			   v->high, source);
		free(source);
	}
}

static void print_readings(FILE *f, const struct calibration *c)
{
	const char *what;

	fprintf(f, "\n# Readings: median, low and high in ns, everything included.\n");
	for (int i = 0; i < CAL_READINGS; i++) {
		const struct cal_value *v = &c->reading[i];

		calibrate_reading((enum cal_reading)i, &what);
		if (v->known)
			fprintf(f, "#   %10.1f %10.1f %10.1f  %s\n",
				(double)v->median_ps / 1e3,
				(double)v->low_ps / 1e3,
				(double)v->high_ps / 1e3, what);
		else
			fprintf(f, "#   not measured (%s)  %s\n", v->why, what);
	}
	for (unsigned i = 0; i < c->pairs; i++)
		if (c->pair[i].transfer.known)
			fprintf(f, "#   %10.1f %10.1f %10.1f  line between CPU %" PRIu32
				" and %" PRIu32 " (%s)\n",
				(double)c->pair[i].transfer.median_ps / 1e3,
				(double)c->pair[i].transfer.low_ps / 1e3,
				(double)c->pair[i].transfer.high_ps / 1e3,
				c->pair[i].a, c->pair[i].b,
				cal_distance_names[c->pair[i].distance]);
}

/* ---- the same as JSON ---- */

static json_t *value_json(const struct cal_value *v)
{
	if (!v->known)
		return json_pack("{s:s}", "not_measured", v->why);
	return json_pack("{s:f, s:f, s:f}", "median_ns",
			 (double)v->median_ps / 1e3, "low_ns",
			 (double)v->low_ps / 1e3, "high_ns",
			 (double)v->high_ps / 1e3);
}

static json_t *cost_json(const struct cal_cost *c)
{
	if (!c->known)
		return json_pack("{s:s, s:s}", "key", c->key, "not_measured",
				 c->source);
	return json_pack("{s:s, s:I, s:I, s:I, s:s, s:s}", "key", c->key,
			 "ns", (json_int_t)c->ns, "low_ns",
			 (json_int_t)c->low_ns, "high_ns",
			 (json_int_t)c->high_ns, "class",
			 c->derived ? "derived" : "measured", "source",
			 c->source);
}

static void print_json(const struct calibration *c)
{
	json_t *readings = json_object(), *pairs = json_array();
	json_t *costs = json_array(), *top;

	for (int i = 0; i < CAL_READINGS; i++)
		json_object_set_new(readings,
				    calibrate_reading((enum cal_reading)i, NULL),
				    value_json(&c->reading[i]));
	for (unsigned i = 0; i < c->pairs; i++)
		json_array_append_new(pairs, json_pack("{s:I, s:I, s:s, s:o}",
			"a", (json_int_t)c->pair[i].a,
			"b", (json_int_t)c->pair[i].b, "distance",
			cal_distance_names[c->pair[i].distance], "transfer",
			value_json(&c->pair[i].transfer)));
	for (unsigned i = 0; i < c->costs; i++)
		json_array_append_new(costs, cost_json(&c->cost[i]));
	top = json_pack("{s:{s:o, s:o, s:I, s:I}, s:o, s:o, s:o}", "machine",
			"cpu_model", json_text(c->machine.cpu_model),
			"kernel", json_text(c->machine.kernel), "cpus",
			(json_int_t)c->machine.cpus, "hz",
			(json_int_t)c->machine.hz, "readings", readings,
			"pairs", pairs, "costs", costs);
	json_dumpf(top, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(top);
}

/* ---- the run ---- */

static int64_t base_ns(void *arg, const char *key)
{
	const struct profile *base = arg;

	for (uint32_t i = 0; i < base->cost_count; i++)
		if (!strcmp(profile_cost(i)->key, key))
			return base->cost[i].value;
	return -1;
}

static void show(void *arg, const char *probe, unsigned done, unsigned total)
{
	(void)arg;
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[Kcalibrate: %u of %u, %s", done + 1,
			total, probe);
}

static void print_summary(const struct calibration *c)
{
	unsigned measured = 0, derived = 0;

	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	for (unsigned i = 0; i < c->costs; i++) {
		measured += c->cost[i].known && !c->cost[i].derived;
		derived += c->cost[i].known && c->cost[i].derived;
	}
	fprintf(stderr, "%u costs measured, %u derived from measurements, %u not measured:\n",
		measured, derived, c->costs - measured - derived);
	for (unsigned i = 0; i < c->costs; i++)
		if (!c->cost[i].known)
			fprintf(stderr, "  %-24s %s\n", c->cost[i].key,
				c->cost[i].source);
}

static int write_profile(const struct calibration *c, const struct args *a,
			 const struct profile *base, struct errbuf *e)
{
	struct atomic_file out = { .f = stdout };

	if (a->output && atomic_open(&out, a->output, e))
		return e->code;
	print_head(out.f, &c->machine, a, base);
	print_costs(out.f, c, a, base);
	print_readings(out.f, c);
	return a->output ? atomic_commit(&out, e) : 0;
}

/* ---- from captures ---- */

static void print_fit_head(FILE *f, const struct args *a,
			   const struct profile *base)
{
	static const char *const preempt[] = { "none", "voluntary", "full" };
	const struct topology *t = &base->topology;

	fprintf(f, "# Written by `mmreplay calibrate --fit`: moved until the 25 %% quantile agrees.\nmachine: ");
	quoted(f, a->name);
	fprintf(f, "\ndescription: \"%s, fitted to captures\"\n", a->base);
	fprintf(f, "topology: {sockets: %" PRIu32 ", llcs_per_socket: %" PRIu32
		", cores_per_llc: %" PRIu32 ", threads_per_core: %" PRIu32 "}\n",
		t->sockets, t->llcs_per_socket, t->cores_per_llc,
		t->threads_per_core);
	fprintf(f, "cpus: %" PRIu32 "\ncpus_possible: %" PRIu32
		"\nline_bytes: %" PRIu32 "\nhz: %" PRIu32
		"\npreempt: %s\ntime_slice_ns: %" PRId64 "\nfitted_to:\n",
		base->cpus, base->cpus_possible, base->line_bytes, base->hz,
		preempt[base->preempt], base->time_slice_ns);
	for (uint32_t i = 0; i < a->fit_count; i++) {
		fprintf(f, "  - ");
		quoted(f, a->fit[i]);
		fputc('\n', f);
	}
	fprintf(f, "costs:\n");
}

static void print_fitted(FILE *f, const struct fit_cost *c)
{
	int64_t off = (int64_t)(c->predicted_ns - c->recorded_ns);
	char *what = xasprintf("fit: p25 of %s, recorded %.0f ns, predicted %.0f",
			       c->quantity, c->recorded_ns, c->predicted_ns);

	off = off < 0 ? -off : off;
	print_cost(f, c->key, c->ns, "derived", c->ns > off ? c->ns - off : 0,
		   c->ns + off, what);
	free(what);
}

static const struct fit_cost *fitted(const struct fit *f, const char *key)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (f->cost[i].known && !strcmp(f->cost[i].key, key))
			return &f->cost[i];
	return NULL;
}

static int write_fit(const struct fit *f, const struct args *a,
		     const struct profile *base, struct errbuf *e)
{
	struct atomic_file out = { .f = stdout };
	int r = a->output ? atomic_open(&out, a->output, e) : 0;

	if (r)
		return r;
	print_fit_head(out.f, a, base);
	for (uint32_t i = 0; i < base->cost_count; i++) {
		const struct cost_value *v = &base->cost[i];
		const char *key = profile_cost(i)->key;
		const struct fit_cost *c = fitted(f, key);

		if (c)
			print_fitted(out.f, c);
		else
			print_cost(out.f, key, v->value,
				   cost_class_names[v->cls], v->low, v->high,
				   v->source);
	}
	return a->output ? atomic_commit(&out, e) : 0;
}

static int fit(const struct args *a, const struct profile *base,
	       struct errbuf *e)
{
	char *machine = xasprintf("machine=%s", a->base);
	const char *const set[] = { machine };
	struct fit f = { 0 };
	int r = fit_costs(a->fit, a->fit_count, "results/fit", set, 1, &f, e);

	if (!r) {
		fit_write(&f, stderr);
		r = write_fit(&f, a, base, e);
	}
	fit_release(&f);
	free(machine);
	return r;
}

/* "dir/my-box.yaml" names the profile my-box. */
static char *default_name(const char *output)
{
	const char *slash = output ? strrchr(output, '/') : NULL;
	const char *file = slash ? slash + 1 : output ? output : "calibrated";
	char *name = xstrdup(file), *dot = strrchr(name, '.');

	if (dot && dot > name)
		*dot = '\0';
	return name;
}

static int run(int argc, char **argv, struct errbuf *e)
{
	struct args a = { .base = "vm-2cpu",
			  .fit = xcalloc((size_t)argc + 1, sizeof(*a.fit)) };
	struct calibration c = { 0 };
	struct arena arena = { 0 };
	struct profile base;
	struct calibrate_options o = { .base_ns = base_ns, .base_arg = &base,
				       .progress = show };
	char *name = NULL;
	int code = parse(argc, argv, &a, e);

	if (!code)
		code = profile_load(a.base, &base, &arena, e);
	if (!code && !a.name)
		a.name = name = default_name(a.output);
	if (!code && a.fit_count)
		code = fit(&a, &base, e);
	else if (!code)
		code = calibrate_run(&o, &c, e);
	if (!code && !a.fit_count) {
		print_summary(&c);
		if (a.json)
			print_json(&c);
		else
			code = write_profile(&c, &a, &base, e);
	}
	calibrate_release(&c);
	arena_release(&arena);
	free(name);
	free(a.fit);
	return code ? -1 : 0;
}

const struct command cmd_calibrate = {
	.name = "calibrate",
	.summary = "measure this machine's costs, write a machine profile",
	.help = help,
	.run = run,
};
