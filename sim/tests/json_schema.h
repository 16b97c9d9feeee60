#ifndef MMREPLAY_TESTS_JSON_SCHEMA_H
#define MMREPLAY_TESTS_JSON_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * schema_check() - does @value obey @schema? Enough of JSON Schema for ours:
 * $ref into $defs of @root, type, const, enum, properties, required,
 * additionalProperties, items, minItems, maxItems, minimum, maximum, and
 * the one pattern of an id. An unknown keyword is an error of the schema.
 * Return: true, or false with the place and the reason in @why.
 */
bool schema_check(const json_t *root, const json_t *schema,
		  const json_t *value, const char *at, char *why, size_t bytes);

#endif
