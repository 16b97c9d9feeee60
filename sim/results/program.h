#ifndef MMREPLAY_RESULTS_PROGRAM_H
#define MMREPLAY_RESULTS_PROGRAM_H

/** program_name() - "mmreplay 0.1.0" */
const char *program_name(void);

/** program_model_id() - hash of the sorted source and data files, from the Makefile */
const char *program_model_id(void);

#endif
