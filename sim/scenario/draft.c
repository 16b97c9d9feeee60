/*
 * A cell under construction.
 *
 * An axis holds the preset's value until a setting replaces it. Nothing is
 * ever changed to make a choice valid: draft_finish() derives what follows
 * (HZ of the kernel, warnings of stand-ins), expand.c asks policy_check().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/option.h"
#include "sim/policy/registry.h"
#include "sim/scenario/draft.h"

static const char *const thp_names[] = { "never", "madvise", "always", NULL };

static const struct option kernel_options[] = {
	{ "thp", OPT_ENUM, offsetof(struct kernel_config, thp), NULL, 0, 0,
	  thp_names, "", "transparent huge pages" },
	{ "max_map_count", OPT_U32, offsetof(struct kernel_config, max_map_count),
	  NULL, 16, INT32_MAX, NULL, "count", "areas that an mm may have" },
	OPTION_END
};

void draft_note(struct draft *d, const char *text)
{
	if (d->note_count == DRAFT_NOTES_MAX)
		BUG("more than %d notes", DRAFT_NOTES_MAX);
	d->notes[d->note_count++] = text;
}

void draft_nocbs(struct draft *d, const char *list)
{
	const struct policy_choice *c = &d->cell.kernel.policies;
	struct rcu_rules *rules = c->options[AXIS_RCU];

	d->nocbs = list;
	if (rules)
		rules->nocbs = list;
}

int draft_kernel(struct draft *d, const char *name, struct loc at,
		 struct arena *a, struct errbuf *e)
{
	struct kernel_config *k = &d->cell.kernel;
	struct kernel_config old = *k;
	struct preset p;
	int r;

	if (!strcmp(name, "null")) {
		k->name = "null";
		k->null_kernel = true;
		memset(d->stands, 0, sizeof(d->stands));
		return 0;
	}
	r = preset_info(name, at, &p, a, e);
	if (r)
		return r;
	*k = p.config;
	k->hung_task_ns = old.name ? old.hung_task_ns : k->hung_task_ns;
	if (d->thp_pinned)
		k->thp = old.thp;
	d->preset_hz = p.hz;
	if (d->nocbs)
		draft_nocbs(d, d->nocbs);
	for (unsigned i = 0; i < AXIS_COUNT; i++) {
		char *text;

		d->stands[i] = NULL;
		if (!p.stand[i])
			continue;
		text = xasprintf("%s: %s stands in for %s of %s", axis_names[i],
				 p.stand[i], p.truth[i], p.name);
		d->stands[i] = arena_strdup(a, text);
		free(text);
	}
	return 0;
}

/* rwsem.mmap_lock: another flavour for that lock than for all others */
static int set_mmap_rwsem(struct draft *d, const struct ynode *value,
			  struct errbuf *e)
{
	const char *name = node_text(value, "rwsem.mmap_lock", e);
	const char *const *names;
	size_t count;

	if (!name)
		return -EINVAL;
	d->cell.kernel.policies.mmap_rwsem = policy_find(AXIS_RWSEM, name);
	if (d->cell.kernel.policies.mmap_rwsem)
		return 0;
	names = policy_names(AXIS_RWSEM, &count);
	return err_unknown(e, value->at, "rwsem.mmap_lock", name, names, count);
}

/* An option of the policy on @axis; the state is copied before it changes. */
static int set_option(struct draft *d, int axis, const char *key,
		      const struct ynode *value, struct loc at,
		      struct arena *a, struct errbuf *e)
{
	struct policy_choice *c = &d->cell.kernel.policies;
	const struct policy_head *head = c->on[axis];
	const char *text = node_text(value, key, e);
	void *state;

	if (!text)
		return -EINVAL;
	if (axis == AXIS_RWSEM && !strcmp(key, "mmap_lock"))
		return set_mmap_rwsem(d, value, e);
	if (!head->options)
		return err_at(e, -EINVAL, at, "%s: %s has no options",
			      axis_names[axis], head->name);
	state = arena_alloc(a, head->option_bytes);
	memcpy(state, c->options[axis], head->option_bytes);
	c->options[axis] = state;
	return option_set(head->options, state, a, key, text,
			  option_find(head->options, key) ? value->at : at, e);
}

static int set_policy(struct draft *d, int axis, const char *name,
		      struct loc at, struct arena *a, struct errbuf *e)
{
	struct policy_choice *c = &d->cell.kernel.policies;
	const struct policy_head *head = policy_find((enum axis)axis, name);

	if (!head) {
		size_t count;
		const char *const *names = policy_names((enum axis)axis, &count);

		return err_unknown(e, at, axis_names[axis], name, names, count);
	}
	c->on[axis] = head;
	c->options[axis] = NULL;
	d->stands[axis] = NULL;
	if (head->option_bytes) {
		c->options[axis] = arena_alloc(a, head->option_bytes);
		option_defaults(head->options, c->options[axis], a);
	}
	return 0;
}

