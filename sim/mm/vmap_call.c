/*
 * vmalloc(), vfree(), vmap(), vunmap(): the kernel's entry points.
 *
 * vfree() frees the pages at once; what it leaves is addresses, whose way back
 * is the policy's. Cost: O(1) beside the policy and the page tables.
 */
#include "sim/mm/vmap.h"

/* The caller is in the kernel already: its system call is an op of its own. */
void vmap_enter(struct task *t)
{
	task_set_mode(t, MODE_SYSTEM);
	kop_segment(t, KOP_PRE);
}

void kernel_vmap_frees(struct kernel *k, uint8_t vfree, uint8_t vunmap,
		       uint8_t vm_unmap_ram)
{
	k->vmap_op[VMAP_VMALLOC] = vfree;
	k->vmap_op[VMAP_VMAP] = vunmap;
	k->vmap_op[VMAP_RAM] = k->vmap_op[VMAP_BLOCK] = vm_unmap_ram;
	k->vmap_op[VMAP_OLD] = KERNEL_OP_WORKER;
}

void kernel_vmap_backlog(struct kernel *k, uint64_t pages, uint64_t area_pages)
{
	enum { AREAS_MAX = 1 << 16 };
	uint64_t most = range_pages((struct range){ VMALLOC_START,
						    VMALLOC_END }) / 8;

	if (k->cfg.null_kernel)
		return;
	if (pages > most)
		pages = most;
	if (area_pages < pages / AREAS_MAX + 1)
		area_pages = pages / AREAS_MAX + 1;
	while (pages) {
		uint64_t n = pages < area_pages ? pages : area_pages;

		if (!k->vmap->old_lazy(k, n))
			return;
		pages -= n;
	}
}

static int64_t area_new(struct task *t, const struct vmap_request *rq,
			enum vmap_kind kind, struct vmap_area **out)
{
	struct kernel *k = kernel_of(t);
	struct vmap_request r = *rq;
	int err;

	*out = NULL;
	if (k->cfg.null_kernel)
		return 0;
	r.kind = kind;
	if (!r.vstart && !r.vend) {
		r.vstart = VMALLOC_START;
		r.vend = VMALLOC_END;
	}
	if (r.align < PAGE_BYTES)
		r.align = PAGE_BYTES;
	r.size = page_up(r.size);
	vmap_enter(t);
	err = r.size ? k->vmap->alloc(t, &r, out) : -EINVAL;
	if (!err) {
		(*out)->kind = kind;
		vmap_map(t, *out);
	} else {
		count(t, COUNT_VMAP_ALLOC_FAILED);
	}
	return sys_exit(t, err);
}

/* The pages are free at once, or stay; what is held from now is addresses. */
static void area_free(struct task *t, struct vmap_area *va)
{
	struct kernel *k = kernel_of(t);

	if (k->cfg.null_kernel || !va)
		return;
	vmap_enter(t);
	settle(t);
	vmap_freed(k, va);
	k->vmap->free(t, va);
	sys_exit(t, 0);
}

int64_t do_vmalloc(struct task *t, const struct vmap_request *rq,
		   struct vmap_area **out)
{
	return area_new(t, rq, VMAP_VMALLOC, out);
}

void do_vfree(struct task *t, struct vmap_area *va)
{
	area_free(t, va);
}

int64_t do_vmap(struct task *t, const struct vmap_request *rq,
		struct vmap_area **out)
{
	return area_new(t, rq, VMAP_VMAP, out);
}

void do_vunmap(struct task *t, struct vmap_area *va)
{
	area_free(t, va);
}
