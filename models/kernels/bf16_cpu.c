/* What the processor has, and whether the system lets us use it.  The tiles of AMX are 8 KiB of state
 * that the kernel keeps for a thread only after the process has asked for them (Linux 5.16). */
#if defined(AN_HAVE_AVX) && defined(__linux__)
#define _DEFAULT_SOURCE /* syscall */
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "models/kernels/bf16_internal.h"

#ifdef AN_HAVE_AVX
#define LEAF_7_0_EDX_AMX ((1u << 22) | (1u << 24)) /* AMX-BF16, AMX-TILE */
#define LEAF_7_1_EAX_BF16 (1u << 5)
#define REQUEST_PERMISSION 0x1023 /* ARCH_REQ_XCOMP_PERM */
#define TILE_DATA 18

#ifdef __linux__
bool an_bf16_avx512_usable(void)
{
    unsigned a = 0, b, c, d;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & LEAF_7_1_EAX_BF16);
}

bool an_bf16_amx_usable(void)
{
    unsigned a, b, c, d = 0;
    return an_bf16_avx512_usable() && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
           (d & LEAF_7_0_EDX_AMX) == LEAF_7_0_EDX_AMX &&
           syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}
#else
bool an_bf16_avx512_usable(void)
{
    return false;
}

bool an_bf16_amx_usable(void)
{
    return false;
}
#endif
#endif

bool an_bf16_plain_usable(void)
{
    return true;
}
