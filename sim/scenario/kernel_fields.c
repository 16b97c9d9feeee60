/*
 * Groups of numbers that a kernel preset has beside its policies: the layouts of
 * mm_struct and vm_area_struct, and which resources behind mmap_lock bind. A
 * cell sets one as GROUP.KEY, or several as GROUP: {KEY: VALUE}.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "sim/scenario/draft.h"

#define OFFSET(key, member, help) \
	{ key, OPT_U32, offsetof(struct mm_layout, member), NULL, 0, 65536, \
	  NULL, "bytes", help }

static const struct option layout_options[] = {
	OFFSET("bytes", bytes, "size of struct mm_struct"),
	OFFSET("index", index, "root of the tree of areas, or vmacache_seqnum"),
	OFFSET("pgd", pgd, "what each fault's walk starts from"),
	OFFSET("mm_users", mm_users, "users of the address space"),
	OFFSET("mm_count", mm_count, "references to the object"),
	OFFSET("map_count", map_count, "number of areas"),
	OFFSET("page_table_lock", page_table_lock, "lock of the upper tables"),
	OFFSET("mmap_lock", mmap_lock, "the rw_semaphore; its count comes first"),
	OFFSET("mm_lock_seq", mm_lock_seq, "sequence number of per-VMA locks"),
	OPTION_END
};

#define AREA(key, member, min, max, help) \
	{ key, OPT_U32, offsetof(struct vma_layout, member), NULL, min, max, \
	  NULL, "bytes", help }

/* 96: what a fault reads of an area lies in its first 96 bytes */
static const struct option vma_layout_options[] = {
	AREA("bytes", bytes, 96, 4096, "size of struct vm_area_struct without a lock"),
	AREA("align", align, 8, 64, "where its objects may begin"),
	AREA("policy", policy, 0, 4088, "offset of vm_policy, read by each fault that allocates"),
	AREA("lock_bytes", lock_bytes, 40, 1024, "size of the lock: a rw_semaphore"),
	AREA("refcnt_bytes", refcnt_bytes, 96, 4096, "size of the area where a count is the lock"),
	AREA("refcnt", refcnt, 0, 4092, "offset of that count"),
	AREA("refcnt_policy", refcnt_policy, 0, 4088, "offset of vm_policy beside it"),
	OPTION_END
};

#define SWITCH(key, member, help) \
	{ key, OPT_BOOL, offsetof(struct bottlenecks, member), "true", 0, 0, \
	  NULL, NULL, help }
#define NUMBER(key, member, deft, min, max, unit, help) \
	{ key, OPT_U32, offsetof(struct bottlenecks, member), deft, min, max, \
	  NULL, unit, help }

static const struct option bottleneck_options[] = {
	SWITCH("page_table_lock", page_table_lock, "locks of page tables, split; mm's for upper ones"),
	SWITCH("zone_lock", zone_lock, "lock of the buddy lists behind per-CPU page lists"),
	SWITCH("lru_lock", lru_lock, "lock of the LRU lists behind per-CPU folio batches"),
	SWITCH("list_lock", list_lock, "lock of a node's partial slabs behind per-CPU slabs"),
	SWITCH("memcg_charge", memcg_charge, "page counters of the cgroup behind per-CPU stocks"),
	SWITCH("memory_bandwidth", memory_bandwidth, "zeroing and copying share the memory of a socket"),
	SWITCH("i_mmap_lock", i_mmap_lock, "i_mmap_rwsem of a mapped file: who maps it"),
	SWITCH("anon_vma_lock", anon_vma_lock, "rwsem of the root of anon_vmas: relatives by fork"),
	SWITCH("lru_add_drain", lru_add_drain, "unmap_region() drains the CPU's folio batch"),
	NUMBER("pcp_batch", pcp_batch, "63", 1, 100000, "pages", "moved at once between a CPU's list and the zone"),
	NUMBER("pcp_high", pcp_high, "378", 1, 1000000, "pages", "a CPU's list is drained from here on"),
	NUMBER("pcp_free_scale", pcp_free_scale, "5", 0, 16, NULL, "repeated drains double up to pcp_batch << this; 0 before 5.14"),
	NUMBER("folio_batch", folio_batch, "31", 1, 255, "folios", "of a CPU, until it takes the LRU lock"),
	NUMBER("memcg_batch", memcg_batch, "64", 1, 100000, "pages", "charged at once"),
	NUMBER("memcg_levels", memcg_levels, "3", 0, 16, NULL, "page counters from the cgroup to the root"),
	NUMBER("i_mmap_files", i_mmap_files, "0", 0, 1000000, "files", "that all mappings are of; 0: each is of its own, which relatives by fork share"),
	OPTION_END
};

const struct kernel_group kernel_groups[KERNEL_GROUPS] = {
	{ "mm_struct", layout_options, offsetof(struct kernel_config, layout) },
	{ "vm_area_struct", vma_layout_options,
	  offsetof(struct kernel_config, vma_layout) },
	{ "bottlenecks", bottleneck_options,
	  offsetof(struct kernel_config, bottlenecks) },
};

