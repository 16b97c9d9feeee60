/*
 * vm_area_struct objects: birth, change, death, and where they lie.
 *
 * Invariant: an area in the tree changes only under the write lock of its mm
 * (over its range), write-locked itself, with no fault inside. An area that
 * was freed while an RCU reader still holds a pointer to it is a bug of the
 * combination of policies, and stops the run.
 */
#include "sim/mm/resource.h"

enum { LINE_BYTES = 64, LOCK_ALIGN = 8 };

static uint32_t round_up(uint32_t n, uint32_t to)
{
	return (n + to - 1) / to * to;
}

struct vma_object vma_object_of(const struct vma_layout *l,
				const struct vma_place *place, bool refcnt)
{
	struct vma_object o = { .bytes = l->bytes, .align = l->align,
				.policy_offset = l->policy };
	uint32_t to = place && place->aligned ? LINE_BYTES : LOCK_ALIGN;

	if (refcnt)
		return (struct vma_object){ .bytes = l->refcnt_bytes,
					    .align = LINE_BYTES,
					    .lock_offset = l->refcnt,
					    .policy_offset = l->refcnt_policy };
	if (!place)
		return o;
	if (place->aligned)
		o.align = LINE_BYTES;
	if (place->embedded) {
		o.align = to;
		o.lock_offset = round_up(l->bytes, to);
		o.bytes = round_up(o.lock_offset + l->lock_bytes, to);
		return o;
	}
	o.bytes = round_up(l->bytes, o.align);
	o.lock_bytes = round_up(l->lock_bytes, to);
	o.lock_align = to;
	return o;
}

uint64_t vma_object_bytes(const struct kernel *k)
{
	return k->area.bytes + k->area.lock_bytes;
}

struct line *vma_line(const struct vma *v, uint32_t offset)
{
	return place_line(v->mm->k->m, &v->place, offset);
}

/* The objects of an area, taken on @cpu. */
static struct vma *vma_object(struct mm *mm, uint32_t cpu, bool *slow)
{
	struct kernel *k = mm->k;
	struct place place;
	struct vma *v;

	*slow = !address_get(k->vma_cache, cpu, &place);
	v = vma_slot_take(k, &place);
	v->place = place;
	/* aligned to 8 bytes at least: which 16 of a line of 64? */
	count_n(k, COUNT_VMA_AT_0 + (uint32_t)(place.addr & 63) / 16, 1);
	v->lock_state = (char *)v + (sizeof(*v) + 15) / 16 * 16;
	v->mm = mm;
	mm->count++;
	v->detached = true;
	v->prio = draw(k->m->seed, mm->id, DRAW_POLICY, mm->vmas_born++);
	if (k->vma_lock_cache)
		address_get(k->vma_lock_cache, cpu, &v->lock_place);
	if (k->mm_lock->vma_init)
		k->mm_lock->vma_init(v);
	return v;
}

static struct vma *vma_new(struct task *t, struct mm *mm)
{
	struct vma *v;
	bool slow;

	body(t, COST_VMA_ALLOC, 1);
	if (mm->k->vma_lock_cache)
		prim(t, COST_VMA_LOCK_ALLOC, 1);
	settle(t);
	v = vma_object(mm, t->cpu->id, &slow);
	if (slow)
		slab_slow(t);	/* on top: known only now */
	settle(t);
	return v;
}

struct vma *vma_alloc(struct task *t, struct mm *mm)
{
	struct vma *v = vma_new(t, mm);

	v->anon_singular = true;
	return v;
}

struct vma *vma_dup(struct task *t, struct mm *mm, const struct vma *from)
{
	struct vma *v = vma_new(t, mm);

	v->r = from->r;
	v->flags = from->flags;
	v->file = from->file;
	v->pgoff = from->pgoff;
	v->anon_vma = from->anon_vma;
	v->anon_singular = from->anon_singular;
	return v;
}

void vma_free(struct task *t, struct vma *v, enum free_why why)
{
	BUG_ON(!v->detached);
	vma_assert_quiet(v);
	if (why == FREE_MERGE)	/* asked for in this instant */
		v->held = hold_tag_of(t, v->mm);
	v->mm->k->vma_free->free(t, v, why);
}

