/*
 * Kernel presets: scenarios/kernels/NAME.yaml, one value on every axis.
 *
 * A preset says what its kernel really does. Where that policy is not built
 * yet, `stands_in` names the one that runs instead, and the caller is given a
 * line of warning for each; a preset whose true value exists uses it.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sim/base/file.h"
#include "sim/base/option.h"
#include "sim/policy/registry.h"
#include "sim/scenario/draft.h"

enum { PRESETS_MAX = 512 };

static const char *const thp_names[] = { "never", "madvise", "always", NULL };

/** struct scalars - the fields of a preset that are one value */
struct scalars {
	const char *description;
	uint32_t thp, hz, max_map_count;
};

static const struct option scalar_options[] = {
	{ "description", OPT_STR, offsetof(struct scalars, description), NULL,
	  0, 0, NULL, "", "what marks this kernel" },
	{ "thp", OPT_ENUM, offsetof(struct scalars, thp), "madvise", 0, 0,
	  thp_names, "", "transparent huge pages" },
	{ "hz", OPT_U32, offsetof(struct scalars, hz), "0", 0, 10000, NULL,
	  "Hz", "ticks a second; 0: the machine's" },
	{ "max_map_count", OPT_U32, offsetof(struct scalars, max_map_count),
	  "65530", 16, INT32_MAX, NULL, "count", "areas that an mm may have" },
	OPTION_END
};

static const char *const preset_keys[] = {
	"kernel", "version", "description", "thp", "hz", "max_map_count",
	"policies", "stands_in", "options", "sources", "mm_struct",
	"vm_area_struct"
};

enum { PRESET_KEYS = sizeof(preset_keys) / sizeof(preset_keys[0]) };

static int axis_at(const struct ynode *map, size_t i, struct errbuf *e)
{
	int axis = axis_find(map->keys[i]);

	if (axis < 0)
		err_unknown(e, map->key_at[i], "axis", map->keys[i], axis_names,
			    AXIS_COUNT);
	return axis;
}

/* AXIS: text, into @out by axis. */
static int read_axes(const struct ynode *map, const char *what,
		     const char **out, struct arena *a, struct errbuf *e)
{
	if (map->kind != YNODE_MAP)
		return err_at(e, -EINVAL, map->at, "%s: expected a map of axes",
			      what);
	for (size_t i = 0; i < map->count; i++) {
		int axis = axis_at(map, i, e);
		const char *text;

		if (axis < 0)
			return -EINVAL;
		text = node_text(map->items[i], map->keys[i], e);
		if (!text)
			return -EINVAL;
		out[axis] = arena_strdup(a, text);
	}
	return 0;
}

/* AXIS.KEY: value, options of the policies that run. */
static int read_options(const struct ynode *map, struct policy_choice *c,
			struct arena *a, struct errbuf *e)
{
	if (map->kind != YNODE_MAP)
		return err_at(e, -EINVAL, map->at,
			      "options: expected a map of AXIS.KEY: value");
	for (size_t i = 0; i < map->count; i++) {
		const char *dot = strchr(map->keys[i], '.');
		const char *text = node_text(map->items[i], map->keys[i], e);
		char axis[64];
		int at;

		if (!text)
			return -EINVAL;
		snprintf(axis, sizeof(axis), "%.*s",
			 dot ? (int)(dot - map->keys[i]) : 63, map->keys[i]);
		at = axis_find(axis);
		if (at < 0 || !dot)
			return err_unknown(e, map->key_at[i], "axis", axis,
					   axis_names, AXIS_COUNT);
		if (!c->on[at]->options)
			return err_at(e, -EINVAL, map->key_at[i],
				      "%s: %s has no options", axis,
				      c->on[at]->name);
		if (option_set(c->on[at]->options, c->options[at], a, dot + 1,
			       text, map->items[i]->at, e))
			return -EINVAL;
	}
	return 0;
}

/* The policy that runs on @axis: the true one, or the one that stands in. */
static int pick(struct preset *p, enum axis axis, struct loc at,
		struct arena *a, struct errbuf *e)
{
	struct policy_choice *c = &p->config.policies;
	const struct policy_head *head;
	size_t count;
	const char *const *names = policy_names(axis, &count);

