#ifndef MMREPLAY_BASE_STOP_H
#define MMREPLAY_BASE_STOP_H

/*
 * Being told to stop: SIGINT, SIGTERM, SIGHUP. Who has something to put in
 * order catches them, looks now and then, and returns an error; main says it
 * and then dies of the signal, as who waits for it expects.
 */

/** stop_catch() - from now on they only set stop_signal(); those that were
 *  ignored (nohup) stay ignored */
void stop_catch(void);
/** stop_release() - they do again what they did */
void stop_release(void);
/** stop_ignore() - in a child whose parent ends it: they do nothing */
void stop_ignore(void);
/** stop_signal() - the first one that was caught; 0: none. Stays after release */
int stop_signal(void);

#endif
