/*
 * Addresses for simulated objects, laid out as a slab allocator would.
 *
 * A cache cuts objects of one size from slabs of 4 to 32 KiB, the order chosen
 * as SLUB does: enough objects for the number of CPUs, little waste at the
 * end. Each CPU allocates from its own slab, newest freed object first. What
 * is freed goes back to its slab: the fast path if that is the CPU's own slab,
 * else a remote free; a slab with room that no CPU owns is on the partial
 * list, and all but five empty ones are given back.
 *
 * Invariant: a slab is owned by one CPU, or partial, or full, or given back.
 * Objects of one slab lie side by side, so which of them share a line
 * follows from size and alignment only.
 *
 * Cost: O(1) for get and put; a slab brings its lines.
 */
#include <stdlib.h>
#include "sim/base/errbuf.h"
#include "sim/base/mem.h"
#include "sim/machine/address.h"

enum { SLAB_MIN_BYTES = 4096, SLAB_ORDER_MAX = 3, SLAB_EMPTY_KEPT = 5 };

struct slab {
	uint64_t addr;
	uint32_t id, free_count;
	uint32_t owner;			/* CPU + 1, or 0 */
	bool partial;
	TAILQ_ENTRY(slab) link;		/* partial list, or unused list */
	struct line *lines;
	uint16_t *free;			/* stack of object numbers */
};

TAILQ_HEAD(slab_list, slab);

struct address_cache {
	struct machine *m;
	struct address_cache *next;
	const char *name;
	uint32_t object_bytes, slab_bytes, per_slab;
	uint32_t partial_empty, slabs_live;
	struct slab **slab;		/* by id */
	uint32_t slab_count, slab_room;
	struct slab **own;		/* by CPU */
	struct slab_list partial, unused;
};

struct address_allocator {
	struct address_cache *caches;
	uint64_t next_addr;
};

static uint32_t log2_floor(uint32_t n)
{
	return 31 - (uint32_t)__builtin_clz(n | 1);
}

/* Smallest order that holds enough objects and wastes at most 1/@fraction. */
static uint32_t slab_bytes_for(uint32_t object_bytes, uint32_t cpus)
{
	uint32_t min_objects = 4 * (log2_floor(cpus) + 2);

	for (; min_objects > 1; min_objects /= 2)
		for (uint32_t fraction = 16; fraction >= 4; fraction /= 2)
			for (int order = 0; order <= SLAB_ORDER_MAX; order++) {
				uint32_t b = (uint32_t)SLAB_MIN_BYTES << order;

				if (b / object_bytes >= min_objects &&
				    b % object_bytes <= b / fraction)
					return b;
			}
	return (uint32_t)SLAB_MIN_BYTES << SLAB_ORDER_MAX;
}

struct address_cache *address_cache_new(struct machine *m, const char *name,
					uint32_t object_bytes,
					uint32_t align_bytes)
{
	struct address_cache *c = xcalloc(1, sizeof(*c));

	BUG_ON(!object_bytes || !align_bytes || align_bytes & (align_bytes - 1));
	if (!m->addresses) {
		m->addresses = xcalloc(1, sizeof(*m->addresses));
		m->addresses->next_addr = 1ULL << 32;
	}
	c->m = m;
	c->name = name;
	c->object_bytes = (object_bytes + align_bytes - 1) & ~(align_bytes - 1);
	c->slab_bytes = slab_bytes_for(c->object_bytes,
				       m->profile->cpus_possible);
	c->per_slab = c->slab_bytes / c->object_bytes;
	BUG_ON(!c->per_slab);
	c->own = xcalloc(m->cpu_count, sizeof(struct slab *));
	TAILQ_INIT(&c->partial);
	TAILQ_INIT(&c->unused);
	c->next = m->addresses->caches;
	m->addresses->caches = c;
	return c;
}

static void cache_free(struct address_cache *c)
{
	for (uint32_t i = 0; i < c->slab_count; i++) {
		struct slab *s = c->slab[i];

		for (uint32_t j = 0; j < c->slab_bytes / 64; j++)
			line_release(&s->lines[j]);
		free(s->lines);
		free(s->free);
		free(s);
	}
	free(c->slab);
	free(c->own);
	free(c);
}