static bool vma_put_objects(struct vma *v, uint32_t cpu)
{
	struct kernel *k = v->mm->k;
	struct mm *mm = v->mm;
	bool local;

	if (k->mm_lock->vma_release)
		k->mm_lock->vma_release(v);
	if (k->vma_lock_cache)
		address_put(k->vma_lock_cache, cpu, &v->lock_place);
	local = vma_slot_put(v, cpu);
	mm_count_put(mm);
	return local;
}

bool vma_object_free(struct vma *v, uint32_t cpu)
{
	if (!v->pins)
		return vma_put_objects(v, cpu);
	/* A reader is still inside its RCU section. After a real grace period
	 * that cannot be; a fixed one was too short, and the reader ends it.
	 * Without any it is a use after free. */
	if (!v->queued || rcu_waits_for_readers(v->mm->k->rcu))
		BUG("mm %u: area freed under an RCU reader", v->mm->id);
	v->dead = true;
	v->free_cpu = cpu;
	return true;
}

void vma_pin(struct vma *v)
{
	v->pins++;
}

void vma_unpin(struct vma *v)
{
	BUG_ON(!v->pins);
	v->pins--;
	if (v->dead && !v->pins)
		vma_put_objects(v, v->free_cpu);
}

void vma_insert(struct task *t, struct mm *mm, struct vma *v)
{
	settle(t);
	mm_assert_write_locked(t, mm, v->r);
	v->detached = false;
	if (mm->k->mm_lock->vma_attach)
		mm->k->mm_lock->vma_attach(v);
	vma_tree_insert(mm, v);
}

void vma_link(struct task *t, struct mm *mm, struct vma *v)
{
	/* A new area is write-locked before anyone can find it (6.4.3). */
	vma_start_write(t, v);
	mm->k->index->store(t, mm, v);
	vma_insert(t, mm, v);
}

void vma_unlink(struct task *t, struct vma *v)
{
	struct mm *mm = v->mm;

	settle(t);
	mm_assert_write_locked(t, mm, v->r);
	vma_assert_quiet(v);
	vma_tree_erase(mm, v);
	v->detached = true;
}

void vma_set_range(struct task *t, struct vma *v, struct range r)
{
	settle(t);
	mm_assert_write_locked(t, v->mm, r);
	vma_assert_quiet(v);
	if (r.start > v->r.start)
		v->pgoff += (r.start - v->r.start) >> PAGE_SHIFT;
	else
		v->pgoff -= (v->r.start - r.start) >> PAGE_SHIFT;
	v->r = r;
}

void vma_expand_down(struct task *t, struct vma *v, uint64_t start,
		     bool write_locked)
{
	struct rmap held;

	settle(t);
	if (write_locked)
		vma_start_write(t, v);
	rmap_lock(t, v->mm, (struct rmap_of){ .anon_vma = v->anon_vma }, &held);
	settle(t);
	if (write_locked) {
		v->mm->k->index->store(t, v->mm, v);
		vma_set_range(t, v, (struct range){ start, v->r.end });
	} else if (start < v->r.start) {
		/* the anon_vma lock orders growers; the bound is read by
		 * faults without a lock */
		v->pgoff -= (v->r.start - start) >> PAGE_SHIFT;
		v->r.start = start;
	}
	rmap_unlock(t, &held);
}

/* An area of the start layout: at no cost, before anybody runs in the mm. */
struct vma *vma_start(struct mm *mm, struct range r, uint32_t flags)
{
	struct kernel *k = mm->k;
	bool slow;
	struct vma *v = vma_object(mm, 0, &slow);

	v->r = r;
	v->flags = flags;
	if (flags & (VM_FILE | VM_SHARED | VM_SPECIAL))
		v->file = ++k->files_born;
	else
		v->pgoff = r.start >> PAGE_SHIFT;
	v->anon_singular = true;
	v->detached = false;
	if (k->mm_lock->vma_attach)
		k->mm_lock->vma_attach(v);
	vma_tree_insert(mm, v);
	if (k->index->loaded)
		k->index->loaded(mm);
	return v;
}
