/* Instruction sets: what the machine has, and the cap that makes one machine test every level. */
#include "kernels_cpu/features.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "kernels_cpu/cpu.h"

const char *const vn_cpu_cap_names[] = { "avx2", "avx512", "vector", "bf16", "neon", NULL };

/* Narrowest first: a level includes those before it that its architecture has. "ref" are the reference
 * kernels alone. */
static const struct {
    const char *name;
    uint64_t caps;
} levels[] = {
    { "ref", 0 },
    { "generic", VN_CPU_VECTOR },
    { "avx2", VN_CPU_VECTOR | VN_CPU_AVX2 },
    { "avx512", VN_CPU_VECTOR | VN_CPU_AVX2 | VN_CPU_AVX512 },
    { "avx512bf16", VN_CPU_VECTOR | VN_CPU_AVX2 | VN_CPU_AVX512 | VN_CPU_BF16 },
    { "neon", VN_CPU_VECTOR | VN_CPU_NEON },
};
enum { N_LEVELS = sizeof levels / sizeof *levels };

static uint64_t detect(void)
{
    uint64_t caps = VN_CPU_VECTOR;
#if defined(__x86_64__)
    __builtin_cpu_init();
    unsigned a, b, c, d;
    bool f16c = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
    bool avx2 = f16c && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2) caps |= VN_CPU_AVX2;
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        caps |= VN_CPU_AVX512;
    if ((caps & VN_CPU_AVX512) && __builtin_cpu_supports("avx512bf16")) caps |= VN_CPU_BF16;
#elif defined(__aarch64__)
    caps |= VN_CPU_NEON;
#endif
    return caps;
}

static int find_level(const char *level)
{
    if (!level || !*level) return N_LEVELS - 1;
    for (int i = 0; i < N_LEVELS; i++)
        if (!strcmp(levels[i].name, level)) return i;
    return -1;
}

vn_status vn_cpu_caps(const char *level, uint64_t *caps, const char **name)
{
    uint64_t have = detect();
    int cap = find_level(level);
    if (cap < 0) {
        char known[64] = "";
        for (int i = 0; i < N_LEVELS; i++)
            snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "",
                     levels[i].name);
        return VN_FAIL(VN_E_ARGUMENT, "no CPU level \"%s\"; expected one of: %s", level, known);
    }
    if (level && *level && (levels[cap].caps & ~have))
        return VN_FAIL(VN_E_UNSUPPORTED, "CPU level %s: this machine does not have it", level);
    while (levels[cap].caps & ~have) cap--;
    *caps = levels[cap].caps;
    *name = levels[cap].name;
    return VN_OK;
}

void vn_cpu_brand(char out[64])
{
    snprintf(out, 64, "CPU");
#if defined(__x86_64__)
    unsigned words[13] = { 0 };
    for (unsigned i = 0; i < 3; i++)
        if (!__get_cpuid(0x80000002u + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2],
                         &words[4 * i + 3]))
            return;
    char brand[sizeof words];
    memcpy(brand, words, sizeof words);
    const char *from = brand + strspn(brand, " ");
    size_t n = strlen(from);
    while (n && from[n - 1] == ' ') n--;
    if (n) snprintf(out, 64, "%.*s", (int)n, from);
#endif
}
