/* NVIDIA's cuBLASLt takes the descriptors Vane makes, all of them, which it does without a GPU.
 * Usage: vane_lt_real path/to/libcublasLt.so.13 */
#include "kernels_cuda/lt.c"

static int failed;

static void describe_one(const vn_lt *lt, vn_product p, bool epilogue)
{
    vn_lt_call call;
    cublasLtMatmulPreference_t pref;
    bool ok = vn_lt_describe(lt, &p, epilogue, &call);
    if (ok) vn_lt_forget(lt, &call);
    ok = ok && !lt->cublasLtMatmulPreferenceCreate(&pref);
    ok = ok && prefer(lt, pref, VN_CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, 1 << 20, 8);
    for (unsigned i = 0; i < 4; i++)
        ok = ok && prefer(lt, pref, VN_CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES + i, 16, 4);
    if (!ok || lt->cublasLtMatmulPreferenceDestroy(pref)) {
        failed++;
        printf("refused: type %d, %s, groups %d, a_k %d, b_k %d\n", (int)p.type,
               epilogue ? "epilogue" : "plain", (int)p.groups, (int)p.a_k, (int)p.b_k);
    }
}

int main(int argc, char **argv)
{
    static const vn_dtype types[] = { VN_F32, VN_BF16, VN_F16 };
    static float numbers[64];
    vn_lt lt = { .relu_keeps_nan = true };
    if (argc != 2 || !(lt.library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL))) return 2;
    const char *missing = find_all(&lt);
    if (missing) {
        printf("%s has no %s\n", argv[1], missing);
        return 1;
    }
    for (unsigned i = 0; i < 3 * 2 * 2 * 2 * 2 * 2; i++) {
        bool deep_a = i & 1, deep_b = i & 2, epilogue = i & 4;
        vn_product p = { .groups = i & 8 ? 3 : 1,
                         .m = 5,
                         .n = 7,
                         .k = 6,
                         .type = types[i / 32],
                         .a_row = deep_a ? 6 : 1,
                         .a_k = deep_a ? 1 : 5,
                         .b_col = deep_b ? 6 : 1,
                         .b_k = deep_b ? 1 : 7,
                         .a = numbers,
                         .b = numbers,
                         .y = numbers,
                         .bias = epilogue ? numbers : NULL,
                         .act = i & 16 ? VN_UNARY_RELU : VN_UNARY_NONE };
        describe_one(&lt, p, epilogue);
    }
    printf("cuBLASLt %zu: 96 descriptors, %d refused\n", lt.cublasLtGetVersion(), failed);
    return failed > 0;
}
