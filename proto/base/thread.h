/* thread.h - how a thread stands among the others of the machine.  No privileges are needed for either.
 *
 * Threads: of the calling thread, and of those it starts later. */
#ifndef AN_BASE_THREAD_H
#define AN_BASE_THREAD_H

#include <stdbool.h>

/* It works little at a time and must begin soon after it is woken: asks for a short slice, which lets it take the
 * place of one that has a long one (Linux 6.12 and later; EEVDF, Stoica and Abdel-Wahab 1995).  False: the
 * system knows nothing of it, and the thread stands as before. */
bool an_thread_prompt(void);

/* It works for long and stands back: nice 0..19, and in long slices.  False: the system refuses. */
bool an_thread_stand_back(int nice);

#endif