	if (!p->truth[axis])
		return err_at(e, -EINVAL, at, "policies: expected %s as well",
			      axis_names[axis]);
	head = policy_find(axis, p->truth[axis]);
	if (head)
		p->stand[axis] = NULL;
	else if (p->stand[axis])
		head = policy_find(axis, p->stand[axis]);
	if (!head)
		return err_unknown(e, at, axis_names[axis],
				   p->stand[axis] ? p->stand[axis] :
				   p->truth[axis], names, count);
	c->on[axis] = head;
	if (head->option_bytes) {
		c->options[axis] = arena_alloc(a, head->option_bytes);
		option_defaults(head->options, c->options[axis], a);
	}
	return 0;
}

int version_set(uint32_t *version, const struct ynode *value, struct errbuf *e)
{
	const char *text = node_text(value, "version", e);
	uint32_t v = text ? kernel_version(text) : 0;

	if (!text)
		return -EINVAL;
	if (!v)
		return value->at.path ?
		       err_at(e, -EINVAL, value->at,
			      "version: expected a release like 6.12 or 6.4.3, not '%s'",
			      text) :
		       err_usage(e, "version: expected a release like 6.12 or 6.4.3, not '%s'",
				 text);
	*version = v;
	return 0;
}

static int read_scalar(const struct ynode *n, size_t i, struct scalars *s,
		       uint32_t *version, struct arena *a, struct errbuf *e)
{
	const char *key = n->keys[i];
	const char *text = node_text(n->items[i], key, e);

	if (!text)
		return -EINVAL;
	if (!strcmp(key, "kernel"))
		return 0;
	if (!strcmp(key, "version"))
		return version_set(version, n->items[i], e);
	if (!option_find(scalar_options, key))
		return err_unknown(e, n->key_at[i], "key of a kernel", key,
				   preset_keys, PRESET_KEYS);
	return option_set(scalar_options, s, a, key, text, n->items[i]->at, e);
}

/* AXIS or GROUP: where it is written */
static int read_sources(const struct ynode *map, struct preset *p,
			struct arena *a, struct errbuf *e)
{
	if (map->kind != YNODE_MAP)
		return err_at(e, -EINVAL, map->at,
			      "sources: expected a map of axes");
	for (size_t i = 0; i < map->count; i++) {
		const struct kernel_group *g = kernel_group_find(map->keys[i]);
		const char *text = node_text(map->items[i], map->keys[i], e);
		int axis = g ? 0 : axis_at(map, i, e);

		if (axis < 0 || !text)
			return -EINVAL;
		*(g ? &p->group_source[g - kernel_groups] : &p->source[axis]) =
			arena_strdup(a, text);
	}
	return 0;
}

/* Layouts have no default: every size and offset must be there. */
static int check_groups(const struct ynode *n, const struct preset *p,
			struct errbuf *e)
{
	for (unsigned i = 0; i < KERNEL_LAYOUTS; i++) {
		const struct kernel_group *g = &kernel_groups[i];
		const struct ynode *layout = ynode_get(n, g->name);

		if (!layout)
			return err_at(e, -EINVAL, n->at,
				      "kernel: expected %s as well", g->name);
		for (const struct option *o = g->options; o->key; o++)
			if (!ynode_get(layout, o->key))
				return err_at(e, -EINVAL, layout->at,
					      "%s: expected %s as well",
					      g->name, o->key);
	}
	return kernel_fields_check(&p->config, n->at, e);
}

static int read_preset(const struct ynode *n, struct preset *p,
		       struct arena *a, struct errbuf *e)
{
	const struct ynode *options = NULL, *policies;
	struct scalars s = { 0 };
	int r = 0;

	if (n->kind != YNODE_MAP)
		return err_at(e, -EINVAL, n->at, "kernel: expected a map");
	option_defaults(scalar_options, &s, a);
	kernel_fields_default(&p->config, a);
	for (size_t i = 0; i < n->count && !r; i++) {
		const struct ynode *v = n->items[i];

		if (!strcmp(n->keys[i], "policies"))
			r = read_axes(v, "policies", p->truth, a, e);
		else if (!strcmp(n->keys[i], "stands_in"))
			r = read_axes(v, "stands_in", p->stand, a, e);
		else if (!strcmp(n->keys[i], "sources"))
			r = read_sources(v, p, a, e);
		else if (kernel_group_find(n->keys[i]))
			r = kernel_group_set(&p->config,
					     kernel_group_find(n->keys[i]), v,
					     a, e);
		else if (!strcmp(n->keys[i], "options"))
			options = v;
		else
			r = read_scalar(n, i, &s, &p->config.version, a, e);
	}
	if (r)
		return r;
	policies = ynode_get(n, "policies");
	if (!policies || !p->config.version)
		return err_at(e, -EINVAL, n->at, "kernel: expected %s as well",
			      policies ? "version" : "policies");
	r = check_groups(n, p, e);
	for (unsigned axis = 0; axis < AXIS_COUNT && !r; axis++)
		r = pick(p, axis, policies->at, a, e);
	if (!r && options)
		r = read_options(options, &p->config.policies, a, e);
	p->description = s.description;
	p->hz = s.hz;
	p->config.thp = s.thp;
	p->config.max_map_count = s.max_map_count;
	p->config.hung_task_ns = 120 * NSEC_PER_SEC;
	return r;
}

