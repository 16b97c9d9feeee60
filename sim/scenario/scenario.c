/*
 * Loading a scenario: its sections, the settings of the command line, and
 * what the trace itself decides where nothing is said.
 *
 * Defaults: machine, the profile whose host matches the capture, else vm-2cpu
 * with the captured CPUs and a warning; costs, recorded for a trace with
 * mmap_lock events, else model; baseline, the captured kernel's preset, or
 * the nearest that is not newer with a warning; HZ and huge pages, as
 * captured.
 */
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "sim/base/file.h"
#include "sim/base/option.h"
#include "sim/policy/registry.h"
#include "sim/scenario/config.h"
#include "sim/scenario/defaults.h"
#include "sim/scenario/draft.h"

/** struct document - the sections of a scenario file; NULL where absent */
struct document {
	const struct ynode *scenario, *description, *trace, *generate, *machine,
		*replay, *baseline, *compare, *matrix, *sweep, *report, *seed,
		*published;
	struct settings report_set;
	struct settings section_set;	/* sections given by --set */
};

static const struct {
	const char *key;
	size_t offset;
	bool scalar;			/* may be --set */
} sections[] = {
#define SECTION(name, scalar) { #name, offsetof(struct document, name), scalar }
	SECTION(scenario, true), SECTION(description, false),
	SECTION(trace, true), SECTION(generate, false), SECTION(machine, true),
	SECTION(replay, false), SECTION(baseline, false),
	SECTION(compare, false), SECTION(matrix, false), SECTION(sweep, false),
	SECTION(report, false), SECTION(seed, true),
	SECTION(published, false)
};

enum { SECTIONS = sizeof(sections) / sizeof(sections[0]) };

static const struct ynode **section_of(struct document *d, size_t i)
{
	return (const struct ynode **)(void *)((char *)d + sections[i].offset);
}

static int unknown_section(const char *key, struct loc at, struct errbuf *e)
{
	const char *names[SECTIONS];

	for (size_t i = 0; i < SECTIONS; i++)
		names[i] = sections[i].key;
	return err_unknown(e, at, "key of a scenario", key, names, SECTIONS);
}

static int read_sections(const struct ynode *root, struct document *d,
			 struct errbuf *e)
{
	if (root->kind != YNODE_MAP)
		return err_at(e, -EINVAL, root->at,
			      "expected a map with scenario, trace, baseline, ...");
	for (size_t i = 0; i < root->count; i++) {
		size_t k = 0;

		while (k < SECTIONS && strcmp(root->keys[i], sections[k].key))
			k++;
		if (k == SECTIONS)
			return unknown_section(root->keys[i], root->key_at[i], e);
		*section_of(d, k) = root->items[i];
	}
	return 0;
}

static bool is_pin(const char *key)
{
	return !strncmp(key, "machine.", 8) || !strncmp(key, "replay.", 7) ||
	       !strncmp(key, "generate.", 9) ||
	       !strncmp(key, "mm_struct.", 10) ||
	       !strncmp(key, "vm_area_struct.", 15) ||
	       !strncmp(key, "bottlenecks.", 12) ||
	       !strcmp(key, "thp") || !strcmp(key, "max_map_count");
}

static int unknown_set(const struct setting *s, struct errbuf *e)
{
	const char *names[AXIS_COUNT + 17] = {
		"scenario", "trace", "machine", "seed", "kernel", "version", "thp",
		"max_map_count", "machine.KEY", "replay.KEY", "report.KEY",
		"baseline.KEY", "AXIS.OPTION", "generate.KEY",
		"mm_struct.KEY", "vm_area_struct.KEY", "bottlenecks.KEY"
	};

	for (unsigned i = 0; i < AXIS_COUNT; i++)
		names[17 + i] = axis_names[i];
	return setting_failed(s, err_unknown(e, s->at, "key", s->key, names,
					     AXIS_COUNT + 17), e);
}

/* One --set: to a section, to every cell, or to the baseline. */
static int route_set(struct build *b, struct document *d, const char *text,
		     struct errbuf *e)
{
	struct settings one = { 0 };
	int r = settings_from_text(&one, "--set", text, b->a, e);
	struct setting s;
	char head[64];

	if (r)
		return r;
	s = one.v[0];
	settings_release(&one);
	for (size_t i = 0; i < SECTIONS; i++) {
		if (!sections[i].scalar || strcmp(s.key, sections[i].key))
			continue;
		*section_of(d, i) = s.value;
		settings_put(&d->section_set, s);
		return 0;
	}
	if (is_pin(s.key)) {
		settings_put(&b->pins, s);
		return 0;
	}
	if (!strncmp(s.key, "report.", 7)) {
		settings_put(&d->report_set, s);
		return 0;
	}
	if (!strncmp(s.key, "baseline.", 9))
		s.key += 9;
	snprintf(head, sizeof(head), "%.*s", (int)strcspn(s.key, "."), s.key);
	if (strcmp(head, "kernel") && strcmp(head, "label") &&
	    strcmp(head, "version") && axis_find(head) < 0)
		return unknown_set(&s, e);
	settings_put(&b->baseline, s);
	return 0;
}

