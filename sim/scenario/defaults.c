/*
 * What the trace decides where the scenario says nothing. Whatever is not
 * exactly the capture's becomes a warning that every cell carries.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/option.h"
#include "sim/scenario/defaults.h"

enum { CPUS_MAX = 4096 };

static const char *text_of(struct arena *a, char *text)
{
	const char *kept = arena_strdup(a, text);

	free(text);
	return kept;
}

static const char *captured_preset(struct build *b, struct errbuf *e)
{
	const char *release = b->header->kernel, *name;
	const char **names;
	size_t last = 0;
	bool exact;

	name = preset_for_release(release, b->a, &exact);
	if (name && exact)
		return name;
	if (name) {
		draft_note(&b->base, text_of(b->a, xasprintf(
			"the trace is of kernel %s; nearest preset: %s", release,
			name)));
		return name;
	}
	names = preset_names(b->a);
	if (!names[0]) {
		err_set(e, -ENOENT, "scenarios/kernels: no kernel preset found; is MMREPLAY_DATA right?");
		return NULL;
	}
	while (names[last + 1])
		last++;
	if (!b->workload)
		draft_note(&b->base, text_of(b->a, xasprintf(
			"the trace does not say its kernel; taken for %s",
			names[last])));
	return names[last];
}

static void no_range(void *arg, uint32_t first, uint32_t last)
{
	(void)arg, (void)first, (void)last;
}

/* rcu_nocbs= of the captured command line */
static void captured_nocbs(struct build *b)
{
	const char *list = arena_strdup(b->a, b->header->rcu_nocbs);

	if (rcu_cpu_list(list, no_range, NULL))
		draft_nocbs(&b->base, list);
	else
		draft_note(&b->base, text_of(b->a, xasprintf(
			"the trace's rcu_nocbs=%s is no list of CPUs: none is offloaded",
			list)));
}

int defaults_kernel(struct build *b, struct errbuf *e)
{
	static const char *const thp[] = { "never", "madvise", "always" };
	const struct trace_header *h = b->header;
	struct draft *d = &b->base;
	const char *name = captured_preset(b, e);
	int r;

	if (!name)
		return -ENOENT;
	r = draft_kernel(d, name, (struct loc){ 0 }, b->a, e);
	if (r)
		return r;
	for (uint32_t i = 0; i < 3; i++) {
		if (strcmp(h->thp, thp[i]))
			continue;
		d->cell.kernel.thp = i;
		d->thp_pinned = true;
	}
	if (h->rcu_nocbs[0])
		captured_nocbs(b);
	b->s->captured = d->cell.kernel;
	return 0;
}

/* "kernel=GLOB cpus=N host=GLOB": all that are named must hold. */
static bool host_matches(const char *match, const struct trace_header *h)
{
	char *copy, *save = NULL;
	bool all = match && *match;

	if (!all)
		return false;
	copy = xstrdup(match);
	for (char *item = strtok_r(copy, " ", &save); item && all;
	     item = strtok_r(NULL, " ", &save)) {
		if (!strncmp(item, "kernel=", 7))
			all = !fnmatch(item + 7, h->kernel, 0);
		else if (!strncmp(item, "host=", 5))
			all = !fnmatch(item + 5, h->host, 0);
		else
			all = strtoul(item + 5, NULL, 10) == h->cpus_online;
	}
	free(copy);
	return all;
}

/* vm-2cpu with as many cores, behind one cache, as the capture had CPUs. */
static int borrow_machine(struct build *b, struct errbuf *e)
{
	const struct trace_header *h = b->header;
	struct profile *p = &b->base.cell.profile;
	struct ynode *name = scalar_node(b->a, "vm-2cpu", (struct loc){ 0 });
	int r = profile_from_node(name, NULL, p, b->a, e);

	if (r)
		return r;
	if (h->cpus_online > CPUS_MAX)
		return err_set(e, -EINVAL, "%s: the header names %u CPUs; expected at most %d",
			       b->s->trace_text, h->cpus_online, CPUS_MAX);
	if (!h->cpus_online) {
		draft_note(&b->base, text_of(b->a, xasprintf(
			b->workload ? "no machine is named: %s" :
			"the trace does not say its CPUs; machine %s as it is",
			p->name)));
		return 0;
	}
	p->topology = (struct topology){ 1, 1, h->cpus_online, 1 };
	p->cpus = h->cpus_online;
	p->cpus_possible = h->cpus_possible > p->cpus &&
			   h->cpus_possible <= CPUS_MAX ? h->cpus_possible :
							  p->cpus;
	draft_note(&b->base, text_of(b->a, xasprintf(
		"no machine profile is of the captured host; costs of %s, %u CPUs as captured",
		p->name, p->cpus)));
	return 0;
}

int defaults_machine(struct build *b, struct errbuf *e)
{
	const char **names = profile_names(b->a);
	struct profile *p = &b->base.cell.profile;

	for (size_t i = 0; names[i]; i++) {
		struct ynode *name = scalar_node(b->a, names[i],
						 (struct loc){ 0 });
		int r = profile_from_node(name, NULL, p, b->a, e);

		if (r)
			return r;
		if (host_matches(p->host_match, b->header))
			return 0;
	}
	return borrow_machine(b, e);
}

const char *defaults_why_not_recorded(const struct trace_header *h)
{
	if (h->emulated)
		return "its kernel ran under emulation, so its durations mean nothing";
	if (!(h->have & HAVE_MMAP_LOCK))
		return "without mmap_lock events a duration cannot be split into waiting and work";
	return NULL;
}

int defaults_replay(struct build *b, struct errbuf *e)
{
	const struct trace_header *h = b->header;
	struct draft *d = &b->base;

	(void)e;
	option_defaults(replay_option_table, &d->cell.replay, b->a);
	d->cell.replay.costs = defaults_why_not_recorded(h) ? COSTS_MODEL :
							      COSTS_RECORDED;
	if (h->hz >= 24 && h->hz <= 10000) {
		d->cell.profile.hz = h->hz;
		d->hz_pinned = true;
	}
	return 0;
}
