#ifndef MMREPLAY_TRACES_CAPTURE_TFS_H
#define MMREPLAY_TRACES_CAPTURE_TFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/base/errbuf.h"

/* tracefs as files. No library is needed for what a capture does here. */

enum { TFS_PATH = 512 };

/**
 * tfs_find() - where tracefs is, and whether we may use it
 * @dir: e.g. /sys/kernel/tracing
 * @mountable: it is not mounted there and has to be
 */
int tfs_find(char dir[TFS_PATH], bool *mountable, struct errbuf *e);

/** tfs_mount() - mount it at @dir; to be undone by the guard */
int tfs_mount(const char *dir, struct errbuf *e);

/** tfs_write() - append @text to DIR/FILE: never truncates, which in
 *  set_event_pid would mean "every task" */
int tfs_write(const char *dir, const char *file, const char *text,
	      struct errbuf *e);

/** tfs_try() - as tfs_write(); false where that file is not, or refuses */
bool tfs_try(const char *dir, const char *file, const char *text);

/** tfs_read() - first bytes of DIR/FILE, without the last newline */
bool tfs_read(const char *dir, const char *file, char *buf, size_t bytes);

/** tfs_number() - number of a "NAME: N" line in DIR/FILE; 0 if none */
uint64_t tfs_number(const char *dir, const char *file, const char *name);

#endif