/* The option's name to an error in a section that --set gave. */
static int section_failed(const struct document *d, const struct ynode *n,
			  int code, struct errbuf *e)
{
	for (size_t i = 0; code && i < d->section_set.count; i++)
		if (d->section_set.v[i].value == n)
			return setting_failed(&d->section_set.v[i], code, e);
	return code;
}

/* The stem of a path: what a scenario without a name is called. */
static const char *stem(const char *path, struct arena *a)
{
	char *copy = xstrdup(path), *base = basename(copy), *dot;
	char *kept = arena_strdup(a, base);

	free(copy);
	dot = strrchr(kept, '.');
	if (dot && dot != kept)
		*dot = '\0';
	return kept;
}

static int find_trace(struct build *b, const struct document *d,
		      struct errbuf *e)
{
	const char *text;
	char *path;

	if (d->generate && d->trace)
		return err_at(e, -EINVAL, d->generate->at,
			      "generate: the scenario has a trace: already; expected one of them");
	if (d->generate)
		return source_read_generate(b, d->generate, e);
	if (!d->trace)
		return err_at(e, -EINVAL, (struct loc){ b->s->path, 0, 0 },
			      "expected trace: FILE.mmt, or generate: {workload: NAME}");
	text = node_text(d->trace, "trace", e);
	if (!text)
		return -EINVAL;
	b->s->trace_text = text;
	if (text[0] == '/' || !d->trace->at.path || !strcmp(b->dir, ".")) {
		b->s->trace_path = text;
		return 0;
	}
	path = xasprintf("%s/%s", b->dir, text);
	b->s->trace_path = arena_strdup(b->a, path);
	free(path);
	return 0;
}

static int read_names(struct build *b, const struct document *d,
		      struct errbuf *e)
{
	static const struct option seed[] = {
		{ "seed", OPT_U64, 0, NULL, 0, INT64_MAX, NULL, "", "" },
		OPTION_END
	};
	struct scenario *s = b->s;
	const char *text;

	s->seed = 1;
	if (d->seed) {
		text = node_text(d->seed, "seed", e);
		if (!text || option_set(seed, &s->seed, b->a, "seed", text,
					d->seed->at, e))
			return section_failed(d, d->seed, -EINVAL, e);
	}
	if (d->description) {
		s->description = node_text(d->description, "description", e);
		if (!s->description)
			return -EINVAL;
	}
	s->name = stem(s->path ? s->path : s->trace_text, b->a);
	if (d->scenario)
		s->name = node_text(d->scenario, "scenario", e);
	if (!s->name)
		return -EINVAL;
	return d->published ? published_read(d->published, b->dir, &s->published,
					     b->a, e) : 0;
}

static int read_report(struct build *b, struct document *d, struct errbuf *e)
{
	struct report { uint32_t hung_task_s, series_ms; } report = { 0 };
	static const struct option table[] = {
		{ "hung_task_s", OPT_U32, offsetof(struct report, hung_task_s),
		  "120", 0, 1000000, NULL, "s",
		  "a wait for a lock above this is listed; 0: never" },
		{ "series_ms", OPT_U32, offsetof(struct report, series_ms), "0",
		  0, 1000000, NULL, "ms", "step of the time series; 0: none" },
		OPTION_END
	};
	struct settings l = { 0 };
	int r = 0;

	option_defaults(table, &report, b->a);
	if (d->report)
		r = settings_from_map(&l, d->report, "report.", b->a, e);
	for (size_t i = 0; i < d->report_set.count; i++)
		settings_put(&l, d->report_set.v[i]);
	for (size_t i = 0; i < l.count && !r; i++) {
		const char *key = l.v[i].key + 7;
		const char *text = node_text(l.v[i].value, key, e);

		r = !text ? -EINVAL :
		    option_set(table, &report, b->a, key, text,
			       option_find(table, key) ? l.v[i].value->at :
			       l.v[i].at, e);
		r = setting_failed(&l.v[i], r, e);
	}
	settings_release(&l);
	b->base.cell.kernel.hung_task_ns = report.hung_task_s * NSEC_PER_SEC;
	b->s->series_ns = report.series_ms * NSEC_PER_MSEC;
	return r;
}

/* Defaults, then what the file says of machine and replay. */
static int make_base(struct build *b, struct document *d, struct errbuf *e)
{
	struct settings l = { 0 };
	int r = defaults_kernel(b, e);

	if (!r && d->machine)
		r = section_failed(d, d->machine, profile_from_node(
			d->machine, d->machine->at.path ? b->dir : NULL,
			&b->base.cell.profile, b->a, e), e);
	else if (!r)
		r = defaults_machine(b, e);
	if (!r)
		r = defaults_replay(b, e);
	if (!r)
		r = read_report(b, d, e);
	if (!r && d->replay)
		r = settings_from_map(&l, d->replay, "replay.", b->a, e);
	if (!r)
		r = draft_apply(&b->base, &l, false, b, e);
	settings_release(&l);
	return r;
}

