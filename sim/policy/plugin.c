/*
 * Loading policies from a shared object (plugin.h): everything is checked
 * before anything is registered, so that a run never meets a missing hook.
 *
 * Invariant: a registered table has the size, the ABI and the hooks that the
 * program calls without asking; the object is never unloaded.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "sim/base/digest.h"
#include "sim/policy/plugin.h"
#include "sim/policy/registry.h"

/** struct hook - one that the program calls without asking */
struct hook {
	enum axis axis;
	size_t offset;
	const char *name;
};

#define HOOK(axis, type, field) \
	{ AXIS_##axis, offsetof(struct type, field), #field }

static const struct hook hooks[] = {
	HOOK(MM_LOCK, mm_lock_ops, mm_init), HOOK(MM_LOCK, mm_lock_ops, fault),
	HOOK(MM_LOCK, mm_lock_ops, write_begin),
	HOOK(MM_LOCK, mm_lock_ops, write_end),
	HOOK(MM_LOCK, mm_lock_ops, read_begin),
	HOOK(MM_LOCK, mm_lock_ops, read_end),
	HOOK(MM_LOCK, mm_lock_ops, write_held),
	HOOK(MUNMAP, munmap_ops, munmap), HOOK(VMA_FREE, vma_free_ops, free),
	HOOK(FORK_COPY, fork_ops, dup_mmap),
	HOOK(VMA_INDEX, index_ops, find), HOOK(VMA_INDEX, index_ops, next),
	HOOK(VMA_INDEX, index_ops, store), HOOK(VMA_INDEX, index_ops, append),
	HOOK(VMA_INDEX, index_ops, erase), HOOK(VMA_INDEX, index_ops, destroy),
	HOOK(VMAP, vmap_ops, init), HOOK(VMAP, vmap_ops, alloc),
	HOOK(VMAP, vmap_ops, free), HOOK(VMAP, vmap_ops, old_lazy), HOOK(VMAP, vmap_ops, finish),
	HOOK(TLB_FLUSH, tlb_ops, flush),
};

static const size_t table_bytes[AXIS_COUNT] = {
	[AXIS_MM_LOCK] = sizeof(struct mm_lock_ops),
	[AXIS_VMA_LOCK_PLACE] = sizeof(struct vma_place),
	[AXIS_MUNMAP] = sizeof(struct munmap_ops),
	[AXIS_VMA_FREE] = sizeof(struct vma_free_ops),
	[AXIS_FORK_COPY] = sizeof(struct fork_ops),
	[AXIS_VMA_INDEX] = sizeof(struct index_ops),
	[AXIS_VMAP] = sizeof(struct vmap_ops),
	[AXIS_RWSEM] = sizeof(struct rwsem_ops),
	[AXIS_FAULT_SCOPE] = sizeof(struct fault_scope),
	[AXIS_TLB_FLUSH] = sizeof(struct tlb_ops),
	[AXIS_RCU] = sizeof(struct rcu_flavour),
};

static bool missing(const struct policy_head *h, size_t offset)
{
	void (*fn)(void);

	memcpy(&fn, (const char *)h + offset, sizeof(fn));
	return !fn;
}

/* Hooks that come in groups: all or none. */
static const char *half_group(const struct mm_lock_ops *o)
{
	if (!o->vma_read_begin != !o->vma_read_end)
		return "vma_read_begin or vma_read_end";
	if (o->vma_read_begin && !o->read_trylock)
		return "read_trylock";
	if ((o->head.provides & TRAIT_MMAP_READ_LOCK) && !o->write_to_read)
		return "write_to_read";
	return NULL;
}

static int check_hooks(const char *path, enum axis a,
		       const struct policy_head *h, struct errbuf *e)
{
	char names[256] = "";
	size_t used = 0;
	const char *half;

	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++)
		if (hooks[i].axis == a && missing(h, hooks[i].offset))
			used += (size_t)snprintf(names + used,
						 sizeof(names) - used, " %s",
						 hooks[i].name);
	half = a == AXIS_MM_LOCK ? half_group((const void *)h) : NULL;
	if (half)
		snprintf(names + used, sizeof(names) - used, " %s", half);
	if (!*names)
		return 0;
	return err_set(e, -EINVAL, "%s: %s: %s: missing hooks:%s", path,
		       h->axis, h->name, names);
}

static int check_policy(const char *path, const struct policy_head *h,
			struct errbuf *e)
{
	int a;

	if (h->abi != POLICY_ABI || !h->axis || !h->name || !h->models ||
	    !h->source)
		return err_set(e, -EINVAL, "%s: a policy without ABI %d, axis, name, models or source",
			       path, POLICY_ABI);
	a = axis_find(h->axis);
	if (a < 0)
		return err_set(e, -EINVAL, "%s: %s: no axis of this program",
			       path, h->axis);
	if (policy_find((enum axis)a, h->name))
		return err_set(e, -EEXIST, "%s: %s: %s is there already", path,
			       h->axis, h->name);
	if (h->size != table_bytes[a])
		return err_set(e, -EINVAL, "%s: %s: %s: a table of %u bytes, this program's has %zu",
			       path, h->axis, h->name, h->size, table_bytes[a]);
	return check_hooks(path, (enum axis)a, h, e);
}

static int check_plugin(const char *path, const struct plugin *p,
			struct errbuf *e)
{
	int err = 0;

	if (!p || p->abi != POLICY_ABI || p->size != sizeof(*p) || !p->policies)
		return err_set(e, -EINVAL, "%s: a plug-in of another ABI than %d",
			       path, POLICY_ABI);
	if (p->test_build != PLUGIN_TEST_BUILD)
		return err_set(e, -EINVAL, "%s: compiled for the %s build, this is the other (MMREPLAY_TEST)",
			       path, p->test_build ? "test" : "release");
	if (p->headers != plugin_headers())
		return err_set(e, -EINVAL, "%s: compiled against other headers: %016llx, this program's are %016llx",
			       path, (unsigned long long)p->headers,
			       (unsigned long long)plugin_headers());
	for (size_t i = 0; p->policies[i] && !err; i++)
		err = check_policy(path, p->policies[i], e);
	return err;
}

int plugin_load(const char *path, struct errbuf *e)
{
	const struct plugin *(*entry)(void);
	char digest[DIGEST_TEXT_BYTES];
	const struct plugin *p;
	struct digest d;
	uint64_t bytes;
	void *so, *symbol;
	int err = digest_file(&d, path, &bytes, e);

	if (err)
		return err;
	digest_text(&d, digest);
	so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!so)
		return err_set(e, -EINVAL, "%s: not a plug-in: %s", path,
			       dlerror());
	symbol = dlsym(so, "mmreplay_plugin");
	if (!symbol)
		return err_set(e, -EINVAL, "%s: not a plug-in: it has no mmreplay_plugin()",
			       path);
	memcpy(&entry, &symbol, sizeof(entry));
	p = entry();
	err = check_plugin(path, p, e);
	for (size_t i = 0; !err && p->policies[i]; i++)
		err = policy_register(p->policies[i], digest, e);
	return err;
}
