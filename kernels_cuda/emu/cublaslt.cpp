/* cuBLASLt without a GPU: a library of the same name and entry points that checks every descriptor
 * and argument as NVIDIA documents them and computes on the host. What it refuses it tells, and the
 * device fails from then on: Vane must never call it wrong.
 *
 * The heuristic offers three algorithms: sums in double; sums in two halves with a workspace of 4
 * bytes a number of D; sums in f32, for pointers and lines of 16 bytes. Each has times of its own,
 * so that every one is the fastest somewhere. EMU_LT_NAN=lost: its ReLU makes 0 of a NaN.
 * EMU_LT=absent: it does not start. */
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "kernels_cuda/emu/library.h"
#include "kernels_cuda/lt_api.h"

#define API extern "C" __attribute__((visibility("default")))

namespace
{

const cublasStatus_t OK = (cublasStatus_t)VN_CUBLAS_STATUS_SUCCESS;

struct Layout {
    unsigned type;
    int64_t rows, columns, ld, stride = 0;
    int32_t count = 1;
};
struct Desc {
    unsigned compute, scale;
    int32_t op[2] = { VN_CUBLAS_OP_N, VN_CUBLAS_OP_N };
    int32_t bias_type = -1;
    uint32_t epilogue = VN_CUBLASLT_EPILOGUE_DEFAULT;
    const void *bias = nullptr;
    int64_t bias_stride = 0;
};
struct Preference {
    uint64_t workspace = 0;
    uint32_t align[4] = { 256, 256, 256, 256 };
};

cublasStatus_t wrong(const char *what)
{
    char text[256];
    snprintf(text, sizeof text, "cublasLt: %s", what);
    emu::library_error(text);
    return (cublasStatus_t)VN_CUBLAS_STATUS_INVALID_VALUE;
}

size_t bytes_of(unsigned type)
{
    return type == VN_CUDA_R_32F ? 4 : 2;
}

float number(unsigned type, const char *base, int64_t i)
{
    if (type == VN_CUDA_R_32F) return ((const float *)base)[i];
    uint16_t half = ((const uint16_t *)base)[i];
    uint32_t bits = (uint32_t)half << 16;
    float f;
    if (type == VN_CUDA_R_16F) { /* a subnormal by its value, others by their bits */
        uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31;
        uint32_t fraction = half & 1023u;
        if (!exponent) return std::ldexp(sign ? -(float)fraction : (float)fraction, -24);
        bits = sign | (exponent == 31 ? 255u : exponent + 112) << 23 | fraction << 13;
    }
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* ---- what NVIDIA's documentation asks of a product ---- */

struct Product {
    Desc desc;
    Layout a, b, c, d;
    int64_t m, n, k;
};

const char *fault_of_layout(const Layout &l)
{
    if (l.type != VN_CUDA_R_32F && l.type != VN_CUDA_R_16F && l.type != VN_CUDA_R_16BF)
        return "a layout's type";
    if (l.rows < 1 || l.columns < 1) return "a layout without numbers";
    if (l.ld < l.rows) return "a leading dimension below the rows";
    if (l.count < 1) return "a batch count below 1";
    return nullptr;
}

const char *fault_of_types(const Product &p)
{
    bool f32 = p.a.type == VN_CUDA_R_32F;
    if (p.desc.scale != VN_CUDA_R_32F) return "a scale type that is not f32";
    if (p.desc.compute != VN_CUBLAS_COMPUTE_32F &&
        !(f32 && p.desc.compute == VN_CUBLAS_COMPUTE_32F_FAST_TF32))
        return "a compute type that does not go with the factors";
    if (p.a.type != p.b.type) return "factors of two types";
    if (p.c.type != p.d.type) return "C and D of two types";
    if (p.d.type != VN_CUDA_R_32F && p.d.type != p.a.type) return "D's type with these factors";
    return nullptr;
}

const char *fault_of_epilogue(const Product &p)
{
    uint32_t e = p.desc.epilogue;
    bool adds = e & VN_CUBLASLT_EPILOGUE_BIAS, sums = e == VN_CUBLASLT_EPILOGUE_BGRADB;
    if (e != VN_CUBLASLT_EPILOGUE_DEFAULT && e != VN_CUBLASLT_EPILOGUE_RELU &&
        e != VN_CUBLASLT_EPILOGUE_RELU_BIAS && e != VN_CUBLASLT_EPILOGUE_BIAS && !sums)
        return "an epilogue the stand-in does not know";
    if (!adds && !sums) return nullptr;
    if (!p.desc.bias) return "an epilogue of a bias without its pointer";
    if (sums && p.a.type != VN_CUDA_R_32F && p.a.type != p.d.type)
        return "a gradient of a bias with these types";
    if (p.desc.bias_type != -1 && p.desc.bias_type != (int32_t)p.d.type)
        return "a bias of another type than D's";
    if (p.d.count > 1 && sums)
        return "gradients of the biases of a batch, which the stand-in does not know";
    if (p.d.count > 1 && p.desc.bias_stride < p.m) return "the biases of a batch overlap";
    return nullptr;
}

const char *fault_of(const Product &p)
{
    for (const Layout *l : { &p.a, &p.b, &p.c, &p.d })
        if (const char *what = fault_of_layout(*l)) return what;
    bool ta = p.desc.op[0] == VN_CUBLAS_OP_T, tb = p.desc.op[1] == VN_CUBLAS_OP_T;
    if ((ta ? p.a.columns : p.a.rows) != p.m) return "rows of op(A) that are not D's";
    if ((tb ? p.b.rows : p.b.columns) != p.n) return "columns of op(B) that are not D's";
    if ((tb ? p.b.columns : p.b.rows) != p.k) return "op(A) and op(B) of different depth";
    if (p.c.rows != p.m || p.c.columns != p.n) return "C of another shape than D";
    for (const Layout *l : { &p.a, &p.b, &p.c })
        if (l->count != p.d.count) return "batches of different count";
    if (p.d.count > 1 && p.d.stride < p.d.ld * (p.n - 1) + p.m) return "matrices of D that overlap";
    const char *what = fault_of_types(p);
    return what ? what : fault_of_epilogue(p);
}

Product product_of(cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                   cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d)
{
    Product p = { *(Desc *)desc, *(Layout *)a, *(Layout *)b, *(Layout *)c, *(Layout *)d, 0, 0, 0 };
    p.m = p.d.rows;
    p.n = p.d.columns;
    p.k = p.desc.op[0] == VN_CUBLAS_OP_T ? p.a.rows : p.a.columns;
    return p;
}

/* Bytes from the first to the last number of one matrix of a batch, and where number g begins. */
size_t extent(const Layout &l)
{
    return (size_t)((l.columns - 1) * l.ld + l.rows) * bytes_of(l.type);
}

const char *matrix(const Layout &l, const void *base, int32_t g)
{
    return (const char *)base + g * l.stride * (int64_t)bytes_of(l.type);
}

/* ---- algorithms ---- */

enum { PLAIN, HALVES, ALIGNED, ALGORITHMS };

uint64_t hash_of(const Product &p)
{
    uint64_t h = (uint64_t)p.m * 0x9e3779b97f4a7c15u ^ (uint64_t)p.n * 0xc2b2ae3d27d4eb4fu ^
                 (uint64_t)p.k * 0x165667b19e3779f9u ^ p.desc.epilogue * 0x27d4eb2fu;
    return h ^ h >> 29;
}

size_t workspace_of(int algorithm, const Product &p)
{
    return algorithm == HALVES ? (size_t)(p.m * p.n * p.d.count) * 4 : 0;
}

double time_of(int algorithm, const Product &p)
{
    double flops = 2.0 * (double)(p.m * p.n * p.k) * p.d.count;
    return 0.6 + (double)((hash_of(p) + (uint64_t)algorithm) % 4) * 0.8 + flops * 1e-8;
}

bool lines_of_16_bytes(const Product &p)
{
    for (const Layout *l : { &p.a, &p.b, &p.d })
        if ((size_t)l->ld * bytes_of(l->type) % 16 || (size_t)l->stride * bytes_of(l->type) % 16)
            return false;
    return true;
}

/* ---- computing ---- */

struct Arguments {
    const char *a, *b;
    float alpha;
    float *d;
    int algorithm;
};

/* op(M)'s element (line, k) lies at base[line * by_line + k * by_depth]. */
struct Factor {
    const char *base;
    unsigned type;
    int64_t by_line, by_depth;
    float at(int64_t line, int64_t k) const
    {
        return number(type, base, line * by_line + k * by_depth);
    }
};

float rounded(float v, unsigned compute)
{
    if (compute != VN_CUBLAS_COMPUTE_32F_FAST_TF32) return v;
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    bits = (bits + 0x1000u) & ~0x1fffu; /* as cvt.rna: ties away from 0 */
    memcpy(&v, &bits, sizeof v);
    return v;
}

float after(const Product &p, float v, int64_t row, int32_t g)
{
    static const bool loses = getenv("EMU_LT_NAN") != nullptr;
    uint32_t e = p.desc.epilogue;
    if (e & VN_CUBLASLT_EPILOGUE_BIAS)
        v += ((const float *)p.desc.bias)[g * p.desc.bias_stride + row];
    if (e & VN_CUBLASLT_EPILOGUE_RELU && (v < 0 || (loses && v != v))) v = 0;
    return v;
}

/* Column j of D from rows of op(A), a line a row, and column j of op(B). */
void put_column(const Product &p, const Arguments &x, const std::vector<float> &a, const float *b,
                int32_t g, float *d)
{
    std::vector<double> sum((size_t)p.m, 0);
    std::vector<float> half((size_t)p.m, 0);
    for (int64_t k = 0; k < p.k; k++) {
        const float *line = &a[(size_t)(k * p.m)];
        if (x.algorithm == PLAIN)
            for (int64_t i = 0; i < p.m; i++) sum[(size_t)i] += (double)line[i] * b[k];
        else
            for (int64_t i = 0; i < p.m; i++) half[(size_t)i] += line[i] * b[k];
        if (x.algorithm == PLAIN || (k + 1 != p.k && !(x.algorithm == HALVES && k + 1 == p.k / 2)))
            continue;
        for (size_t i = 0; i < half.size(); i++) sum[i] = (double)((float)sum[i] + half[i]);
        std::fill(half.begin(), half.end(), 0.0f);
    }
    for (int64_t i = 0; i < p.m; i++) d[i] = after(p, x.alpha * (float)sum[(size_t)i], i, g);
}

/* The sums of op(B) over the depth. */
void put_sums(const Product &p, const Factor &b)
{
    for (int64_t j = 0; j < p.n; j++) {
        double sum = 0;
        for (int64_t k = 0; k < p.k; k++) sum += (double)b.at(j, k);
        ((float *)const_cast<void *>(p.desc.bias))[j] = (float)sum;
    }
    emu::library_wrote(p.desc.bias, (size_t)p.n * 4);
}

void compute(const Product &p, const Arguments &x)
{
    bool ta = p.desc.op[0] == VN_CUBLAS_OP_T, tb = p.desc.op[1] == VN_CUBLAS_OP_T;
    std::vector<float> lines((size_t)(p.m * p.k)), column((size_t)p.k);
    for (int32_t g = 0; g < p.d.count; g++) {
        Factor a = { matrix(p.a, x.a, g), p.a.type, ta ? p.a.ld : 1, ta ? 1 : p.a.ld };
        Factor b = { matrix(p.b, x.b, g), p.b.type, tb ? 1 : p.b.ld, tb ? p.b.ld : 1 };
        if (p.desc.epilogue == VN_CUBLASLT_EPILOGUE_BGRADB) put_sums(p, b);
        for (int64_t k = 0; k < p.k; k++)
            for (int64_t i = 0; i < p.m; i++)
                lines[(size_t)(k * p.m + i)] = rounded(a.at(i, k), p.desc.compute);
        for (int64_t j = 0; j < p.n; j++) {
            for (int64_t k = 0; k < p.k; k++)
                column[(size_t)k] = rounded(b.at(j, k), p.desc.compute);
            put_column(p, x, lines, column.data(), g, x.d + g * p.d.stride + j * p.d.ld);
        }
    }
}

void run(const Product &p, const Arguments &x, void *workspace)
{
    for (int32_t g = 0; g < p.d.count; g++) {
        emu::library_reads("cublasLt: A", matrix(p.a, x.a, g), extent(p.a));
        emu::library_reads("cublasLt: B", matrix(p.b, x.b, g), extent(p.b));
        if (p.desc.epilogue & VN_CUBLASLT_EPILOGUE_BIAS)
            emu::library_reads("cublasLt: the bias",
                               (const float *)p.desc.bias + g * p.desc.bias_stride,
                               (size_t)p.m * 4);
    }
    if (workspace) memset(workspace, 0xff, workspace_of(x.algorithm, p));
    compute(p, x);
    for (int32_t g = 0; g < p.d.count; g++)
        for (int64_t j = 0; j < p.n; j++)
            emu::library_wrote(x.d + g * p.d.stride + j * p.d.ld, (size_t)p.m * 4);
}

/* Of number g of a batch. */
const char *fault_of_matrices(const Product &p, const Arguments &x, int32_t g)
{
    const char *a = matrix(p.a, x.a, g), *b = matrix(p.b, x.b, g), *d = matrix(p.d, x.d, g);
    const char *bias = (const char *)((const float *)p.desc.bias + g * p.desc.bias_stride);
    const char *d_end = d + extent(p.d);
    if (emu::library_bytes(a) < extent(p.a)) return "A is not within the device's memory";
    if (emu::library_bytes(b) < extent(p.b)) return "B is not within the device's memory";
    if (emu::library_bytes(d) < extent(p.d)) return "D is not within the device's memory";
    bool sums = p.desc.epilogue == VN_CUBLASLT_EPILOGUE_BGRADB;
    if (p.desc.bias && emu::library_bytes(bias) < (size_t)(sums ? p.n : p.m) * 4)
        return "the bias is not within the device's memory";
    if ((a < d_end && d < a + extent(p.a)) || (b < d_end && d < b + extent(p.b)))
        return "D overlaps a factor";
    return nullptr;
}

const char *fault_of_memory(const Product &p, const Arguments &x, const void *workspace,
                            size_t bytes)
{
    if ((uintptr_t)x.a % bytes_of(p.a.type) || (uintptr_t)x.b % bytes_of(p.b.type) ||
        (uintptr_t)x.d % 4)
        return "a pointer that its type does not allow";
    for (int32_t g = 0; g < p.d.count; g++)
        if (const char *what = fault_of_matrices(p, x, g)) return what;
    size_t needs = workspace_of(x.algorithm, p);
    if (bytes < needs) return "less workspace than the algorithm asked for";
    if (needs && (!workspace || (uintptr_t)workspace % 16 || emu::library_bytes(workspace) < bytes))
        return "the workspace is not memory of the device, 16-byte aligned";
    if (x.algorithm != ALIGNED) return nullptr;
    return (uintptr_t)x.a % 16 || (uintptr_t)x.b % 16 || (uintptr_t)x.d % 16 ||
                   !lines_of_16_bytes(p)
               ? "an algorithm that needs 16-byte alignment"
               : nullptr;
}

template <class T> bool take(const void *from, size_t bytes, T *to)
{
    if (!from || bytes != sizeof *to) return false;
    memcpy(to, from, bytes);
    return true;
}

cublasStatus_t taken(bool ok, const char *what)
{
    return ok ? OK : wrong(what);
}

} // namespace

/* ---- entry points ---- */

API size_t cublasLtGetVersion(void)
{
    return 130100;
}

API cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle)
{
    if (const char *state = getenv("EMU_LT"))
        if (!strcmp(state, "absent")) return (cublasStatus_t)VN_CUBLAS_STATUS_NOT_INITIALIZED;
    *handle = (cublasLtHandle_t) new int(0x17);
    return OK;
}

API cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle)
{
    delete (int *)handle;
    return OK;
}

API cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *desc, cublasComputeType_t compute,
                                            cudaDataType_t scale)
{
    Desc *made = new Desc;
    made->compute = compute;
    made->scale = scale;
    *desc = (cublasLtMatmulDesc_t)made;
    return OK;
}

API cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc)
{
    delete (Desc *)desc;
    return OK;
}

API cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc,
                                                  cublasLtMatmulDescAttributes_t what,
                                                  const void *value, size_t bytes)
{
    Desc *d = (Desc *)desc;
    switch ((unsigned)what) {
    case VN_CUBLASLT_MATMUL_DESC_TRANSA:
        return taken(take(value, bytes, &d->op[0]), "TRANSA is 4 bytes");
    case VN_CUBLASLT_MATMUL_DESC_TRANSB:
        return taken(take(value, bytes, &d->op[1]), "TRANSB is 4 bytes");
    case VN_CUBLASLT_MATMUL_DESC_EPILOGUE:
        return taken(take(value, bytes, &d->epilogue), "EPILOGUE is 4 bytes");
    case VN_CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
        return taken(take(value, bytes, &d->bias_type), "BIAS_DATA_TYPE is 4 bytes");
    case VN_CUBLASLT_MATMUL_DESC_BIAS_POINTER:
        return taken(take(value, bytes, &d->bias), "BIAS_POINTER is a pointer");
    case VN_CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE:
        return taken(take(value, bytes, &d->bias_stride), "BIAS_BATCH_STRIDE is 8 bytes");
    default:
        return wrong("an attribute of a product that the stand-in does not know");
    }
}

API cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout, cudaDataType_t type,
                                              uint64_t rows, uint64_t columns, int64_t ld)
{
    Layout *made = new Layout;
    made->type = type;
    made->rows = (int64_t)rows;
    made->columns = (int64_t)columns;
    made->ld = ld;
    *layout = (cublasLtMatrixLayout_t)made;
    return OK;
}

API cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout)
{
    delete (Layout *)layout;
    return OK;
}

API cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                    cublasLtMatrixLayoutAttribute_t what,
                                                    const void *value, size_t bytes)
{
    Layout *l = (Layout *)layout;
    switch ((unsigned)what) {
    case VN_CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
        return taken(take(value, bytes, &l->count), "BATCH_COUNT is 4 bytes");
    case VN_CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
        return taken(take(value, bytes, &l->stride), "STRIDED_BATCH_OFFSET is 8 bytes");
    default:
        return wrong("an attribute of a layout that the stand-in does not know");
    }
}

API cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *pref)
{
    *pref = (cublasLtMatmulPreference_t) new Preference;
    return OK;
}

API cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t pref)
{
    delete (Preference *)pref;
    return OK;
}

API cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t pref,
                                                        cublasLtMatmulPreferenceAttributes_t what,
                                                        const void *value, size_t bytes)
{
    Preference *p = (Preference *)pref;
    unsigned first = VN_CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, at = (unsigned)what - first;
    if ((unsigned)what == VN_CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)
        return taken(take(value, bytes, &p->workspace), "MAX_WORKSPACE_BYTES is 8 bytes");
    if (at > 3) return wrong("a preference that the stand-in does not know");
    return taken(take(value, bytes, &p->align[at]), "an alignment is 4 bytes");
}

