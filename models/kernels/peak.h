/* peak.h - what the processor can do at most: float32 multiplications and additions that never leave
 * its registers.
 *
 *     printf("%.0f %% of the peak\n", 100 * gflops / an_kernels_peak());
 *
 * Threads: pure; takes a millisecond of one thread. */
#ifndef AN_MODELS_KERNELS_PEAK_H
#define AN_MODELS_KERNELS_PEAK_H

/* GFLOP/s of the calling thread, a multiplication and an addition being two: the median of some turns,
 * with the widest instructions of the processor, whatever kernels are chosen. */
double an_kernels_peak(void);

#endif
