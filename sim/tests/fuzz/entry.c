/*
 * What libFuzzer calls. One program serves every target: FUZZ_TARGET names it.
 * Not part of the test library: only `make fuzz` links it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/tests/fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t bytes, size_t room,
			       unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t bytes, size_t room);

static const struct fuzz_target *target;

/* Without a target: prints each name and its folder of seeds. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("FUZZ_TARGET");
	unsigned int count;
	const struct fuzz_target *t = fuzz_targets(&count);

	(void)argc, (void)argv;
	for (unsigned int i = 0; i < count; i++) {
		if (!name)
			printf("%s %s\n", t[i].name, t[i].seeds);
		else if (!strcmp(t[i].name, name))
			target = &t[i];
	}
	if (!target)
		exit(name != NULL);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	target->run(target->variant, data, bytes);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t bytes, size_t room,
			       unsigned int seed)
{
	/* one in four goes at the bytes themselves */
	if (!target->mutate || seed % 4 == 0)
		return LLVMFuzzerMutate(data, bytes, room);
	return target->mutate(data, bytes, room, seed, LLVMFuzzerMutate);
}
