/*
 * Pins: the tree with its places, the message of everything that is refused,
 * and that hostile documents (bombs, deep nesting, cut or random bytes) end
 * in an error rather than a crash. Does not pin libyaml's own wording beyond
 * the place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "sim/base/mem.h"
#include "sim/base/rng.h"
#include "sim/base/yaml.h"

static const char sample[] =
	"scenario: two words\n"
	"machine: {cpus: 8, name: 'x y'}\n"
	"compare:\n"
	"  - &base {kernel: linux-6.12}\n"
	"  - *base\n"
	"  - plain   # comment\n"
	"empty:\n";

static struct ynode *parse(const char *text, struct arena *a, struct errbuf *e)
{
	return yaml_parse("t.yaml", text, strlen(text), a, e);
}

static void refuse(const char *text, const char *message)
{
	struct arena a = { 0 };
	struct errbuf e = { 0 };

	assert_null(parse(text, &a, &e));
	assert_int_equal(e.exit_status, 1);
	assert_true(e.code < 0);
	if (strncmp(e.text, message, strlen(message)))
		assert_string_equal(e.text, message);
	arena_release(&a);
}

static void t_tree(void **state)
{
	struct arena a = { 0 };
	struct errbuf e = { 0 };
	struct ynode *root = parse(sample, &a, &e), *n;

	(void)state;
	assert_non_null(root);
	assert_int_equal(root->kind, YNODE_MAP);
	assert_int_equal(root->count, 4);
	assert_string_equal(root->keys[2], "compare");
	assert_int_equal(root->key_at[2].line, 3);
	assert_string_equal(ynode_get(root, "scenario")->scalar, "two words");
	n = ynode_get(ynode_get(root, "machine"), "name");
	assert_string_equal(n->scalar, "x y");
	assert_int_equal(n->at.line, 2);
	assert_int_equal(n->at.col, 26);
	assert_string_equal(n->at.path, "t.yaml");
	n = ynode_get(root, "compare");
	assert_int_equal(n->kind, YNODE_SEQ);
	assert_int_equal(n->count, 3);
	assert_ptr_equal(n->items[0], n->items[1]);
	assert_string_equal(n->items[2]->scalar, "plain");
	assert_string_equal(ynode_get(root, "empty")->scalar, "");
	assert_null(ynode_get(root, "machin"));
	assert_null(ynode_get(n, "x"));
	assert_null(ynode_get(NULL, "x"));
	arena_release(&a);
}

static void t_refused(void **state)
{
	(void)state;
	refuse("a: 1\nb: 2\na: 3\n", "t.yaml:3:1: duplicate key 'a', first at line 1, column 1");
	refuse("x: {b: 1, c: 2, b: 3}\n", "t.yaml:1:17: duplicate key 'b', first at line 1, column 5");
	refuse("a: &x [1, *x]\n", "t.yaml:1:11: cyclic alias 'x' inside its own anchor at line 1");
	refuse("a: *nope\n", "t.yaml:1:4: alias 'nope' without anchor");
	refuse("a: 1\n---\nb: 2\n", "t.yaml:2:1: more than one document");
	refuse("", "t.yaml: empty document");
	refuse("# nothing\n", "t.yaml: empty document");
	refuse("a: !!int 3\n", "t.yaml:1:4: tag 'tag:yaml.org,2002:int' has no meaning here");
	refuse("? [a, b]\n: 1\n", "t.yaml:1:3: a key must be plain text");
	refuse("a: \"x\\0y\"\n", "t.yaml:1:4: text with a zero byte");
	refuse("a: [1, 2\nb: 3\n", "t.yaml:2:");
	refuse("\tx: 1\n", "t.yaml:1:1: ");
	refuse("a: \xff\xfe\n", "t.yaml:1:");
}

static void t_depth(void **state)
{
	char deep[400];
	struct arena a = { 0 };
	struct errbuf e = { 0 };

	(void)state;
	/* 64 lists around a scalar pass, 65 do not */
	for (int depth = 64; depth <= 65; depth++) {
		memset(deep, '[', (size_t)depth);
		deep[depth] = '1';
		memset(deep + depth + 1, ']', (size_t)depth);
		deep[2 * depth + 1] = '\0';
		if (depth == 64)
			assert_non_null(parse(deep, &a, &e));
		else
			refuse(deep, "t.yaml:1:66: nested deeper than 64");
	}
	arena_release(&a);
}

/* A chain of aliases is deep although its text is flat. */
static void t_alias_depth(void **state)
{
	char text[4096] = "- &a0 [x]\n";

	(void)state;
	for (int i = 1; i < 80; i++)
		sprintf(text + strlen(text), "- &a%d [*a%d]\n", i, i - 1);
	refuse(text, "t.yaml:64:");
}

static void t_alias_bomb(void **state)
{
	char text[4096] = "- &a0 [x,x,x,x,x,x,x,x,x,x]\n";

	(void)state;
	for (int i = 1; i < 20; i++) {
		sprintf(text + strlen(text), "- &a%d [", i);
		for (int k = 0; k < 10; k++)
			sprintf(text + strlen(text), "%s*a%d", k ? "," : "", i - 1);
		strcat(text, "]\n");
	}
	refuse(text, "t.yaml:6:");
}

static void t_many_keys(void **state)
{
	enum { KEYS = 20000 };
	char *text = xcalloc(KEYS + 1, 16), *at = text;
	struct arena a = { 0 };
	struct errbuf e = { 0 };
	struct ynode *root;

	(void)state;
	for (int i = 0; i < KEYS; i++)
		at += sprintf(at, "k%d: %d\n", i, i);
	root = parse(text, &a, &e);
	assert_non_null(root);
	assert_int_equal(root->count, KEYS);
	strcpy(at, "k77: 0\n");
	refuse(text, "t.yaml:20001:1: duplicate key 'k77', first at line 78, column 1");
	arena_release(&a);
	free(text);
}

/* Every cut of the sample, and the sample with random bytes. */
static void t_damaged(void **state)
{
	size_t bytes = strlen(sample);
	uint64_t seed = 5;

	(void)state;
	print_message("# seed %d\n", (int)seed);
	for (uint64_t i = 0; i < bytes + 4000; i++) {
		struct arena a = { 0 };
		struct errbuf e = { 0 };
		char *text = xstrdup(sample);
		size_t n = i < bytes ? i : bytes;

		for (uint64_t k = 0; i >= bytes && k < 3; k++) {
			uint64_t d = draw(seed, i, DRAW_TEST, k);

			text[draw_below(d, bytes)] = "[]{}&*!:,-\"'\n #|>%@\xff\t\0x~?"[d % 24];
		}
		if (!yaml_parse("t.yaml", text, n, &a, &e))
			assert_true(e.code < 0 && e.text[0]);
		arena_release(&a);
		free(text);
	}
}

static void t_missing_file(void **state)
{
	struct arena a = { 0 };
	struct errbuf e = { 0 };

	(void)state;
	assert_null(yaml_load("no/such.yaml", &a, &e));
	assert_string_equal(e.text,
			    "no/such.yaml: cannot open: No such file or directory");
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_tree),
		cmocka_unit_test(t_refused),
		cmocka_unit_test(t_depth),
		cmocka_unit_test(t_alias_depth),
		cmocka_unit_test(t_alias_bomb),
		cmocka_unit_test(t_many_keys),
		cmocka_unit_test(t_damaged),
		cmocka_unit_test(t_missing_file),
	};

	return cmocka_run_group_tests_name("base/yaml", tests, NULL, NULL);
}
