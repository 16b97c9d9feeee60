#ifndef MMREPLAY_TESTS_FUZZ_FUZZ_H
#define MMREPLAY_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/*
 * Every reader of foreign bytes as a function from bytes to nothing: it must
 * neither crash nor hang nor eat the memory, and what it answers is not looked
 * at. `make fuzz` drives them with libFuzzer, t_fuzz.c with the committed
 * seeds, whole and damaged.
 */

typedef size_t (*fuzz_mutate_fn)(uint8_t *data, size_t bytes, size_t room);

/**
 * struct fuzz_target - one reader
 * @variant: handed to @run; for the formats of import
 * @mutate: damages an input inside its compression and checksums, with the
 *	given function for the plain bytes; NULL: plain bytes all the way
 * @seeds: folder of seeds
 */
struct fuzz_target {
	const char *name, *variant, *seeds;
	void (*run)(const char *variant, const uint8_t *data, size_t bytes);
	size_t (*mutate)(uint8_t *data, size_t bytes, size_t room,
			 uint64_t seed, fuzz_mutate_fn plain);
};

/** fuzz_targets() - all of them, by name */
const struct fuzz_target *fuzz_targets(unsigned int *count);

/** fuzz_path() - a path under which a reader finds @data, until the next call */
const char *fuzz_path(const uint8_t *data, size_t bytes);

/** fuzz_dir() - a folder of this process's own, removed at exit */
const char *fuzz_dir(void);

/** fuzz_write() - @data as file @name in fuzz_dir() */
void fuzz_write(const char *name, const uint8_t *data, size_t bytes);

void fuzz_mmt(const char *variant, const uint8_t *data, size_t bytes);
size_t fuzz_mmt_mutate(uint8_t *data, size_t bytes, size_t room,
		       uint64_t seed, fuzz_mutate_fn plain);
void fuzz_import(const char *variant, const uint8_t *data, size_t bytes);
void fuzz_scenario(const char *variant, const uint8_t *data, size_t bytes);
void fuzz_results(const char *variant, const uint8_t *data, size_t bytes);

#endif
