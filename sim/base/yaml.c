/*
 * YAML to a tree, from libyaml's events. Recursion is bounded by MAX_DEPTH,
 * which counts what aliases stand for, so whoever walks the tree is bounded
 * too; MAX_NODES counts every use of an alias, so a few nested aliases cannot
 * stand for billions of nodes. A node that is aliased is shared, not copied.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>
#include "sim/base/file.h"
#include "sim/base/mem.h"
#include "sim/base/yaml.h"

enum {
	MAX_DEPTH = 64,
	MAX_NODES = 1000000,
	MAX_FILE_BYTES = 16 << 20,
	MAX_ANCHORS = 1000,
};

/* What an anchor stands for; open while its node is being read. */
struct anchor {
	const char *name;
	struct ynode *node;
	struct loc at;
	size_t nodes;
	unsigned int height;
	bool open;
};

struct reader {
	yaml_parser_t parser;
	const char *path;
	struct arena *arena;
	struct errbuf *e;
	struct anchor anchors[MAX_ANCHORS];
	size_t anchor_count;
	size_t nodes;		/* so far, aliases expanded */
};

/* A node with what it stands for. */
struct built {
	struct ynode *node;
	unsigned int height;
};

static struct loc place(const struct reader *r, yaml_mark_t mark)
{
	return (struct loc){ r->path, (uint32_t)mark.line + 1,
			     (uint32_t)mark.column + 1 };
}

static int next_event(struct reader *r, yaml_event_t *ev)
{
	yaml_parser_t *p = &r->parser;

	if (yaml_parser_parse(p, ev))
		return 0;
	if (p->error == YAML_READER_ERROR)
		return err_at(r->e, -EINVAL, place(r, p->mark),
			      "%s at byte %zu", p->problem, p->problem_offset);
	return err_at(r->e, -EINVAL, place(r, p->problem_mark), "%s%s%s",
		      p->problem ? p->problem : "not YAML",
		      p->context ? ", " : "", p->context ? p->context : "");
}

static int count_nodes(struct reader *r, struct loc at, size_t nodes)
{
	r->nodes += nodes;
	if (r->nodes > MAX_NODES)
		return err_at(r->e, -E2BIG, at,
			      "more than %d nodes, aliases expanded", MAX_NODES);
	return 0;
}

static struct anchor *find_anchor(struct reader *r, const char *name)
{
	/* the latest of a name counts, as YAML has it */
	for (size_t i = r->anchor_count; i > 0; i--)
		if (!strcmp(r->anchors[i - 1].name, name))
			return &r->anchors[i - 1];
	return NULL;
}

static int open_anchor(struct reader *r, const char *name, struct loc at,
		       struct anchor **out)
{
	if (!name)
		return 0;
	if (r->anchor_count == MAX_ANCHORS)
		return err_at(r->e, -E2BIG, at, "more than %d anchors",
			      MAX_ANCHORS);
	*out = &r->anchors[r->anchor_count++];
	**out = (struct anchor){ .name = arena_strdup(r->arena, name),
				 .at = at, .open = true };
	return 0;
}

static int read_alias(struct reader *r, const yaml_event_t *ev,
		      unsigned int depth, struct built *out)
{
	const char *name = (const char *)ev->data.alias.anchor;
	struct loc at = place(r, ev->start_mark);
	struct anchor *a = find_anchor(r, name);

	if (!a)
		return err_at(r->e, -EINVAL, at, "alias '%.100s' without anchor",
			      name);
	if (a->open)
		return err_at(r->e, -ELOOP, at,
			      "cyclic alias '%.100s' inside its own anchor at line %u",
			      name, a->at.line);
	if (depth + a->height > MAX_DEPTH)
		return err_at(r->e, -E2BIG, at, "nested deeper than %d",
			      MAX_DEPTH);
	*out = (struct built){ a->node, a->height };
	return count_nodes(r, at, a->nodes);
}

static int read_scalar(struct reader *r, const yaml_event_t *ev,
		       struct ynode *n)
{
	const char *text = (const char *)ev->data.scalar.value;

	if (strlen(text) != ev->data.scalar.length)
		return err_at(r->e, -EINVAL, n->at, "text with a zero byte");
	n->kind = YNODE_SCALAR;
	n->scalar = arena_strdup(r->arena, text);
	return 0;
}

/* Growing lists while a collection is read; the arena gets the final size. */
struct list {
	struct ynode **items;
	const char **keys;
	struct loc *key_at;
	size_t count, room;
};

