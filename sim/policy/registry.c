/*
 * The registry: every policy by axis and name, and what goes with what.
 *
 * Invariant: a choice is judged by the traits of its tables only, never by
 * names; nothing is changed to make it valid.
 * Cost: O(policies); called before a run, never in it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "sim/policy/registry.h"

#define POLICY(type, symbol) extern const struct type symbol;
#include "sim/policy/policies.def"
#undef POLICY

static const struct policy_head *const registry[] = {
#define POLICY(type, symbol) &symbol.head,
#include "sim/policy/policies.def"
#undef POLICY
};

enum { BUILT_IN = sizeof(registry) / sizeof(registry[0]), PLUGINS_MAX = 32,
       REGISTRY_MAX = BUILT_IN + PLUGINS_MAX };

/** struct guests - what --plugin brought, before any cell is made */
struct guests {
	const struct policy_head *head[PLUGINS_MAX];
	char digest[PLUGINS_MAX][33];
	size_t count;
};

/* Loading a shared object is the process's, so this is, too. */
static struct guests *guests(void)
{
	static struct guests all;

	return &all;
}

static size_t registry_count(void)
{
	return BUILT_IN + guests()->count;
}

static const struct policy_head *registered(size_t i)
{
	return i < BUILT_IN ? registry[i] : guests()->head[i - BUILT_IN];
}

int policy_register(const struct policy_head *head, const char *digest,
		    struct errbuf *e)
{
	struct guests *g = guests();

	if (g->count == PLUGINS_MAX)
		return err_set(e, -ENOSPC, "more than %d policies from plug-ins",
			       PLUGINS_MAX);
	snprintf(g->digest[g->count], sizeof(g->digest[0]), "%s", digest);
	g->head[g->count++] = head;
	return 0;
}

const char *policy_digest(const struct policy_head *head)
{
	const struct guests *g = guests();

	for (size_t i = 0; i < g->count; i++)
		if (g->head[i] == head)
			return g->digest[i];
	return NULL;
}

int axis_find(const char *name)
{
	for (int a = 0; a < AXIS_COUNT; a++)
		if (!strcmp(axis_names[a], name))
			return a;
	return -1;
}

const struct policy_head *policy_find(enum axis a, const char *name)
{
	for (size_t i = 0; i < registry_count(); i++)
		if (!strcmp(registered(i)->axis, axis_names[a]) &&
		    !strcmp(registered(i)->name, name))
			return registered(i);
	return NULL;
}

const char *const *policy_names(enum axis a, size_t *count)
{
	/* always the same words, but for those of plug-ins */
	static const char *names[AXIS_COUNT][REGISTRY_MAX + 1];
	size_t n = 0;

	for (size_t i = 0; i < registry_count(); i++)
		if (!strcmp(registered(i)->axis, axis_names[a]))
			names[a][n++] = registered(i)->name;
	names[a][n] = NULL;
	if (count)
		*count = n;
	return names[a];
}

/* ---- what goes with what ---- */

/** struct trait_words - @from: the axis that has it; @need, @clash: sentences */
struct trait_words {
	uint64_t trait;
	enum axis from;
	const char *need, *clash;
};

static const struct trait_words words[] = {
	{ TRAIT_RCU_SAFE_FREE, AXIS_VMA_FREE,
	  "looks areas up without mmap_lock, so an area must outlive an RCU read section",
	  NULL },
	{ TRAIT_TYPESAFE_FREE, AXIS_VMA_FREE,
	  "needs an area whose memory stays an area",
	  "cannot see that an area was reused for another: that check is in the reference count" },
	{ TRAIT_RCU_WALK, AXIS_VMA_INDEX,
	  "walks the index without mmap_lock, so the index must bear a walk under RCU",
	  NULL },
	{ TRAIT_RBTREE, AXIS_VMA_INDEX,
	  "links areas into a red-black tree", "cannot copy a red-black tree" },
	{ TRAIT_MAPLE, AXIS_VMA_INDEX,
	  "stores areas in a maple tree", "cannot copy a maple tree" },
	{ TRAIT_VMA_LOCK, AXIS_MM_LOCK, "needs a lock in each area", NULL },
	{ TRAIT_VMA_REFCNT, AXIS_MM_LOCK,
	  "needs the reference count of areas", NULL },
	{ TRAIT_RANGE_LOCK, AXIS_MM_LOCK, "needs range locks", NULL },
	{ TRAIT_MMAP_READ_LOCK, AXIS_MM_LOCK,
	  "downgrades the write lock to a read lock", NULL },
};

enum { WORDS_COUNT = sizeof(words) / sizeof(words[0]) };

static int check_pair(const struct policy_choice *c,
		      const struct policy_head *p, uint64_t provided,
		      struct errbuf *reason)
{
	for (size_t i = 0; i < WORDS_COUNT; i++) {
		const struct trait_words *w = &words[i];
		const struct policy_head *other = c->on[w->from];

		if ((p->requires & w->trait) && !(provided & w->trait))
			return err_set(reason, -EINVAL,
				       "%s: %s %s; %s: %s does not give that",
				       p->axis, p->name, w->need, other->axis,
				       other->name);
		if ((p->excludes & w->trait) && (provided & w->trait))
			return err_set(reason, -EINVAL,
				       "%s: %s does not go with %s: %s: it %s",
				       p->axis, p->name, other->axis,
				       other->name,
				       w->clash ? w->clash : "must not have it");
	}
	return 0;
}

static void ignore_range(void *arg, uint32_t first, uint32_t last)
{
	(void)arg, (void)first, (void)last;
}

static int check_nocbs(const struct policy_choice *c, struct errbuf *reason)
{
	const struct rcu_rules *rules = c->options[AXIS_RCU];

	if (!rules || rcu_cpu_list(rules->nocbs, ignore_range, NULL))
		return 0;
	return err_set(reason, -EINVAL,
		       "rcu.nocbs: '%s' is no list of CPUs; expected none, all, or numbers below 4096 like 0-3,8",
		       rules->nocbs);
}

int policy_check(const struct policy_choice *c, struct errbuf *reason)
{
	uint64_t provided = 0;
	int err = 0;

	for (int a = 0; a < AXIS_COUNT; a++) {
		if (!c->on[a])
			return err_set(reason, -EINVAL, "%s: no value",
				       axis_names[a]);
		provided |= c->on[a]->provides;
	}
	for (int a = 0; a < AXIS_COUNT && !err; a++)
		err = check_pair(c, c->on[a], provided, reason);
	if (!err && c->mmap_rwsem)
		err = check_pair(c, c->mmap_rwsem, provided, reason);
	return err ? err : check_nocbs(c, reason);
}

uint64_t policy_inert(const struct policy_choice *c)
{
	uint64_t inert = 0;

	for (int a = 0; a < AXIS_COUNT; a++)
		if (c->on[a])
			inert |= c->on[a]->inert;
	return inert;
}
