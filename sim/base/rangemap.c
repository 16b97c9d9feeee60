/*
 * Range map: an AVL tree of disjoint runs in the order of their start.
 * Invariants: runs do not overlap and are not empty; neighbours that touch
 * have different values; the heights of two siblings differ by at most one.
 * So depth is at most 1.44 log2(runs), whatever addresses a trace brings, and
 * a path fits a fixed array.
 *
 * Nodes are indices into one array with a free list: compact, and no
 * allocation when warm. Node 0 is the empty tree.
 */
#include <stdlib.h>
#include "sim/base/errbuf.h"
#include "sim/base/mem.h"
#include "sim/base/rangemap.h"

enum { LEFT, RIGHT, MAX_DEPTH = 48 };	/* 1.44 * 32 bits of index, and some */

struct range_node {
	uint64_t start, end, value;
	uint32_t child[2];
	uint8_t height;
};

/* The links from the root to a node: each is the index of a parent and a side. */
struct path {
	unsigned int depth;
	uint32_t node[MAX_DEPTH];
	uint8_t side[MAX_DEPTH];
};

static uint32_t new_node(struct rangemap *m, struct range r, uint64_t value)
{
	uint32_t i = m->free_list;

	if (i) {
		m->free_list = m->nodes[i].child[LEFT];
	} else {
		if (m->used == m->capacity) {
			BUG_ON(m->capacity > UINT32_MAX / 2);
			m->capacity = m->capacity ? m->capacity * 2 : 8;
			m->nodes = xrealloc(m->nodes, m->capacity,
					    sizeof(*m->nodes));
		}
		if (!m->used)
			m->nodes[m->used++] = (struct range_node){ 0 };
		i = m->used++;
	}
	m->nodes[i] = (struct range_node){ .start = r.start, .end = r.end,
					   .value = value, .height = 1 };
	m->count++;
	return i;
}

static void free_node(struct rangemap *m, uint32_t i)
{
	m->nodes[i].child[LEFT] = m->free_list;
	m->free_list = i;
	m->count--;
}

static void set_height(struct range_node *nodes, uint32_t i)
{
	uint8_t l = nodes[nodes[i].child[LEFT]].height;
	uint8_t r = nodes[nodes[i].child[RIGHT]].height;

	nodes[i].height = (uint8_t)((l > r ? l : r) + 1);
}

/* Lifts the child of @i opposite to @side; returns the new top. */
static uint32_t rotate(struct range_node *nodes, uint32_t i, int side)
{
	uint32_t top = nodes[i].child[!side];

	nodes[i].child[!side] = nodes[top].child[side];
	nodes[top].child[side] = i;
	set_height(nodes, i);
	set_height(nodes, top);
	return top;
}

/* Restores the height rule at @i, whose children obey it; returns the top. */
static uint32_t balance(struct range_node *nodes, uint32_t i)
{
	int l = nodes[nodes[i].child[LEFT]].height;
	int r = nodes[nodes[i].child[RIGHT]].height;
	int heavy = l > r ? LEFT : RIGHT;
	uint32_t c;

	if (l - r >= -1 && l - r <= 1) {
		set_height(nodes, i);
		return i;
	}
	c = nodes[i].child[heavy];
	if (nodes[nodes[c].child[!heavy]].height >
	    nodes[nodes[c].child[heavy]].height)
		nodes[i].child[heavy] = rotate(nodes, c, heavy);
	return rotate(nodes, i, !heavy);
}

static void set_link(struct rangemap *m, const struct path *p,
		     unsigned int depth, uint32_t to)
{
	if (depth)
		m->nodes[p->node[depth - 1]].child[p->side[depth - 1]] = to;
	else
		m->root = to;
}

/* Walks up from the bottom of @p until a subtree is as high as it was. */
static void rebalance(struct rangemap *m, const struct path *p)
{
	for (unsigned int d = p->depth; d > 0; d--) {
		uint32_t i = p->node[d - 1];
		uint8_t before = m->nodes[i].height;
		uint32_t top = balance(m->nodes, i);

		if (top == i && m->nodes[i].height == before)
			return;
		set_link(m, p, d - 1, top);
	}
}

static void step(struct path *p, uint32_t node, int side)
{
	p->node[p->depth] = node;
	p->side[p->depth++] = (uint8_t)side;
}

static void insert(struct rangemap *m, struct range r, uint64_t value)
{
	struct path p = { 0 };
	uint32_t i = m->root;

	while (i) {
		int side = r.start < m->nodes[i].start ? LEFT : RIGHT;

		step(&p, i, side);
		i = m->nodes[i].child[side];
	}
	i = new_node(m, r, value);
	set_link(m, &p, p.depth, i);
	rebalance(m, &p);
}