static void list_add(struct list *l, const char *key, struct loc key_at,
		     struct ynode *item)
{
	if (l->count == l->room) {
		l->room = l->room ? l->room * 2 : 8;
		l->items = xrealloc(l->items, l->room, sizeof(*l->items));
		l->keys = xrealloc(l->keys, l->room, sizeof(*l->keys));
		l->key_at = xrealloc(l->key_at, l->room, sizeof(*l->key_at));
	}
	l->items[l->count] = item;
	l->keys[l->count] = key;
	l->key_at[l->count++] = key_at;
}

static void *arena_copy(struct arena *a, const void *p, size_t bytes)
{
	return bytes ? memcpy(arena_alloc(a, bytes), p, bytes) : NULL;
}

static void list_finish(struct reader *r, struct list *l, struct ynode *n)
{
	n->count = l->count;
	n->items = arena_copy(r->arena, l->items, l->count * sizeof(*l->items));
	if (n->kind == YNODE_MAP) {
		n->keys = arena_copy(r->arena, l->keys,
				     l->count * sizeof(*l->keys));
		n->key_at = arena_copy(r->arena, l->key_at,
				       l->count * sizeof(*l->key_at));
	}
	free(l->items);
	free(l->keys);
	free(l->key_at);
}

struct key_index {
	const char *key;
	size_t i;
};

static int by_key(const void *pa, const void *pb)
{
	const struct key_index *a = pa, *b = pb;
	int d = strcmp(a->key, b->key);

	return d ? d : (a->i > b->i) - (a->i < b->i);
}

/* O(n log n): a hostile file may have a million keys in one map. */
static int check_duplicates(struct reader *r, const struct ynode *n)
{
	struct key_index *order = xcalloc(n->count, sizeof(*order));
	size_t first = 0, second = n->count;
	int code = 0;

	for (size_t i = 0; i < n->count; i++)
		order[i] = (struct key_index){ n->keys[i], i };
	qsort(order, n->count, sizeof(*order), by_key);
	for (size_t i = 1; i < n->count; i++) {
		if (order[i].i < second &&
		    !strcmp(order[i].key, order[i - 1].key)) {
			first = order[i - 1].i;
			second = order[i].i;
		}
	}
	free(order);
	if (second < n->count)
		code = err_at(r->e, -EINVAL, n->key_at[second],
			      "duplicate key '%.100s', first at line %u, column %u",
			      n->keys[second], n->key_at[first].line,
			      n->key_at[first].col);
	return code;
}

static int read_node(struct reader *r, const yaml_event_t *ev,
		     unsigned int depth, struct built *out);

/* One entry of @l, whose first event is @ev; a map's starts with its key. */
static int read_entry(struct reader *r, struct list *l, bool map,
		      const yaml_event_t *ev, unsigned int depth,
		      struct built *item)
{
	struct loc at = place(r, ev->start_mark);
	yaml_event_t value;
	struct built key;
	int code;

	if (!map) {
		code = read_node(r, ev, depth, item);
		if (!code)
			list_add(l, NULL, at, item->node);
		return code;
	}
	if (ev->type != YAML_SCALAR_EVENT)
		return err_at(r->e, -EINVAL, at, "a key must be plain text");
	code = read_node(r, ev, depth, &key);
	if (code)
		return code;
	code = next_event(r, &value);
	if (code)
		return code;
	code = read_node(r, &value, depth, item);
	yaml_event_delete(&value);
	if (!code)
		list_add(l, key.node->scalar, at, item->node);
	return code;
}

static int read_items(struct reader *r, struct ynode *n, unsigned int depth,
		      unsigned int *height)
{
	bool map = n->kind == YNODE_MAP;
	struct list l = { 0 };
	yaml_event_t ev;
	int code;

	for (;;) {
		struct built item = { 0 };

		code = next_event(r, &ev);
		if (code)
			break;
		if (ev.type == YAML_SEQUENCE_END_EVENT ||
		    ev.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&ev);
			break;
		}
		code = read_entry(r, &l, map, &ev, depth + 1, &item);
		yaml_event_delete(&ev);
		if (code)
			break;
		if (item.height + 1 > *height)
			*height = item.height + 1;
	}
	list_finish(r, &l, n);
	if (!code && map)
		code = check_duplicates(r, n);
	return code;
}

