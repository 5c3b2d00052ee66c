/* What a GPU can do at best, as rows for tools/gpu_check.sh: "name<TAB>value<TAB>unit".
 *
 * copy            bytes read and written a second by a device-to-device copy of 1 GiB
 * node, launch    time from one empty kernel to the next, in a graph and on a stream
 * lt_*            products of cuBLASLt, the fastest of the algorithms it proposes for the shape
 *
 *     nvcc -O3 -arch=native bench/gpu/limits.cu -lcublasLt -o limits */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cublasLt.h>
#include <cuda_runtime.h>

static void must(bool fine, const char *what)
{
    if (fine) return;
    fprintf(stderr, "limits: %s: %s\n", what, cudaGetErrorString(cudaGetLastError()));
    exit(1);
}

#define CUDA(call) must((call) == cudaSuccess, #call)
#define LT(call) must((call) == CUBLAS_STATUS_SUCCESS, #call)

static cudaStream_t stream;
static cudaEvent_t from, to;

/* Microseconds of one of `n` runs, the fastest of 5 rounds. */
template <class F> static double fastest(int n, F run)
{
    double best = 1e30;
    for (int round = 0; round < 6; round++) {
        CUDA(cudaEventRecord(from, stream));
        for (int i = 0; i < n; i++) run();
        CUDA(cudaEventRecord(to, stream));
        CUDA(cudaStreamSynchronize(stream));
        float ms;
        CUDA(cudaEventElapsedTime(&ms, from, to));
        if (round && 1e3 * ms / n < best) best = 1e3 * ms / n;
    }
    return best;
}

static void put(const char *name, double value, const char *unit)
{
    printf("%s\t%.6g\t%s\n", name, value, unit);
}

static void measure_copy()
{
    size_t bytes = (size_t)1 << 30;
    void *a, *b;
    CUDA(cudaMalloc(&a, bytes));
    CUDA(cudaMalloc(&b, bytes));
    CUDA(cudaMemset(a, 1, bytes));
    double us =
        fastest(10, [&] { CUDA(cudaMemcpyAsync(b, a, bytes, cudaMemcpyDeviceToDevice, stream)); });
    put("copy", 2 * (double)bytes / us / 1e6, "TB/s");
    CUDA(cudaFree(a));
    CUDA(cudaFree(b));
}

__global__ void nothing() {}

static void measure_launches()
{
    enum { NODES = 100 };
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    for (int i = 0; i < NODES; i++) nothing<<<1, 32, 0, stream>>>();
    CUDA(cudaStreamEndCapture(stream, &graph));
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    put("node", fastest(20, [&] { CUDA(cudaGraphLaunch(exec, stream)); }) / NODES, "us");
    put("launch", fastest(2000, [&] { nothing<<<1, 32, 0, stream>>>(); }), "us");
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaGraphDestroy(graph));
}

/* y [m, n] = x [m, k] W [n, k]^T, row by row: for cuBLASLt a product of columns. */
struct product {
    int64_t m, n, k;
    cudaDataType type;
    cublasComputeType_t compute;
    const char *name;
};

static void measure_product(cublasLtHandle_t lt, const product &p)
{
    enum { TRIED = 16 };
    size_t one = p.type == CUDA_R_32F ? 4 : 2, room = (size_t)32 << 20;
    void *x, *w, *y, *work;
    float alpha = 1, beta = 0;
    cublasLtMatmulDesc_t op;
    cublasLtMatrixLayout_t lx, lw, ly;
    cublasLtMatmulPreference_t want;
    cublasLtMatmulHeuristicResult_t found[TRIED];
    cublasOperation_t turned = CUBLAS_OP_T;
    int n = 0;
    CUDA(cudaMalloc(&x, (size_t)(p.m * p.k) * one));
    CUDA(cudaMalloc(&w, (size_t)(p.n * p.k) * one));
    CUDA(cudaMalloc(&y, (size_t)(p.m * p.n) * one));
    CUDA(cudaMalloc(&work, room));
    CUDA(cudaMemset(x, 0, (size_t)(p.m * p.k) * one));
    CUDA(cudaMemset(w, 0, (size_t)(p.n * p.k) * one));
    LT(cublasLtMatmulDescCreate(&op, p.compute, CUDA_R_32F));
    LT(cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_TRANSA, &turned, sizeof turned));
    LT(cublasLtMatrixLayoutCreate(&lw, p.type, (uint64_t)p.k, (uint64_t)p.n, p.k));
    LT(cublasLtMatrixLayoutCreate(&lx, p.type, (uint64_t)p.k, (uint64_t)p.m, p.k));
    LT(cublasLtMatrixLayoutCreate(&ly, p.type, (uint64_t)p.n, (uint64_t)p.m, p.n));
    LT(cublasLtMatmulPreferenceCreate(&want));
    LT(cublasLtMatmulPreferenceSetAttribute(want, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &room,
                                            sizeof room));
    LT(cublasLtMatmulAlgoGetHeuristic(lt, op, lw, lx, ly, ly, want, TRIED, found, &n));
    double best = 1e30;
    for (int i = 0; i < n; i++) {
        if (found[i].state != CUBLAS_STATUS_SUCCESS) continue;
        double us = fastest(20, [&] {
            LT(cublasLtMatmul(lt, op, &alpha, w, lw, x, lx, &beta, y, ly, y, ly, &found[i].algo,
                              work, room, stream));
        });
        if (us < best) best = us;
    }
    if (best < 1e30) put(p.name, best, "us");
    cublasLtMatmulPreferenceDestroy(want);
    cublasLtMatrixLayoutDestroy(ly);
    cublasLtMatrixLayoutDestroy(lx);
    cublasLtMatrixLayoutDestroy(lw);
    cublasLtMatmulDescDestroy(op);
    for (void *b : { x, w, y, work }) CUDA(cudaFree(b));
}

int main()
{
    static const product products[] = {
        { 1024, 512, 512, CUDA_R_32F, CUBLAS_COMPUTE_32F, "lt_f32_1024x512x512" },
        { 1024, 512, 512, CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32, "lt_tf32_1024x512x512" },
        { 1024, 512, 512, CUDA_R_16BF, CUBLAS_COMPUTE_32F, "lt_bf16_1024x512x512" },
        { 8192, 8192, 8192, CUDA_R_16BF, CUBLAS_COMPUTE_32F, "lt_bf16_8192x8192x8192" },
    };
    cublasLtHandle_t lt;
    CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    CUDA(cudaEventCreate(&from));
    CUDA(cudaEventCreate(&to));
    measure_copy();
    measure_launches();
    LT(cublasLtCreate(&lt));
    for (const product &p : products) measure_product(lt, p);
    LT(cublasLtDestroy(lt));
    return 0;
}
