/*
 * The steps of munmap, from which its policies are made (mm/mmap.c; from 6.12
 * mm/vma.c names them vms_gather and vms_complete). Also MAP_FIXED and mremap
 * use them, always under the write lock.
 *
 *   before  AAAA BBBB CCCC     split at both ends, then detach what is inside
 *   range     [-------)
 *   after   AA         CCC
 *
 * Invariant: between vms_gather() and unmap_region() the range is in
 * mm->unmapping: pages that no area covers are there and nowhere else.
 */
#include "sim/mm/resource.h"

void vms_begin(struct task *t, struct mm *mm, struct range r, struct vms *vms)
{
	struct vma *v;

	*vms = (struct vms){ .r = r };
	TAILQ_INIT(&vms->vmas);
	zap_asked(t, mm, r, &vms->gather);
	for (v = vma_first_after(mm, r.start); v && v->r.start < r.end;
	     v = vma_next(v))
		vms->asked_vmas++;
	hold(mm->k, HOLD_VMA, &vms->gather.tag, STAGE_NONE, STAGE_UNMAPPING, vms->asked_vmas,
	     vma_object_bytes(mm->k));
}

/* What was counted when the program asked, against what is really going. */
static void hold_correct(struct mm *mm, struct vms *vms)
{
	uint64_t bytes = vma_object_bytes(mm->k);

	if (vms->vma_count > vms->asked_vmas)
		hold(mm->k, HOLD_VMA, &vms->gather.tag, STAGE_NONE, STAGE_UNMAPPING,
		     vms->vma_count - vms->asked_vmas, bytes);
	else
		hold(mm->k, HOLD_VMA, &vms->gather.tag, STAGE_UNMAPPING, STAGE_NONE,
		     vms->asked_vmas - vms->vma_count, bytes);
	vms->asked_vmas = vms->vma_count;
}

void vms_abort(struct task *t, struct vms *vms)
{
	struct kernel *k = kernel_of(t);

	settle(t);
	hold(k, HOLD_VMA, &vms->gather.tag, STAGE_UNMAPPING, STAGE_NONE, vms->asked_vmas,
	     vma_object_bytes(k));
	hold(k, HOLD_PAGE, &vms->gather.tag, STAGE_UNMAPPING, STAGE_NONE, vms->gather.asked,
	     PAGE_BYTES);
	vms->asked_vmas = vms->gather.asked = 0;
}

/* Split what reaches over the ends. Return: 0, or -ENOMEM (map_count). */
static int split_ends(struct task *t, struct mm *mm, struct vms *vms)
{
	struct vma *v = mm->k->index->find(t, mm, vms->r.start);
	int err;

	if (v && v->r.start < vms->r.start) {
		/* a hole in the middle makes one area more at the end */
		if (v->r.end > vms->r.end &&
		    mm->map_count >= mm->k->cfg.max_map_count)
			return -ENOMEM;
		err = vma_split(t, v, vms->r.start);
		if (err)
			return err;
	}
	v = vma_containing(mm, vms->r.end - 1);
	if (v && v->r.end > vms->r.end)
		return vma_split(t, v, vms->r.end);
	return 0;
}

static void detach(struct task *t, struct mm *mm, struct vms *vms,
		   struct vma *v)
{
	vma_start_write(t, v);
	vma_unlink(t, v);
	if (mm->k->mm_lock->vma_detach)
		mm->k->mm_lock->vma_detach(t, v);
	v->held = vms->gather.tag;
	TAILQ_INSERT_TAIL(&vms->vmas, v, link);
	vms->vma_count++;
}

int vms_gather(struct task *t, struct mm *mm, struct vms *vms)
{
	int err = split_ends(t, mm, vms);
	struct vma *v;

	if (err)
		return err;
	body(t, COST_MUNMAP_BODY, 1);
	settle(t);
	v = vma_first_after(mm, vms->r.start);
	if (v && v->r.start < vms->r.end)
		mm->k->index->erase(t, mm, vms->r);
	settle(t);
	rangemap_set(&mm->unmapping, vms->r, 1);
	/* the first that is left: its neighbours may be somebody else's */
	while ((v = vma_first_after(mm, vms->r.start)) &&
	       v->r.start < vms->r.end) {
		detach(t, mm, vms, v);
		settle(t);
	}
	settle(t);
	hold_correct(mm, vms);
	if (!vms->vma_count)
		rangemap_clear(&mm->unmapping, vms->r);
	return 0;
}

