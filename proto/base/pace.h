/* pace.h - how a long computation is made to stand back: it asks before each piece of work, and the one who
 * answers may let it wait.
 *
 *     an_pace_wait(opts->pace);        a step of training, a batch of windows
 *
 * Threads: wait is called on the thread that works. */
#ifndef AN_BASE_PACE_H
#define AN_BASE_PACE_H

typedef struct an_pace {
    void (*wait)(void *ctx); /* returns when the next piece may begin */
    void *ctx;
} an_pace;

static inline void an_pace_wait(const an_pace *p) /* NULL: at once */
{
    if (p)
        p->wait(p->ctx);
}

#endif
