#ifndef MMREPLAY_BASE_FILE_H
#define MMREPLAY_BASE_FILE_H

#include <stddef.h>
#include <stdio.h>
#include "sim/base/errbuf.h"
#include "sim/base/seal.h"

/*
 * Files appear whole or not at all: write to a temporary name in the same
 * folder, fsync, rename. A target that exists and is no regular file (a pipe,
 * /dev/null) is written in place. An interrupted write leaves only
 * `.NAME.PLACE.PID.tmp`, which the next writer of that folder sweeps away.
 */

struct atomic_file {
	FILE *f;
	char *path, *tmp_path;
	int fd;			/* under @f */
	struct seal *seal;	/* of what has left the buffer of @f; or NULL */
};

int atomic_open(struct atomic_file *a, const char *path, struct errbuf *e);
/** atomic_open_sealed() - the same, and what is written is digested on its way; @a
 *  must stay where it is */
int atomic_open_sealed(struct atomic_file *a, const char *path,
		       struct errbuf *e);
/** atomic_seal() - of all that was written; valid until commit or abort */
const struct seal *atomic_seal(struct atomic_file *a);
/** atomic_commit() - flush, fsync, rename; on any error the target is untouched */
int atomic_commit(struct atomic_file *a, struct errbuf *e);
/** atomic_abort() - remove the temporary file; safe after a failed open */
void atomic_abort(struct atomic_file *a);

/**
 * file_sweep() - remove what writers that are gone have left in @dir
 * Never what a process of this host or, for a month, of another one may still
 * be writing. Errors: none; what cannot be removed stays.
 * Cost: one reading of the folder.
 */
void file_sweep(const char *dir);

/**
 * err_stream() - "NAME: cannot write: why", if writing to @f has ever failed
 * Return: 0 if it has not. Why is what one more byte meets.
 */
int err_stream(struct errbuf *e, FILE *f, const char *name);

/**
 * file_stream() - a regular file to read: a pipe in its place would be waited for, a
 * device never end
 * Return: for fclose(), or NULL and @e.
 */
FILE *file_stream(const char *path, struct errbuf *e);

/**
 * file_read() - whole regular file into memory (NUL-terminated)
 * Errors: what is larger than @limit_bytes, or no regular file, is refused at once.
 */
int file_read(const char *path, size_t limit_bytes, char **text, size_t *bytes,
	      struct errbuf *e);

/** file_read_given() - the same of what the user names, which may be a pipe */
int file_read_given(const char *path, size_t limit_bytes, char **text,
		    size_t *bytes, struct errbuf *e);

/** temp_folder() - $TMPDIR, or /tmp; borrowed */
const char *temp_folder(void);

/**
 * file_spool() - an open file without a name, in $TMPDIR or /tmp
 * Return: its descriptor, or a negative errno and @e.
 */
int file_spool(struct errbuf *e);

/** make_dirs() - mkdir -p */
int make_dirs(const char *path, struct errbuf *e);

/**
 * data_path() - where a data file of the program is
 * $MMREPLAY_DATA, else PREFIX/share/mmreplay, else beside the source tree.
 * Return: malloced path, whether or not it exists.
 */
char *data_path(const char *relative);

#endif
