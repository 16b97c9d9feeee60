/*
 * Locks of objects that the simulation keeps as ranges or numbers: page tables,
 * mappings of files, roots of anon_vmas.
 *
 * Invariant: a lock that somebody holds or waits for is in the table; an
 * unused one may be forgotten, and with it only who had its line last. So
 * memory does not grow with the tables of a large mapping.
 * Cost: O(1), one allocation for each of the first KEYED_KEPT.
 */
#include "sim/mm/resource.h"

enum { KEYED_KEPT = 4096, KEYED_BUCKETS = 1024 };

TAILQ_HEAD(keyed_list, keyed_lock);

struct keyed_locks {
	struct keyed_lock *bucket[KEYED_BUCKETS];
	struct keyed_list unused;
	uint32_t count;
};

struct keyed_locks *keyed_locks_new(struct kernel *k)
{
	struct keyed_locks *h = xcalloc(1, sizeof(*h));

	(void)k;
	TAILQ_INIT(&h->unused);
	return h;
}

static struct keyed_lock **slot_of(struct keyed_locks *h, uint32_t kind,
				   uint64_t id)
{
	uint64_t x = (id ^ ((uint64_t)kind << 60)) * 0x9e3779b97f4a7c15ULL;
	struct keyed_lock **at = &h->bucket[(x >> 32) % KEYED_BUCKETS];

	while (*at && ((*at)->id != id || (*at)->kind != kind))
		at = &(*at)->next;
	return at;
}

static void keyed_free(struct keyed_lock *l)
{
	if (l->kind != KEYED_PTL)
		rwsem_release(&l->sem);
	line_release(&l->line);
	free(l);
}

void keyed_locks_free(struct keyed_locks *h)
{
	if (!h)
		return;
	for (int i = 0; i < KEYED_BUCKETS; i++)
		while (h->bucket[i]) {
			struct keyed_lock *l = h->bucket[i];

			h->bucket[i] = l->next;
			keyed_free(l);
		}
	free(h);
}

static void keyed_init(struct task *t, struct keyed_lock *l)
{
	const struct kernel *k = kernel_of(t);
	const struct resources *r = k->resources;

	/* whoever made the object has just written to it */
	l->line.owner = (uint16_t)(t->cpu->id + 1);
	if (l->kind == KEYED_PTL)
		spin_init(&l->spin, &l->line, r->ptl_class);
	else
		rwsem_init(t->m, &l->sem, k->rwsem, &l->line,
			   l->kind == KEYED_I_MMAP ? r->i_mmap_class :
						     r->anon_vma_class);
}

struct keyed_lock *keyed_lock_get(struct task *t, enum keyed_kind kind,
				  uint64_t id)
{
	struct keyed_locks *h = kernel_of(t)->resources->keyed;
	struct keyed_lock **at = slot_of(h, kind, id), *l = *at;

	assert_settled(t);
	if (!l) {
		l = *at = xcalloc(1, sizeof(*l));
		l->id = id;
		l->kind = kind;
		keyed_init(t, l);
		h->count++;
	} else if (!l->users) {
		TAILQ_REMOVE(&h->unused, l, link);
	}
	l->users++;
	return l;
}

void keyed_lock_put(struct kernel *k, struct keyed_lock *l)
{
	struct keyed_locks *h = k->resources->keyed;
	struct keyed_lock **at;

	if (--l->users)
		return;
	TAILQ_INSERT_TAIL(&h->unused, l, link);
	if (h->count <= KEYED_KEPT)
		return;
	l = TAILQ_FIRST(&h->unused);
	TAILQ_REMOVE(&h->unused, l, link);
	at = slot_of(h, l->kind, l->id);
	*at = l->next;
	keyed_free(l);
	h->count--;
}