/* Removes the run that starts at @start; it must exist. */
static void erase(struct rangemap *m, uint64_t start)
{
	struct range_node *nodes = m->nodes;
	struct path p = { 0 };
	uint32_t i = m->root, next;

	while (nodes[i].start != start) {
		int side = start < nodes[i].start ? LEFT : RIGHT;

		step(&p, i, side);
		i = nodes[i].child[side];
	}
	if (nodes[i].child[LEFT] && nodes[i].child[RIGHT]) {
		/* take the contents of the next run and remove that node */
		step(&p, i, RIGHT);
		next = nodes[i].child[RIGHT];
		while (nodes[next].child[LEFT]) {
			step(&p, next, LEFT);
			next = nodes[next].child[LEFT];
		}
		nodes[i].start = nodes[next].start;
		nodes[i].end = nodes[next].end;
		nodes[i].value = nodes[next].value;
		i = next;
	}
	set_link(m, &p, p.depth,
		 nodes[i].child[nodes[i].child[LEFT] ? LEFT : RIGHT]);
	free_node(m, i);
	rebalance(m, &p);
}

/* First run that ends after @addr, or NULL. Valid until the next change. */
static struct range_node *first_after(const struct rangemap *m, uint64_t addr)
{
	struct range_node *found = NULL;
	uint32_t i = m->root;

	while (i) {
		struct range_node *n = &m->nodes[i];

		if (n->end > addr) {
			found = n;
			if (n->start <= addr)
				break;
			i = n->child[LEFT];
		} else {
			i = n->child[RIGHT];
		}
	}
	return found;
}

void rangemap_clear(struct rangemap *m, struct range r)
{
	struct range_node *n;

	if (r.start >= r.end)
		return;
	while ((n = first_after(m, r.start)) && n->start < r.end) {
		uint64_t end = n->end, value = n->value;

		if (n->start < r.start) {
			n->end = r.start;
			if (end > r.end)
				insert(m, (struct range){ r.end, end }, value);
		} else if (end > r.end) {
			n->start = r.end;
		} else {
			erase(m, n->start);
		}
		if (end >= r.end)
			return;
	}
}

void rangemap_set(struct rangemap *m, struct range r, uint64_t value)
{
	struct range_node *n, *next;

	if (r.start >= r.end)
		return;
	/* a run that holds or touches r.start and has the value grows instead */
	n = first_after(m, r.start ? r.start - 1 : 0);
	if (n && n->end == r.start && n->value != value)
		n = first_after(m, r.start);
	if (!n || n->start > r.end) {		/* free space: usual */
		insert(m, r, value);
		return;
	}
	if (n->start <= r.start && n->value == value) {
		if (n->end >= r.end)
			return;
		next = first_after(m, n->end);
		if (!next || next->start > r.end) {
			n->end = r.end;		/* growing: usual, too */
			return;
		}
		r.start = n->start;
		rangemap_clear(m, (struct range){ n->end, r.end });
	} else if (n->start == r.start && n->end == r.end) {
		n->value = value;
	} else {
		rangemap_clear(m, r);
	}
	n = first_after(m, r.end);
	if (n && n->start == r.end && n->value == value) {
		r.end = n->end;
		erase(m, n->start);
	}
	n = first_after(m, r.start);
	if (n && n->start == r.start)
		n->end = r.end;
	else
		insert(m, r, value);
}

bool rangemap_next(const struct rangemap *m, uint64_t addr,
		   struct range_run *out)
{
	const struct range_node *n = first_after(m, addr);

	if (!n)
		return false;
	*out = (struct range_run){ { n->start, n->end }, n->value };
	return true;
}

bool rangemap_find(const struct rangemap *m, uint64_t addr,
		   struct range_run *out)
{
	const struct range_node *n = first_after(m, addr);

	if (!n || n->start > addr)
		return false;
	*out = (struct range_run){ { n->start, n->end }, n->value };
	return true;
}

uint64_t rangemap_bytes(const struct rangemap *m, struct range r)
{
	uint32_t stack[MAX_DEPTH];
	unsigned int depth = 0;
	uint64_t bytes = 0;
	uint32_t i = m->root;

	/* in order, leaving out what lies wholly on one side of @r */
	while (i || depth) {
		const struct range_node *n;

		if (i) {
			n = &m->nodes[i];
			stack[depth++] = i;
			i = n->start > r.start ? n->child[LEFT] : 0;
			continue;
		}
		n = &m->nodes[stack[--depth]];
		if (n->start >= r.end)
			break;
		if (n->end > r.start)
			bytes += (n->end < r.end ? n->end : r.end) -
				 (n->start > r.start ? n->start : r.start);
		i = n->end < r.end ? n->child[RIGHT] : 0;
	}
	return bytes;
}

void rangemap_release(struct rangemap *m)
{
	free(m->nodes);
	*m = (struct rangemap){ 0 };
}
