/* fuse.h - one score of several: each member says how rarely a normal score of its own is as high (chance.h), and a row of the
 * table says how rare all of them are together.
 *
 *     const an_fuse *fuse = an_fuse_find("fisher");
 *     ln_p = fuse->together(ln_ps, n);
 *
 *     fisher   -2 sum ln p against chi-squared of 2 n degrees (Fisher 1932): finds what each member sees a little of; exact if
 *              members are independent in normal operation, too sure of itself if they are not
 *     mean     the geometric mean of the p, times e (Vovk and Wang 2020): as fisher, holds whatever depends on what, and asks
 *              for more
 *     max      the least p, times n (Bonferroni): finds what one member sees; holds whatever depends on what
 *
 * Threads: pure functions. */
#ifndef AN_MODELS_FUSE_H
#define AN_MODELS_FUSE_H

#include <stddef.h>

#define AN_FUSE_MOST 16 /* members */

typedef struct an_fuse {
    const char *name;
    /* ln_p: (n), n >= 1, each <= 0 and finite.  Returns ln of a p-value, <= 0. */
    double (*together)(const double *ln_p, size_t n);
} an_fuse;

const an_fuse *an_fuse_find(const char *name); /* NULL: there is none */
const an_fuse *an_fuse_at(size_t i);           /* NULL past the end */

#endif