API cublasStatus_t cublasLtMatmulAlgoGetHeuristic(
    cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
    cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
    cublasLtMatmulPreference_t pref, int most, cublasLtMatmulHeuristicResult_t *results, int *found)
{
    *found = 0;
    if (!handle || !desc || !a || !b || !c || !d || !pref || most < 1)
        return wrong("a null argument");
    Product p = product_of(desc, a, b, c, d);
    auto *wish = (const Preference *)pref;
    if (const char *what = fault_of(p)) return wrong(what);
    bool aligned = lines_of_16_bytes(p) && wish->align[0] % 16 == 0 && wish->align[1] % 16 == 0 &&
                   wish->align[3] % 16 == 0;
    for (int i = 0; i < ALGORITHMS && *found < most; i++) {
        int id = (int)((hash_of(p) + (uint64_t)i) % ALGORITHMS);
        size_t needs = workspace_of(id, p);
        if (needs > wish->workspace || (id == ALIGNED && !aligned) || (id == HALVES && p.k < 2))
            continue;
        cublasLtMatmulHeuristicResult_t *r = &results[(*found)++];
        memset(r, 0, sizeof *r);
        r->algo.data[0] = (uint64_t)id + 1;
        r->algo.data[1] = hash_of(p);
        r->workspaceSize = needs;
        r->state = OK;
    }
    return *found ? OK : (cublasStatus_t)VN_CUBLAS_STATUS_NOT_SUPPORTED;
}

API cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                                  const void *alpha, const void *a, cublasLtMatrixLayout_t a_layout,
                                  const void *b, cublasLtMatrixLayout_t b_layout, const void *beta,
                                  const void *c, cublasLtMatrixLayout_t c_layout, void *d,
                                  cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t *algo,
                                  void *workspace, size_t workspace_bytes, cudaStream_t stream)
{
    if (!handle || !desc || !alpha || !beta || !a || !b || !c || !d)
        return wrong("a null argument");
    Product p = product_of(desc, a_layout, b_layout, c_layout, d_layout);
    if (const char *what = fault_of(p)) return wrong(what);
    if (*(const float *)beta != 0 || c != d) return wrong("sums onto C, which the stand-in lacks");
    if (!algo || algo->data[0] < 1 || algo->data[0] > ALGORITHMS)
        return wrong("an algorithm that the heuristic did not give");
    if (algo->data[1] != hash_of(p)) return wrong("an algorithm of another product");
    Arguments x = { (const char *)a, (const char *)b, *(const float *)alpha, (float *)d,
                    (int)algo->data[0] - 1 };
    if (const char *what = fault_of_memory(p, x, workspace, workspace_bytes)) return wrong(what);
    void *used = workspace_of(x.algorithm, p) ? workspace : nullptr;
    emu::library_work(stream, time_of(x.algorithm, p), [p, x, used] { run(p, x, used); });
    return OK;
}
