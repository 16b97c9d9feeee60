#ifndef MMREPLAY_POLICY_RWSEM_RWSEM_H
#define MMREPLAY_POLICY_RWSEM_RWSEM_H

#include "sim/sync/rwsem_impl.h"

/* What several flavours share. */

enum { RWSEM_WAKE_READERS_MAX = 256 };

extern const struct rwsem_ops rwsem_bravo;

/** rwsem_may_steal_5_11() - no writer in, no handoff, and no other readers in */
bool rwsem_may_steal_5_11(const struct rwsem *s, uint64_t old_word);

#endif