int preset_info(const char *name, struct loc at, struct preset *out,
		struct arena *a, struct errbuf *e)
{
	char *relative = xasprintf("scenarios/kernels/%s.yaml", name);
	char *path = data_path(relative);
	struct errbuf why = { 0 };
	const struct ynode *n;
	int r;

	free(relative);
	*out = (struct preset){ 0 };
	if (strchr(name, '/') || access(path, F_OK)) {
		const char **names = preset_names(a);
		size_t count = 0;

		while (names[count])
			count++;
		free(path);
		return err_unknown(e, at, "kernel", name, names, count);
	}
	n = yaml_load(path, a, e);
	free(path);
	if (!n)
		return -EINVAL;
	out->name = arena_strdup(a, name);
	out->config.name = out->name;
	r = read_preset(n, out, a, e);
	if (!r && policy_check(&out->config.policies, &why))
		return err_at(e, -EINVAL, n->at, "%s: %s", name, why.text);
	return r;
}

int preset_load(const char *name, struct kernel_config *out, struct arena *a,
		const char ***stands_in, struct errbuf *e)
{
	struct preset p;
	unsigned count = 0;
	int r = preset_info(name, (struct loc){ 0 }, &p, a, e);

	if (r)
		return r;
	*out = p.config;
	if (!stands_in)
		return 0;
	*stands_in = arena_alloc(a, (AXIS_COUNT + 1) * sizeof(**stands_in));
	for (unsigned i = 0; i < AXIS_COUNT; i++) {
		char *text;

		if (!p.stand[i])
			continue;
		text = xasprintf("%s: %s stands in for %s of %s", axis_names[i],
				 p.stand[i], p.truth[i], p.name);
		(*stands_in)[count++] = arena_strdup(a, text);
		free(text);
	}
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* linux-6.4.3 as 6004003; other names stand first. */
static uint32_t version_of(const char *preset)
{
	const char *dash = strrchr(preset, '-');

	return kernel_version(dash ? dash + 1 : preset);
}

static int by_version(const void *a, const void *b)
{
	uint32_t x = version_of(*(const char *const *)a);
	uint32_t y = version_of(*(const char *const *)b);

	return x != y ? (x < y ? -1 : 1) : by_text(a, b);
}

const char **names_of_folder(const char *folder, struct arena *a,
			     size_t *count)
{
	const char **names = arena_alloc(a, (PRESETS_MAX + 1) * sizeof(*names));
	char *path = data_path(folder);
	DIR *d = opendir(path);
	struct dirent *f;

	*count = 0;
	while (d && *count < PRESETS_MAX && (f = readdir(d))) {
		size_t length = strlen(f->d_name);
		char *name;

		if (f->d_name[0] == '.' || length < 6 ||
		    strcmp(f->d_name + length - 5, ".yaml"))
			continue;
		name = arena_strdup(a, f->d_name);
		name[length - 5] = '\0';
		names[(*count)++] = name;
	}
	if (d)
		closedir(d);
	free(path);
	qsort(names, *count, sizeof(*names), by_text);
	return names;
}

const char **profile_names(struct arena *a)
{
	size_t count;

	return names_of_folder("scenarios/machines", a, &count);
}

const char **preset_names(struct arena *a)
{
	size_t count;
	const char **names = names_of_folder("scenarios/kernels", a, &count);

	qsort(names, count, sizeof(*names), by_version);
	return names;
}

const char *preset_for_release(const char *release, struct arena *a,
			       bool *exact)
{
	uint32_t want = kernel_version(release);
	const char **names = preset_names(a);
	const char *best = names[0];

	*exact = false;
	if (!want || !best)
		return NULL;
	for (size_t i = 0; names[i]; i++)
		if (version_of(names[i]) && version_of(names[i]) <= want)
			best = names[i];
	*exact = version_of(best) / 1000 == want / 1000;
	return best;
}