const struct kernel_group *kernel_group_find(const char *name)
{
	for (unsigned i = 0; i < KERNEL_GROUPS; i++)
		if (!strcmp(kernel_groups[i].name, name))
			return &kernel_groups[i];
	return NULL;
}

void kernel_fields_default(struct kernel_config *k, struct arena *a)
{
	for (unsigned i = 0; i < KERNEL_GROUPS; i++)
		option_defaults(kernel_groups[i].options,
				kernel_group_of(k, &kernel_groups[i]), a);
}

int kernel_field_set(struct kernel_config *k, const struct kernel_group *g,
		     const char *key, const struct ynode *value,
		     struct loc key_at, struct arena *a, struct errbuf *e)
{
	const char *text = node_text(value, key, e);

	return !text ? -EINVAL :
	       option_set(g->options, kernel_group_of(k, g), a, key, text,
			  option_find(g->options, key) ? value->at : key_at, e);
}

int kernel_group_set(struct kernel_config *k, const struct kernel_group *g,
		     const struct ynode *value, struct arena *a,
		     struct errbuf *e)
{
	int r = 0;

	if (value->kind != YNODE_MAP)
		return err_at(e, -EINVAL, value->at,
			      "%s: expected a map like {%s: VALUE}", g->name,
			      g->options[0].key);
	for (size_t i = 0; i < value->count && !r; i++)
		r = kernel_field_set(k, g, value->keys[i], value->items[i],
				     value->key_at[i], a, e);
	return r;
}

enum { RWSEM_BYTES = 40, SEQ_BYTES = 4, POINTER_BYTES = 8 };

/* A member of @size at @offset lies inside of @bytes? */
static int check_inside(const char *key, uint32_t offset, uint32_t size,
			const char *whole, uint32_t bytes, struct loc at,
			struct errbuf *e)
{
	if (offset + size <= bytes)
		return 0;
	return err_at(e, -EINVAL, at,
		      "%s: expected an offset below %u, since %s is %u, got %u",
		      key, bytes - size + 1, whole, bytes, offset);
}

static int check_area(const struct vma_layout *v, struct loc at,
		      struct errbuf *e)
{
	int r;

	if (v->align & (v->align - 1))
		return err_at(e, -EINVAL, at,
			      "vm_area_struct.align: expected 8, 16, 32 or 64, got %u",
			      v->align);
	r = check_inside("vm_area_struct.policy", v->policy, POINTER_BYTES,
			 "vm_area_struct.bytes", v->bytes, at, e);
	if (!r)
		r = check_inside("vm_area_struct.refcnt", v->refcnt, SEQ_BYTES,
				 "vm_area_struct.refcnt_bytes",
				 v->refcnt_bytes, at, e);
	if (!r)
		r = check_inside("vm_area_struct.refcnt_policy",
				 v->refcnt_policy, POINTER_BYTES,
				 "vm_area_struct.refcnt_bytes",
				 v->refcnt_bytes, at, e);
	return r;
}

static int check_mm(const struct mm_layout *l, struct loc at, struct errbuf *e)
{
	int r = 0;

	if (l->bytes < 64)
		return err_at(e, -EINVAL, at,
			      "mm_struct.bytes: expected at least 64, got %u",
			      l->bytes);
	for (const struct option *o = layout_options + 1; o->key && !r; o++) {
		char key[48];

		snprintf(key, sizeof(key), "mm_struct.%s", o->key);
		r = check_inside(key,
				 *(const uint32_t *)((const char *)l + o->offset),
				 strcmp(o->key, "mmap_lock") ? SEQ_BYTES :
							       RWSEM_BYTES,
				 "mm_struct.bytes", l->bytes, at, e);
	}
	return r;
}

int kernel_fields_check(const struct kernel_config *k, struct loc at,
			struct errbuf *e)
{
	int r;

	if (k->bottlenecks.pcp_batch > k->bottlenecks.pcp_high)
		return err_at(e, -EINVAL, at,
			      "bottlenecks.pcp_high: expected at least pcp_batch, which is %u, got %u",
			      k->bottlenecks.pcp_batch,
			      k->bottlenecks.pcp_high);
	r = check_area(&k->vma_layout, at, e);
	return r ? r : check_mm(&k->layout, at, e);
}

void preset_groups_print(const struct preset *p, FILE *out)
{
	for (unsigned i = 0; i < KERNEL_GROUPS; i++) {
		const struct kernel_group *g = &kernel_groups[i];
		const char *source = p->group_source[i];
		char value[32];

		fprintf(out, "  %-15s", g->name);
		for (const struct option *o = g->options; o->key; o++) {
			option_format(o, kernel_group_of(&p->config, g), value,
				      sizeof(value));
			fprintf(out, " %s %s%s", o->key, value,
				o[1].key ? "," : "\n");
		}
		fprintf(out, "%18s%s\n", "",
			source ? source : "no source given");
	}
}