/* The file's baseline; what --set gave is put on top of it. */
static int read_baseline(struct build *b, const struct document *d,
			 struct errbuf *e)
{
	struct settings set = b->baseline;
	int r = 0;

	b->baseline = (struct settings){ 0 };
	if (d->baseline)
		r = settings_from_map(&b->baseline, d->baseline, "", b->a, e);
	for (size_t i = 0; i < set.count; i++)
		settings_put(&b->baseline, set.v[i]);
	settings_release(&set);
	b->compare = d->compare;
	b->matrix = d->matrix;
	b->sweep = d->sweep;
	return r;
}

static int check_costs(const struct build *b, const struct document *d,
		       struct errbuf *e)
{
	const struct ynode *costs = d->replay ? ynode_get(d->replay, "costs") :
						NULL;
	const char *why = defaults_why_not_recorded(b->header);

	for (uint32_t i = 0; why && i < b->s->cell_count; i++)
		if (b->s->cells[i].replay.costs == COSTS_RECORDED)
			return err_at(e, -EINVAL,
				      costs ? costs->at : (struct loc){ 0 },
				      "costs: recorded cannot be used with %s: %s; expected costs: model",
				      b->s->trace_text, why);
	return 0;
}

static int build_cells(struct build *b, struct document *d, struct errbuf *e)
{
	int r = make_base(b, d, e);

	if (!r)
		r = read_baseline(b, d, e);
	if (!r)
		r = expand(b, e);
	if (!r)
		r = check_costs(b, d, e);
	if (!r)
		config_identify(b->s);
	if (!r)
		resolve_write(b->s);
	return r;
}

/* What has been read from a pipe is gone when the first cell wants it. */
static int check_again(const char *path, struct errbuf *e)
{
	struct stat st;

	if (!stat(path, &st) && S_ISREG(st.st_mode))
		return 0;
	return err_set(e, -ESPIPE, "%s: is no file that can be read again for every cell; expected a trace in a file",
		       path);
}

static int build_on_file(struct build *b, struct document *d, struct errbuf *e)
{
	struct mmt_reader *trace = mmt_open(b->s->trace_path, 0, 0, e);
	int r;

	if (!trace)
		return -EINVAL;
	b->header = mmt_header(trace);
	b->s->trace_kernel = arena_strdup(b->a, b->header->kernel);
	r = check_again(b->s->trace_path, e);
	if (!r)
		r = source_of_file(b, trace);
	if (!r)
		r = build_cells(b, d, e);
	mmt_close(trace);
	return r;
}

static int build(struct build *b, struct document *d, struct errbuf *e)
{
	/* what a generated trace says of its kernel and host: nothing */
	static const struct trace_header generated = { .synthetic = true };
	int r = find_trace(b, d, e);

	if (!r)
		r = read_names(b, d, e);
	if (r)
		return r;
	if (!b->workload)
		return build_on_file(b, d, e);
	b->header = &generated;
	b->s->trace_kernel = "";
	return build_cells(b, d, e);
}

/* @path NULL: `run TRACE`. */
static struct scenario *load(const char *path, const char *trace,
			     const struct scenario_overrides *o,
			     struct errbuf *e)
{
	static const struct scenario_overrides none;
	struct scenario *s = xcalloc(1, sizeof(*s));
	struct build *b = xcalloc(1, sizeof(*b));
	struct document d = { 0 };
	char *copy = xstrdup(path ? path : trace);
	const struct ynode *root;
	int r = 0;

	o = o ? o : &none;
	*b = (struct build){ .s = s, .a = &s->arena, .dir = dirname(copy),
			     .policy = o->policy,
			     .policy_count = o->policy_count };
	s->path = path ? arena_strdup(b->a, path) : NULL;
	s->model_id = o->model_id ? arena_strdup(b->a, o->model_id) : "";
	s->workloads = o->workloads;
	if (path) {
		root = yaml_load(path, b->a, e);
		r = root ? read_sections(root, &d, e) : -EINVAL;
	} else {
		d.trace = scalar_node(b->a, trace, (struct loc){ 0 });
	}
	for (uint32_t i = 0; i < o->set_count && !r; i++)
		r = route_set(b, &d, o->set[i], e);
	if (!r)
		r = build(b, &d, e);
	settings_release(&d.report_set);
	settings_release(&d.section_set);
	settings_release(&b->baseline);
	settings_release(&b->pins);
	free(copy);
	free(b);
	if (!r)
		return s;
	scenario_free(s);
	return NULL;
}

struct scenario *scenario_load(const char *path,
			       const struct scenario_overrides *o,
			       struct errbuf *e)
{
	return load(path, NULL, o, e);
}

struct scenario *scenario_for_trace(const char *trace_path,
				    const struct scenario_overrides *o,
				    struct errbuf *e)
{
	return load(NULL, trace_path, o, e);
}

void scenario_free(struct scenario *s)
{
	if (!s)
		return;
	arena_release(&s->arena);
	free(s);
}