/* AXIS: NAME, or AXIS: {policy: NAME, option: value, ...} */
static int set_axis(struct draft *d, int axis, const struct ynode *value,
		    struct arena *a, struct errbuf *e)
{
	const struct ynode *policy;
	int r;

	if (value->kind == YNODE_SCALAR)
		return set_policy(d, axis, value->scalar, value->at, a, e);
	if (value->kind != YNODE_MAP)
		return err_at(e, -EINVAL, value->at,
			      "%s: expected a policy, or {policy: NAME, OPTION: VALUE}",
			      axis_names[axis]);
	policy = ynode_get(value, "policy");
	if (policy) {
		const char *name = node_text(policy, axis_names[axis], e);

		if (!name)
			return -EINVAL;
		r = set_policy(d, axis, name, policy->at, a, e);
		if (r)
			return r;
	}
	for (size_t i = 0; i < value->count; i++) {
		if (value->items[i] == policy)
			continue;
		r = set_option(d, axis, value->keys[i], value->items[i],
			       value->key_at[i], a, e);
		if (r)
			return r;
	}
	return 0;
}

static int unknown_key(const struct setting *s, struct errbuf *e)
{
	const char *names[AXIS_COUNT + 14];
	size_t count = 0;

	for (unsigned i = 0; i < AXIS_COUNT; i++)
		names[count++] = axis_names[i];
	names[count++] = "kernel";
	names[count++] = "version";
	names[count++] = "machine";
	names[count++] = "label";
	names[count++] = "thp";
	names[count++] = "max_map_count";
	names[count++] = "mm_struct.KEY";
	names[count++] = "vm_area_struct.KEY";
	names[count++] = "bottlenecks.KEY";
	names[count++] = "machine.KEY";
	names[count++] = "replay.KEY";
	names[count++] = "generate.KEY";
	names[count++] = "AXIS.OPTION";
	return err_unknown(e, s->at, "key of a cell", s->key, names, count);
}

/* What a virtual speed-up names: a cost there is, and what may be a lock. */
static int check_speedup(const char *key, const char *text, struct loc at,
			 struct errbuf *e)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789_.";

	if (!strcmp(text, "~"))
		return 0;
	if (!strcmp(key, "speedup_cost"))
		return profile_check_cost(text, at, e);
	if (!strcmp(key, "speedup_lock") &&
	    (!*text || text[strspn(text, chars)]))
		return at.path ?
		       err_at(e, -EINVAL, at, "speedup_lock: expected a lock like mmap_lock or mmap_lock.write") :
		       err_usage(e, "speedup_lock: expected a lock like mmap_lock or mmap_lock.write");
	return 0;
}

static int set_dotted(struct draft *d, const struct setting *s,
		      struct build *b, struct errbuf *e)
{
	struct arena *a = b->a;
	const char *dot = strchr(s->key, '.');
	char head[64];
	const char *text;
	int axis;

	if (!dot || dot - s->key >= (ptrdiff_t)sizeof(head))
		return unknown_key(s, e);
	memcpy(head, s->key, (size_t)(dot - s->key));
	head[dot - s->key] = '\0';
	if (!strcmp(head, "machine")) {
		if (!strcmp(dot + 1, "hz"))
			d->hz_pinned = true;
		return profile_set(&d->cell.profile, dot + 1, s->value, s->at,
				   a, e);
	}
	if (!strcmp(head, "replay")) {
		text = node_text(s->value, dot + 1, e);
		return !text || check_speedup(dot + 1, text, s->value->at, e) ?
		       -EINVAL :
		       option_set(replay_option_table, &d->cell.replay, a,
				  dot + 1, text,
				  option_find(replay_option_table, dot + 1) ?
				  s->value->at : s->at, e);
	}
	if (!strcmp(head, "generate"))
		return source_set(d, s, dot + 1, b, e);
	if (kernel_group_find(head))
		return kernel_field_set(&d->cell.kernel, kernel_group_find(head),
					dot + 1, s->value, s->at, a, e);
	axis = axis_find(head);
	return axis < 0 ? unknown_key(s, e) :
	       set_option(d, axis, dot + 1, s->value, s->at, a, e);
}

static int set_one(struct draft *d, const struct setting *s, struct build *b,
		   struct errbuf *e)
{
	int axis = axis_find(s->key);
	const char *text;