/* The anchor and tag of a node's first event. */
static void decoration(const yaml_event_t *ev, const char **anchor,
		       const char **tag)
{
	const yaml_char_t *a, *t;

	if (ev->type == YAML_SCALAR_EVENT) {
		a = ev->data.scalar.anchor;
		t = ev->data.scalar.tag;
	} else if (ev->type == YAML_SEQUENCE_START_EVENT) {
		a = ev->data.sequence_start.anchor;
		t = ev->data.sequence_start.tag;
	} else {
		a = ev->data.mapping_start.anchor;
		t = ev->data.mapping_start.tag;
	}
	*anchor = (const char *)a;
	*tag = (const char *)t;
}

static int read_node(struct reader *r, const yaml_event_t *ev,
		     unsigned int depth, struct built *out)
{
	struct loc at = place(r, ev->start_mark);
	size_t before = r->nodes;
	struct anchor *anchor = NULL;
	const char *name, *tag;
	struct ynode *n;
	int code;

	if (ev->type == YAML_ALIAS_EVENT)
		return read_alias(r, ev, depth, out);
	if (depth > MAX_DEPTH)
		return err_at(r->e, -E2BIG, at, "nested deeper than %d",
			      MAX_DEPTH);
	decoration(ev, &name, &tag);
	if (tag)
		return err_at(r->e, -EINVAL, at, "tag '%.100s' has no meaning here",
			      tag);
	code = count_nodes(r, at, 1);
	if (!code)
		code = open_anchor(r, name, at, &anchor);
	if (code)
		return code;
	n = arena_alloc(r->arena, sizeof(*n));
	n->at = at;
	*out = (struct built){ .node = n };
	if (ev->type == YAML_SCALAR_EVENT) {
		code = read_scalar(r, ev, n);
	} else {
		n->kind = ev->type == YAML_MAPPING_START_EVENT ? YNODE_MAP :
			  YNODE_SEQ;
		code = read_items(r, n, depth, &out->height);
	}
	if (anchor) {
		anchor->node = n;
		anchor->nodes = r->nodes - before;
		anchor->height = out->height;
		anchor->open = false;
	}
	return code;
}

/* The one document of the stream. */
static int read_document(struct reader *r, struct built *root)
{
	yaml_event_t ev;
	int code = 0;

	for (;;) {
		code = next_event(r, &ev);
		if (code)
			return code;
		switch (ev.type) {
		case YAML_STREAM_END_EVENT:
			yaml_event_delete(&ev);
			if (!root->node)
				return err_at(r->e, -EINVAL, (struct loc){ r->path, 0, 0 },
					      "empty document");
			return 0;
		case YAML_DOCUMENT_START_EVENT:
			if (root->node)
				code = err_at(r->e, -EINVAL, place(r, ev.start_mark),
					      "more than one document");
			break;
		case YAML_STREAM_START_EVENT:
		case YAML_DOCUMENT_END_EVENT:
			break;
		default:
			code = read_node(r, &ev, 0, root);
			break;
		}
		yaml_event_delete(&ev);
		if (code)
			return code;
	}
}

struct ynode *yaml_parse(const char *name, const char *text, size_t bytes,
			 struct arena *a, struct errbuf *e)
{
	struct reader *r = xcalloc(1, sizeof(*r));
	struct built root = { 0 };
	int code = -ENOMEM;

	r->path = arena_strdup(a, name);
	r->arena = a;
	r->e = e;
	if (yaml_parser_initialize(&r->parser)) {
		yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
		yaml_parser_set_input_string(&r->parser,
					     (const unsigned char *)text, bytes);
		code = read_document(r, &root);
		yaml_parser_delete(&r->parser);
	} else {
		err_set(e, code, "%s: out of memory", name);
	}
	free(r);
	return code ? NULL : root.node;
}

struct ynode *yaml_load(const char *path, struct arena *a, struct errbuf *e)
{
	struct ynode *root;
	size_t bytes;
	char *text;

	if (file_read_given(path, MAX_FILE_BYTES, &text, &bytes, e))
		return NULL;
	root = yaml_parse(path, text, bytes, a, e);
	free(text);
	return root;
}

struct ynode *ynode_get(const struct ynode *map, const char *key)
{
	if (!map || map->kind != YNODE_MAP)
		return NULL;
	for (size_t i = 0; i < map->count; i++)
		if (!strcmp(map->keys[i], key))
			return map->items[i];
	return NULL;
}
