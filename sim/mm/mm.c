/*
 * Address spaces: birth, users, who has one loaded, and the final state.
 *
 * Invariant: mm_count covers "has users", every area object, and every CPU
 * that has the tables loaded (maybe lazily); with it at zero and replay done
 * with the name, the memory goes back.
 */
#include <stdio.h>
#include "sim/mm/resource.h"

struct line *mm_line(const struct mm *mm, uint32_t offset)
{
	return place_line(mm->k->m, &mm->place, offset);
}

void mmap_lock_init(struct mm *mm, struct rwsem *s)
{
	struct kernel *k = mm->k;

	rwsem_init_at(k->m, s, k->mmap_rwsem, k->mmap_lock_class, &mm->place,
		      k->cfg.layout.mmap_lock);
}

struct mm *mm_new(struct kernel *k, uint32_t id)
{
	struct mm *mm = xcalloc(1, sizeof(*mm));

	mm->k = k;
	mm->id = id;
	mm->users = mm->count = 1;
	TAILQ_INIT(&mm->areas);
	TAILQ_INSERT_TAIL(&k->mms, mm, link);
	if (k->cfg.null_kernel)
		return mm;
#ifdef MMREPLAY_TEST
	TAILQ_INIT(&mm->sections);
#endif
	/* created on CPU 0's slab: where makes no difference to its layout */
	address_get(k->mm_cache, 0, &mm->place);
	spin_init(&mm->page_table_lock,
		  mm_line(mm, k->cfg.layout.page_table_lock),
		  k->resources->page_table_class);
	mm->cpumask = xcalloc(k->m->map_words, sizeof(*mm->cpumask));
	mm->lock_state = xcalloc(1, k->mm_lock->mm_bytes);
	mm->index_state = xcalloc(1, k->index->mm_bytes);
	mm->free_state = xcalloc(1, k->vma_free->mm_bytes);
	if (k->mm_lock->mm_init)
		k->mm_lock->mm_init(mm);
	if (k->index->init)
		k->index->init(mm);
	if (k->vma_free->mm_init)
		k->vma_free->mm_init(mm);
	return mm;
}

void mm_join_family(struct mm *parent, struct mm *child)
{
	if (!parent->family) {
		parent->family = xcalloc(1, sizeof(*parent->family));
		parent->family->born = parent->family->refs = 1;
	}
	child->family = parent->family;
	child->family->born++;
	child->family->refs++;
}

static void mm_release(struct mm *mm)
{
	struct kernel *k = mm->k;

	hold_forget(k->metrics, mm->id);
	if (mm->family && !--mm->family->refs)
		free(mm->family);
	TAILQ_REMOVE(&k->mms, mm, link);
	rangemap_release(&mm->resident);
	rangemap_release(&mm->unmapping);
	for (unsigned i = 0; i < PT_LEVELS; i++)
		rangemap_release(&mm->tables[i]);
	if (!k->cfg.null_kernel) {
		if (k->mm_lock->mm_release)
			k->mm_lock->mm_release(mm);
		address_put(k->mm_cache, 0, &mm->place);
	}
	free(mm->cpumask);
	free(mm->lock_state);
	free(mm->index_state);
	free(mm->free_state);
	free(mm);
}

void mm_count_put(struct mm *mm)
{
	BUG_ON(!mm->count);
	if (!--mm->count && mm->forgotten)
		mm_release(mm);
}

void mm_forget(struct mm *mm)
{
	mm->forgotten = true;
	if (!mm->count || (mm->k->cfg.null_kernel && !mm->users))
		mm_release(mm);
}

void mm_get(struct mm *mm)
{
	mm->users++;
	if (!mm->k->cfg.null_kernel && mm->k->index->second_user)
		mm->k->index->second_user(mm);
}

void mm_destroy(struct mm *mm)
{
	struct vma *v;

	mm->forgotten = false;
	while ((v = TAILQ_FIRST(&mm->areas))) {
		vma_tree_erase(mm, v);
		v->pins = 0;
		vma_object_free(v, 0);
	}
	mm_release(mm);
}

uint64_t mm_vma_count(const struct mm *mm)
{
	return mm->map_count;
}

/* ---- the start layout ---- */

static uint32_t start_flags(uint32_t area)
{
	uint32_t f = 0;

	/* AREA_* of traces/trace.h, which mm may not include */
	f |= area & 1 << 0 ? VM_READ : 0;
	f |= area & 1 << 1 ? VM_WRITE : 0;
	f |= area & 1 << 2 ? VM_EXEC : 0;
	f |= area & 1 << 3 ? VM_SHARED : 0;
	f |= area & 1 << 4 ? VM_FILE : 0;
	f |= area & 1 << 5 ? VM_GROWSDOWN : 0;
	f |= area & 1 << 7 ? VM_SPECIAL : 0;
	if ((f & VM_WRITE) && !(f & VM_SHARED))
		f |= VM_ACCOUNT;
	return f;
}