void addresses_release(struct machine *m)
{
	struct address_cache *c;

	if (!m->addresses)
		return;
	while ((c = m->addresses->caches)) {
		m->addresses->caches = c->next;
		cache_free(c);
	}
	free(m->addresses);
	m->addresses = NULL;
}

static struct slab *slab_new(struct address_cache *c)
{
	uint64_t *next = &c->m->addresses->next_addr;
	struct slab *s = TAILQ_FIRST(&c->unused);

	c->slabs_live++;
	if (s) {
		TAILQ_REMOVE(&c->unused, s, link);
	} else {
		s = xcalloc(1, sizeof(*s));
		s->lines = xcalloc(c->slab_bytes / 64, sizeof(struct line));
		s->free = xcalloc(c->per_slab, sizeof(uint16_t));
		*next = (*next + c->slab_bytes - 1) & ~(uint64_t)(c->slab_bytes - 1);
		s->addr = *next;
		*next += c->slab_bytes;
		s->id = c->slab_count;
		if (c->slab_count == c->slab_room) {
			c->slab_room = c->slab_room ? 2 * c->slab_room : 16;
			c->slab = xrealloc(c->slab, c->slab_room,
					   sizeof(struct slab *));
		}
		c->slab[c->slab_count++] = s;
	}
	s->free_count = c->per_slab;
	for (uint32_t i = 0; i < c->per_slab; i++)
		s->free[i] = (uint16_t)(c->per_slab - 1 - i);
	return s;
}

static struct slab *slab_for_cpu(struct address_cache *c, uint32_t cpu)
{
	struct slab *s = TAILQ_FIRST(&c->partial);

	if (c->own[cpu])
		c->own[cpu]->owner = 0;		/* full: on no list */
	if (s) {
		TAILQ_REMOVE(&c->partial, s, link);
		s->partial = false;
		c->partial_empty -= s->free_count == c->per_slab;
	} else {
		s = slab_new(c);
	}
	s->owner = cpu + 1;
	c->own[cpu] = s;
	return s;
}

bool address_get(struct address_cache *c, uint32_t cpu, struct place *out)
{
	struct slab *s = c->own[cpu];
	bool fast = s && s->free_count;
	uint32_t offset;

	assert_paid(c->m);
	if (!fast)
		s = slab_for_cpu(c, cpu);
	offset = s->free[--s->free_count] * c->object_bytes;
	out->addr = s->addr + offset;
	out->lines = &s->lines[offset / c->m->profile->line_bytes];
	out->slab = s->id;
	return fast;
}

/* An object came back to a slab that no CPU owns. */
static void slab_came_back(struct address_cache *c, struct slab *s)
{
	bool empty = s->free_count == c->per_slab;

	if (!s->partial) {
		s->partial = true;
		TAILQ_INSERT_TAIL(&c->partial, s, link);
	}
	if (!empty)
		return;
	if (c->partial_empty < SLAB_EMPTY_KEPT) {
		c->partial_empty++;
		return;
	}
	TAILQ_REMOVE(&c->partial, s, link);
	s->partial = false;
	TAILQ_INSERT_TAIL(&c->unused, s, link);
	c->slabs_live--;
}

bool address_put(struct address_cache *c, uint32_t cpu, struct place *p)
{
	struct slab *s = c->slab[p->slab];
	bool fast = s->owner == cpu + 1;

	assert_paid(c->m);
	BUG_ON(!p->addr || s->free_count == c->per_slab);
	s->free[s->free_count++] = (uint16_t)((p->addr - s->addr) /
					      c->object_bytes);
	if (!s->owner)
		slab_came_back(c, s);
	p->addr = 0;
	p->lines = NULL;
	return fast;
}

struct line *place_line(const struct machine *m, const struct place *p,
			uint32_t offset)
{
	uint64_t line = m->profile->line_bytes;

	return p->lines + ((p->addr + offset) / line - p->addr / line);
}

uint64_t address_number(const struct address_cache *c, const struct place *p)
{
	return (uint64_t)p->slab * c->per_slab +
	       (p->addr - c->slab[p->slab]->addr) / c->object_bytes;
}

uint32_t address_per_slab(const struct address_cache *c)
{
	return c->per_slab;
}

uint64_t address_cache_bytes(const struct address_cache *c)
{
	return (uint64_t)c->slabs_live * c->slab_bytes;
}
