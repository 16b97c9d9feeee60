#ifndef MMREPLAY_BASE_YAML_H
#define MMREPLAY_BASE_YAML_H

#include <stddef.h>
#include "sim/base/errbuf.h"

/*
 * A YAML document as a tree with places, through libyaml. Duplicate keys,
 * cyclic aliases, more than one document, depth above 64 and more than
 * 10^6 nodes (aliases expanded) are refused with file:line:column.
 */

enum ynode_kind { YNODE_SCALAR, YNODE_MAP, YNODE_SEQ };

struct ynode {
	enum ynode_kind kind;
	struct loc at;
	const char *scalar;		/* YNODE_SCALAR */
	size_t count;			/* entries of a map or sequence */
	const char **keys;		/* YNODE_MAP: keys[i] */
	struct loc *key_at;		/* YNODE_MAP: where keys[i] stands */
	struct ynode **items;		/* values, or sequence items */
};

struct arena;

/** yaml_load() - parse @path into @a; NULL and @e on error */
struct ynode *yaml_load(const char *path, struct arena *a, struct errbuf *e);

/** yaml_parse() - as yaml_load() from memory; @name stands in messages */
struct ynode *yaml_parse(const char *name, const char *text, size_t bytes,
			 struct arena *a, struct errbuf *e);

/** ynode_get() - value of @key in a map, or NULL */
struct ynode *ynode_get(const struct ynode *map, const char *key);

#endif
