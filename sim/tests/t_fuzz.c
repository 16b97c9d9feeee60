/*
 * Pins that no reader of foreign bytes crashes, hangs or answers without a
 * word on the committed seeds: whole, cut off at many places, with damaged
 * bytes, and damaged behind compression and checksums. Does not search: that
 * is `make fuzz`. A finding of it comes here as one more seed. MMREPLAY_LONG=1:
 * four times as many places and damages.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "sim/base/file.h"
#include "sim/base/mem.h"
#include "sim/base/rng.h"
#include "sim/tests/fuzz/fuzz.h"

enum { SEED = 90, SEED_BYTES_MAX = 1 << 20, CUTS = 8, DAMAGES = 12 };

static uint64_t draws;

static int times(int count)
{
	return getenv("MMREPLAY_LONG") ? 4 * count : count;
}

static size_t below(size_t bound)
{
	return (size_t)draw_below(draw(SEED, 0, DRAW_TEST, draws++), bound);
}

/* A few changed bytes, or one more or less: what libFuzzer does, in small. */
static size_t damage_plain(uint8_t *data, size_t bytes, size_t room)
{
	size_t at;

	for (size_t n = 1 + below(4); bytes && n--;) {
		at = below(bytes);
		data[at] = (uint8_t)(below(3) ? below(256) : data[at] ^ 1U << below(8));
	}
	if (below(8) == 0 && bytes) {
		at = below(bytes);
		memmove(data + at, data + at + 1, --bytes - at);
	} else if (below(8) == 0 && bytes < room) {
		data[bytes++] = (uint8_t)below(256);
	}
	return bytes;
}

/* Each input in memory of its own length: reading past its end is seen. */
static void run_copy(const struct fuzz_target *t, const uint8_t *data,
		     size_t bytes)
{
	uint8_t *copy = malloc(bytes ? bytes : 1);

	assert_non_null(copy);
	memcpy(copy, data, bytes);
	t->run(t->variant, copy, bytes);
	free(copy);
}

static void run_seed(const struct fuzz_target *t, const char *path)
{
	struct errbuf e = { 0 };
	size_t bytes, room;
	uint8_t *work;
	char *seed;

	if (file_read(path, SEED_BYTES_MAX, &seed, &bytes, &e))
		fail_msg("%s", e.text);
	run_copy(t, (uint8_t *)seed, bytes);
	for (int i = 0; i < times(CUTS); i++)
		run_copy(t, (uint8_t *)seed, bytes * (size_t)i / (size_t)times(CUTS));
	room = bytes * 2 + 4096;
	work = xcalloc(1, room);
	for (int i = 0; i < times(DAMAGES); i++) {
		size_t n = bytes;

		memcpy(work, seed, bytes);
		if (t->mutate && i % 4)
			n = t->mutate(work, n, room, below(SIZE_MAX),
				      damage_plain);
		else
			n = damage_plain(work, n, room);
		run_copy(t, work, n);
	}
	free(work);
	free(seed);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int no_dots(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void t_target(void **state)
{
	const struct fuzz_target *t = *state;
	struct dirent **entry;
	int n = scandir(t->seeds, &entry, no_dots, NULL);
	char **name;

	if (n <= 0)
		fail_msg("%s: no seeds", t->seeds);
	name = xcalloc((size_t)n, sizeof(*name));
	for (int i = 0; i < n; i++) {
		name[i] = xasprintf("%s/%s", t->seeds, entry[i]->d_name);
		free(entry[i]);
	}
	qsort(name, (size_t)n, sizeof(*name), compare_names);
	draws = 0;
	for (int i = 0; i < n; i++) {
		print_message("%s, seed %d\n", name[i], SEED);
		run_seed(t, name[i]);
		free(name[i]);
	}
	free(name);
	free(entry);
}

int main(void)
{
	unsigned int count;
	const struct fuzz_target *t = fuzz_targets(&count);
	struct CMUnitTest *tests = xcalloc(count, sizeof(*tests));
	int failed;

	for (unsigned int i = 0; i < count; i++)
		tests[i] = (struct CMUnitTest){
			.name = t[i].name, .test_func = t_target,
			.initial_state = (void *)(uintptr_t)&t[i],
		};
	failed = _cmocka_run_group_tests("fuzz", tests, count, NULL, NULL);
	free(tests);
	return failed;
}
