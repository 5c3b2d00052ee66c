/* cuBLASLt sees matrices by columns: a row-major y [m, n] is its D [n, m], so its first factor is
 * our second. */
#include "kernels_cuda/lt.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static const char file_name[] = "libcublasLt.so.13";

/* ---- the library ---- */

/* The one cast C has no word for. */
static bool find(void *library, const char *name, void *function)
{
    void *at = dlsym(library, name);
    memcpy(function, &at, sizeof at);
    return at != NULL;
}

static const char *find_all(vn_lt *lt)
{
#define VN_LT_FUNCTION(result, name, arguments)                                                    \
    if (!find(lt->library, #name, &lt->name)) return #name;
    VN_LT_FUNCTIONS(VN_LT_FUNCTION)
#undef VN_LT_FUNCTION
    return NULL;
}

bool vn_lt_open(vn_lt *lt, char *why, size_t n)
{
    memset(lt, 0, sizeof *lt);
    lt->library = dlopen(file_name, RTLD_NOW | RTLD_LOCAL);
    if (!lt->library) {
        const char *said = dlerror();
        snprintf(why, n, "%s", said ? said : file_name);
        return false;
    }
    const char *missing = find_all(lt);
    if (missing) {
        snprintf(why, n, "%s has no %s", file_name, missing);
    } else {
        cublasStatus_t st = lt->cublasLtCreate(&lt->handle);
        lt->version = lt->cublasLtGetVersion();
        if (st == VN_CUBLAS_STATUS_SUCCESS) return true;
        snprintf(why, n, "%s does not start: status %u", file_name, (unsigned)st);
    }
    lt->handle = NULL;
    vn_lt_close(lt);
    return false;
}

void vn_lt_close(vn_lt *lt)
{
    if (lt->handle) lt->cublasLtDestroy(lt->handle);
    if (lt->library) dlclose(lt->library);
    memset(lt, 0, sizeof *lt);
}

/* ---- one product ---- */

static unsigned type_of(vn_dtype t)
{
    return t == VN_F32 ? VN_CUDA_R_32F : t == VN_BF16 ? VN_CUDA_R_16BF : VN_CUDA_R_16F;
}

static uint32_t epilogue_of(const vn_product *p, bool epilogue)
{
    bool relu = epilogue && p->act == VN_UNARY_RELU;
    if (epilogue && p->sums) return VN_CUBLASLT_EPILOGUE_BGRADB; /* our first factor is its B */
    if (epilogue && p->bias)
        return relu ? VN_CUBLASLT_EPILOGUE_RELU_BIAS : VN_CUBLASLT_EPILOGUE_BIAS;
    return relu ? VN_CUBLASLT_EPILOGUE_RELU : VN_CUBLASLT_EPILOGUE_DEFAULT;
}

const char *vn_lt_unfit(const vn_lt *lt, const vn_product *p, bool epilogue)
{
    int64_t most = INT32_MAX;
    if (p->m > most || p->n > most || p->k > most || p->groups > most)
        return "a dimension is beyond 2^31";
    if (p->members > 1 && p->groups > 1) return "a batch for each of several members";
    if ((p->a_each | p->b_each | p->bias_each | p->y_each) % (int64_t)sizeof(float))
        return "members lie an odd distance apart";
    if (!epilogue || p->act == VN_UNARY_NONE) return NULL;
    if (p->act == VN_UNARY_GELU) return "its GELU is by tanh, not by erf";
    if (p->act != VN_UNARY_RELU) return "it has no such activation";
    return lt->relu_keeps_nan ? NULL : "its ReLU loses NaN";
}

/* A batch is the groups of one member, or the members: `group` numbers, `each` bytes apart. */
static bool set_batch(const vn_lt *lt, cublasLtMatrixLayout_t layout, const vn_product *p,
                      int64_t group, int64_t each, vn_dtype type)
{
    bool groups = p->groups > 1;
    int32_t count = groups ? (int32_t)p->groups : p->members;
    int64_t stride = groups ? group : each / (type == VN_F32 ? 4 : 2);
    if (count <= 1) return true;
    return !lt->cublasLtMatrixLayoutSetAttribute(layout, VN_CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT,
                                                 &count, sizeof count) &&
           !lt->cublasLtMatrixLayoutSetAttribute(
               layout, VN_CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof stride);
}

/* A factor of `lines` lines and depth k, `line` and `depth` apart: by columns it has the depth
 * first where that is dense. */
static bool describe_factor(const vn_lt *lt, const vn_product *p, int64_t lines, int64_t line,
                            int64_t depth, int64_t group, int64_t each, cublasLtMatrixLayout_t *out)
{
    bool deep = depth == 1;
    int64_t rows = deep ? p->k : lines, columns = deep ? lines : p->k, ld = deep ? line : depth;
    if (ld < rows) ld = rows; /* one column: its stride says nothing */
    if (lt->cublasLtMatrixLayoutCreate(out, type_of(p->type), (uint64_t)rows, (uint64_t)columns,
                                       ld))
        return false;
    return set_batch(lt, *out, p, group, each, p->type);
}

static bool set(const vn_lt *lt, const vn_lt_call *c, unsigned what, const void *value,
                size_t bytes)
{
    return !lt->cublasLtMatmulDescSetAttribute(c->desc, what, value, bytes);
}

static bool describe(const vn_lt *lt, const vn_product *p, bool epilogue, vn_lt_call *c)
{
    int32_t first = p->b_k == 1 ? VN_CUBLAS_OP_T : VN_CUBLAS_OP_N;
    int32_t second = p->a_k == 1 ? VN_CUBLAS_OP_N : VN_CUBLAS_OP_T, bias_type = VN_CUDA_R_32F;
    uint32_t after = epilogue_of(p, epilogue);
    cublasComputeType_t compute =
        p->tf32 ? VN_CUBLAS_COMPUTE_32F_FAST_TF32 : VN_CUBLAS_COMPUTE_32F;
    if (lt->cublasLtMatmulDescCreate(&c->desc, compute, VN_CUDA_R_32F)) return false;
    if (!set(lt, c, VN_CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first)) return false;
    if (!set(lt, c, VN_CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second)) return false;
    if (!set(lt, c, VN_CUBLASLT_MATMUL_DESC_EPILOGUE, &after, sizeof after)) return false;
    const void *beside = p->sums ? p->sums : p->bias;
    int64_t apart = p->bias_each / (int64_t)sizeof(float);
    if (after & (VN_CUBLASLT_EPILOGUE_BIAS | VN_CUBLASLT_EPILOGUE_BGRADB)) {
        if (!set(lt, c, VN_CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &bias_type, sizeof bias_type))
            return false;
        if (!set(lt, c, VN_CUBLASLT_MATMUL_DESC_BIAS_POINTER, &beside, sizeof beside)) return false;
        if (p->members > 1 &&
            !set(lt, c, VN_CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, &apart, sizeof apart))
            return false;
    }
    if (!describe_factor(lt, p, p->n, p->b_col, p->b_k, p->b_group, p->b_each, &c->a)) return false;
    if (!describe_factor(lt, p, p->m, p->a_row, p->a_k, p->a_group, p->a_each, &c->b)) return false;
    if (lt->cublasLtMatrixLayoutCreate(&c->d, VN_CUDA_R_32F, (uint64_t)p->n, (uint64_t)p->m, p->n))
        return false;
    return set_batch(lt, c->d, p, p->m * p->n, p->y_each, VN_F32);
}

bool vn_lt_describe(const vn_lt *lt, const vn_product *p, bool epilogue, vn_lt_call *c)
{
    memset(c, 0, sizeof *c);
    if (describe(lt, p, epilogue, c)) return true;
    vn_lt_forget(lt, c);
    return false;
}

void vn_lt_forget(const vn_lt *lt, vn_lt_call *c)
{
    if (c->desc) lt->cublasLtMatmulDescDestroy(c->desc);
    if (c->a) lt->cublasLtMatrixLayoutDestroy(c->a);
    if (c->b) lt->cublasLtMatrixLayoutDestroy(c->b);
    if (c->d) lt->cublasLtMatrixLayoutDestroy(c->d);
    memset(c, 0, sizeof *c);
}

static bool prefer(const vn_lt *lt, cublasLtMatmulPreference_t pref, unsigned what, uint64_t value,
                   size_t bytes)
{
    uint32_t narrow = (uint32_t)value;
    const void *from = bytes == sizeof narrow ? (const void *)&narrow : (const void *)&value;
    return !lt->cublasLtMatmulPreferenceSetAttribute(pref, what, from, bytes);
}

/* 256 or the largest power of two below that divides every member's address. */
static uint64_t alignment(const void *p, int64_t each)
{
    uint64_t at = (uint64_t)(uintptr_t)p | (uint64_t)each | 256;
    return at & (~at + 1);
}

int vn_lt_algorithms(const vn_lt *lt, const vn_product *p, const vn_lt_call *c, size_t workspace,
                     cublasLtMatmulHeuristicResult_t *found, int most)
{
    cublasLtMatmulPreference_t pref;
    int n = 0, kept = 0;
    if (lt->cublasLtMatmulPreferenceCreate(&pref)) return 0;
    bool ok = prefer(lt, pref, VN_CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace, 8) &&
              prefer(lt, pref, VN_CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(p->b, p->b_each), 4) &&
              prefer(lt, pref, VN_CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(p->a, p->a_each), 4) &&
              prefer(lt, pref, VN_CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment(p->y, p->y_each), 4) &&
              prefer(lt, pref, VN_CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment(p->y, p->y_each), 4);
    if (ok && lt->cublasLtMatmulAlgoGetHeuristic(lt->handle, c->desc, c->a, c->b, c->d, c->d, pref,
                                                 most, found, &n))
        n = 0;
    lt->cublasLtMatmulPreferenceDestroy(pref);
    for (int i = 0; i < n; i++)
        if (found[i].state == VN_CUBLAS_STATUS_SUCCESS) found[kept++] = found[i];
    return kept;
}

bool vn_lt_launch(const vn_lt *lt, const vn_product *p, const vn_lt_call *c, void *workspace,
                  size_t bytes, struct CUstream_st *stream)
{
    static const float one = 1, zero = 0;
    return !lt->cublasLtMatmul(lt->handle, c->desc, &one, p->b, c->a, p->a, c->b, &zero, p->y, c->d,
                               p->y, c->d, &c->algo, workspace, bytes, stream);
}