/*
 * Captured as one write section (before 4.20, or MAP_FIXED), tested with two:
 * the residual is shared as the model's own costs are, zap against the rest.
 */
void vms_split_segments(struct task *t, struct mm *mm, struct vms *vms)
{
	int64_t w = cost_ns(mm->k, COST_MUNMAP_BODY);
	struct zap_ns zap;
	struct vma *v;

	settle(t);
	zap = zap_estimate(mm, vms->r);
	for (v = vma_first_after(mm, vms->r.start); v && v->r.start < vms->r.end;
	     v = vma_next(v)) {
		if (v->r.start < vms->r.start || v->r.end > vms->r.end)
			w += cost_ns(mm->k, COST_VMA_SPLIT) +
			     cost_ns(mm->k, COST_VMA_ALLOC);
	}
	kop_split(t, KOP_W, KOP_R, w, zap.before_flush + zap.after_flush);
}

void vms_segment(struct task *t, struct mm *mm, struct vms *vms, unsigned seg)
{
	const struct kop *op = t->op;
	struct zap_ns zap;

	settle(t);
	zap = zap_estimate(mm, vms->r);
	if (seg == KOP_W) {
		if (!op || op->present & 1u << KOP_R)
			zap.after_flush = 0;	/* captured apart */
		zap.before_flush += cost_ns(mm->k, COST_MUNMAP_BODY);
	}
	kop_segment_around(t, seg, zap.before_flush, zap.after_flush);
}

void vms_unmap_special(struct task *t, struct mm *mm, struct vms *vms,
		       uint32_t flags)
{
	struct vma *v;

	TAILQ_FOREACH(v, &vms->vmas, link)
		if (v->flags & flags)
			zap_range(t, mm, v->r, &vms->gather);
}

void vms_munlock(struct task *t, struct mm *mm, struct vms *vms)
{
	uint64_t known, maybe;
	struct vma *v;

	TAILQ_FOREACH(v, &vms->vmas, link) {
		if (!(v->flags & VM_LOCKED))
			continue;
		settle(t);
		resident_count(mm, v->r, &known, &maybe);
		body(t, COST_PROTECT_PAGE, known);
	}
	settle(t);
}

void unmap_region(struct task *t, struct mm *mm, struct vms *vms)
{
	if (vms->vma_count) {
		settle(t);
		body_less(t, COST_UNMAP_REGION, 1,
			  rmap_list_part_ns(mm, &vms->vmas));
		folios_drain(t);
		zap_range(t, mm, vms->r, &vms->gather);
		rmap_unlink(t, mm, &vms->vmas);
		free_pgtables(t, mm, vms->r, &vms->gather);
	}
	tlb_finish(t, mm, &vms->gather);
	kop_rest(t);
	if (vms->vma_count)
		body(t, COST_UNMAP_FINISH, 1);
	settle(t);
	rangemap_clear(&mm->unmapping, vms->r);
}

void remove_vmas(struct task *t, struct vms *vms)
{
	struct vma *v;

	while ((v = TAILQ_FIRST(&vms->vmas))) {
		TAILQ_REMOVE(&vms->vmas, v, link);
		vms->asked_vmas--;
		vma_free(t, v, FREE_MUNMAP);
		cond_resched(t);
	}
}

int do_munmap_keep(struct task *t, struct mm *mm, struct range r)
{
	return mm->k->munmap->munmap(t, mm, r, MUNMAP_LOCKED | MUNMAP_KEEP);
}

int64_t sys_munmap(struct task *t, struct mm *mm, uint64_t addr, uint64_t len)
{
	struct kernel *k = kernel_of(t);
	struct range r = { addr, addr + page_up(len) };

	if (k->cfg.null_kernel)
		return 0;
	sys_enter(t);
	if ((addr & (PAGE_BYTES - 1)) || !len || r.end <= r.start)
		return sys_exit(t, -EINVAL);
	return sys_exit(t, k->munmap->munmap(t, mm, r, 0));
}