/* Resident pages of the start: which ones is not known, so the first ones. */
static void start_pages(struct mm *mm, const struct vma *v, uint64_t pages)
{
	struct range r = v->r;
	uint64_t value = RES_4K;

	if (pages > range_pages(r))
		pages = range_pages(r);
	if (!pages)
		return;
	if (v->flags & VM_GROWSDOWN)
		r.start = r.end - (pages << PAGE_SHIFT);
	else
		r.end = r.start + (pages << PAGE_SHIFT);
	if (v->flags & (VM_FILE | VM_SHARED))
		value |= RES_FILE;
	resident_set(mm, r, value);
	tables_set(mm, r, false);
}

void mm_start_area(struct mm *mm, struct range r, uint32_t area_flags,
		   uint64_t resident_pages)
{
	struct kernel *k = mm->k;
	struct vma *v;

	if (k->cfg.null_kernel)
		return;
	v = vma_start(mm, r, start_flags(area_flags));
	/* assumed: a writable private area that has pages was written to */
	if (resident_pages && resident_pages != UINT64_MAX &&
	    (v->flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
		v->anon_vma = ++k->anon_vmas_born;
	if (resident_pages != UINT64_MAX)
		start_pages(mm, v, resident_pages);
}

/* ---- which CPU has what loaded ---- */

static void cpu_load(struct kernel *k, uint32_t cpu, struct mm *mm)
{
	struct mm *old = k->cpu_mm[cpu];

	k->cpu_lazy[cpu] = !mm;
	if (!mm || mm == old)
		return;
	if (old) {
		old->cpumask[cpu / 64] &= ~(1ULL << (cpu % 64));
		old->cpus_loaded--;
		mm_count_put(old);
	}
	mm->cpumask[cpu / 64] |= 1ULL << (cpu % 64);
	mm->cpus_loaded++;
	mm->count++;
	k->cpu_mm[cpu] = mm;
}

static void context_switch(void *arg, struct cpu *c, struct task *prev,
			   struct task *next)
{
	if (!next && prev->stands)
		return;
	cpu_load(arg, c->id, next ? next->address_space : NULL);
}

void kernel_attach(struct kernel *k)
{
	if (!k->cfg.null_kernel)
		k->m->hooks.context_switch = context_switch;
}

void task_attach_mm(struct task *t, struct mm *mm)
{
	t->address_space = mm;
	if (kernel_of(t)->cfg.null_kernel)
		return;
	if (t->state == TASK_RUNNING)
		cpu_load(kernel_of(t), t->cpu->id, mm);
}

/* ---- the state that every policy must agree on ---- */

static void state_line(FILE *f, struct range r, uint32_t flags, bool resident)
{
	fprintf(f, "%llx-%llx %c%c%c%c %c%c%c%c %s\n",
		(unsigned long long)r.start, (unsigned long long)r.end,
		flags & VM_READ ? 'r' : '-', flags & VM_WRITE ? 'w' : '-',
		flags & VM_EXEC ? 'x' : '-', flags & VM_SHARED ? 's' : 'p',
		flags & VM_FILE ? 'f' : '-', flags & VM_LOCKED ? 'l' : '-',
		flags & VM_GROWSDOWN ? 'g' : '-',
		flags & VM_DONTCOPY ? 'd' : '-', resident ? "resident" : "empty");
}

enum { STATE_FLAGS = VM_PROT | VM_SHARED | VM_FILE | VM_LOCKED | VM_GROWSDOWN |
		     VM_DONTCOPY };

struct state {
	FILE *f;
	struct range r;
	uint32_t flags;
	bool resident;
};

static void state_add(struct state *s, struct range r, uint32_t flags,
		      bool resident)
{
	flags &= STATE_FLAGS;
	if (s->r.end == r.start && s->flags == flags &&
	    s->resident == resident && s->r.start < s->r.end) {
		s->r.end = r.end;
		return;
	}
	if (s->r.start < s->r.end)
		state_line(s->f, s->r, s->flags, s->resident);
	*s = (struct state){ s->f, r, flags, resident };
}

static void state_area(struct state *s, const struct vma *v)
{
	uint64_t at = v->r.start;

	while (at < v->r.end) {
		struct range_run run;
		bool resident = false;
		uint64_t end = v->r.end;

		if (rangemap_next(&v->mm->resident, at, &run) &&
		    run.r.start < end) {
			resident = run.r.start <= at &&
				   !(run.value & RES_MAYBE);
			end = run.r.start > at ? run.r.start :
			      run.r.end < end ? run.r.end : end;
		}
		state_add(s, (struct range){ at, end }, v->flags, resident);
		at = end;
	}
}

char *mm_final_state(struct mm *mm)
{
	struct memtext t;
	struct state s = { .f = memtext_open(&t) };
	struct vma *v;

	TAILQ_FOREACH(v, &mm->areas, link)
		state_area(&s, v);
	if (s.r.start < s.r.end)
		state_line(s.f, s.r, s.flags, s.resident);
	return memtext_close(&t);
}