	if (axis >= 0)
		return set_axis(d, axis, s->value, b->a, e);
	if (kernel_group_find(s->key))
		return kernel_group_set(&d->cell.kernel,
					kernel_group_find(s->key), s->value,
					b->a, e);
	if (!strcmp(s->key, "label"))
		return node_text(s->value, "label", e) ? 0 : -EINVAL;
	if (!strcmp(s->key, "version"))
		return version_set(&d->cell.kernel.version, s->value, e);
	if (option_find(kernel_options, s->key)) {
		text = node_text(s->value, s->key, e);
		if (!strcmp(s->key, "thp"))
			d->thp_pinned = true;
		return text ? option_set(kernel_options, &d->cell.kernel, b->a,
					 s->key, text, s->value->at, e) :
			      -EINVAL;
	}
	return set_dotted(d, s, b, e);
}

static bool is_number(const char *text)
{
	char *end;

	if (!*text)
		return false;
	strtod(text, &end);
	return !*end;
}

/* A swept or set number is listed in params, the last value of a key. */
static int add_param(struct draft *d, const struct setting *s,
		     struct errbuf *e)
{
	uint32_t i = 0;

	if (s->value->kind != YNODE_SCALAR || !is_number(s->value->scalar) ||
	    axis_find(s->key) >= 0 || !strcmp(s->key, "label") ||
	    !strcmp(s->key, "version"))		/* 6.1 is not 6.10 */
		return 0;
	while (i < d->param_count && strcmp(d->params[i].key, s->key))
		i++;
	if (i == DRAFT_PARAMS_MAX)
		return err_at(e, -EINVAL, s->at,
			      "more than %d numbers set in one cell",
			      DRAFT_PARAMS_MAX);
	d->params[i] = (struct param){ s->key, s->value->scalar };
	if (i == d->param_count)
		d->param_count++;
	return 0;
}

static int apply_first(struct draft *d, const struct setting *s,
		       struct build *b, struct errbuf *e)
{
	const char *text;

	if (!strcmp(s->key, "kernel")) {
		text = node_text(s->value, "kernel", e);
		return text ? draft_kernel(d, text, s->value->at, b->a, e) :
			      -EINVAL;
	}
	return profile_from_node(s->value, b->dir, &d->cell.profile, b->a, e);
}

int draft_apply(struct draft *d, const struct settings *l, bool as_params,
		struct build *b, struct errbuf *e)
{
	static const char *const first[] = { "kernel", "machine" };
	int r = 0;

	for (unsigned k = 0; k < 2; k++) {
		for (size_t i = 0; i < l->count && !r; i++) {
			if (strcmp(l->v[i].key, first[k]))
				continue;
			r = setting_failed(&l->v[i],
					   apply_first(d, &l->v[i], b, e), e);
		}
	}
	for (size_t i = 0; i < l->count && !r; i++) {
		const struct setting *s = &l->v[i];

		if (!strcmp(s->key, "kernel") || !strcmp(s->key, "machine"))
			continue;
		r = set_one(d, s, b, e);
		if (!r && as_params)
			r = add_param(d, s, e);
		r = setting_failed(s, r, e);
	}
	return r;
}

static void collect_warnings(struct draft *d, uint64_t inert, struct arena *a)
{
	const char **w = arena_alloc(a, (AXIS_COUNT + DRAFT_NOTES_MAX + 1) *
				     sizeof(*w));
	const char **names = arena_alloc(a, (AXIS_COUNT + 1) * sizeof(*names));
	unsigned count = 0, inert_count = 0;

	for (uint32_t i = 0; i < d->note_count; i++)
		w[count++] = d->notes[i];
	for (unsigned i = 0; i < AXIS_COUNT; i++) {
		if (inert & AXIS_BIT(i))
			names[inert_count++] = axis_names[i];
		else if (d->stands[i])
			w[count++] = d->stands[i];
	}
	d->cell.warnings = w;
	d->cell.inert = names;
}

int draft_finish(struct draft *d, struct loc at, struct arena *a,
		 struct errbuf *e)
{
	struct param *params;
	int r;

	if (d->cell.kernel.policies.mmap_rwsem ==
	    d->cell.kernel.policies.on[AXIS_RWSEM])
		d->cell.kernel.policies.mmap_rwsem = NULL;
	if (d->preset_hz && !d->hz_pinned)
		d->cell.profile.hz = d->preset_hz;
	r = profile_check(&d->cell.profile, NULL, at, e);
	if (r)
		return r;
	if (!d->cell.kernel.null_kernel) {
		r = kernel_fields_check(&d->cell.kernel, at, e);
		if (r)
			return r;
	}
	params = arena_alloc(a, (d->param_count + 1) * sizeof(*params));
	memcpy(params, d->params, d->param_count * sizeof(*params));
	d->cell.params = params;
	d->cell.param_count = d->param_count;
	collect_warnings(d, policy_inert(&d->cell.kernel.policies), a);
	return 0;
}
