/* Forecasting windows that already lie in the GPU's memory, on a stream of one's own: nothing is
 * copied between host and device, and the host does not wait.
 *
 *     vane train sales.csv --h 24 -o m.vane --device cuda
 *     gpu_infer m.vane [folder of libvane_cuda.so]
 *
 * Makes up windows, forecasts them RUNS times, and holds the result against the same forecast from
 * host memory. Between cudaProfilerStart and cudaProfilerStop lies what a server would do. */
#include <cuda_profiler_api.h>
#include <cuda_runtime_api.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "include/vane.h"

enum { WINDOWS = 300, RUNS = 20 };

static void must(int failed, const char *what)
{
    if (!failed) return;
    fprintf(stderr, "gpu_infer: %s: %s\n", what, vane_last_error());
    exit(1);
}

static void must_cuda(cudaError_t e, const char *what)
{
    if (!e) return;
    fprintf(stderr, "gpu_infer: %s: %s\n", what, cudaGetErrorString(e));
    exit(1);
}

/* n made-up numbers on the host, and the same on the device. */
typedef struct array {
    float *host, *device;
} array;

static array open_array(size_t n, size_t period)
{
    array a = { n ? malloc(n * sizeof *a.host) : NULL, NULL };
    if (!n) return a;
    if (!a.host) exit(1);
    for (size_t i = 0; i < n; i++)
        a.host[i] = (float)(10 + 5 * sin(0.5 * (double)(i % period)) + 0.01 * (double)(i / period));
    must_cuda(cudaMalloc((void **)&a.device, n * sizeof *a.device), "taking memory");
    must_cuda(cudaMemcpy(a.device, a.host, n * sizeof *a.host, cudaMemcpyHostToDevice), "copying");
    return a;
}

static void close_array(array *a)
{
    free(a->host);
    cudaFree(a->device);
}

/* The largest difference to the forecast from host memory, as a share of its size. */
static double difference(const float *a, const float *b, size_t n)
{
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - (double)b[i]) / (1 + fabs((double)b[i]));
        if (!(d <= worst)) worst = d;
    }
    return worst;
}

int main(int argc, char **argv)
{
    vane_config *config;
    vane_model *model;
    vane_forecaster *forecaster;
    vane_model_info info = { .size = sizeof info };
    cudaStream_t stream;
    cudaEvent_t begin, end;
    float ms;
    if (argc < 2) {
        fprintf(stderr, "usage: gpu_infer MODEL [FOLDER]\n");
        return 2;
    }
    must(vane_config_open(&config), "opening");
    must(vane_config_set(config, VANE_FLAG, NULL, "device", "cuda"), "choosing the device");
    if (argc > 2) must(vane_config_set(config, VANE_FLAG, NULL, "plugins", argv[2]), "plug-ins");
    must(vane_model_load(argv[1], &model), "loading");
    must(vane_forecaster_open(config, model, WINDOWS, &forecaster), "opening");
    vane_model_about(model, &info);

    size_t n = WINDOWS, l = (size_t)info.input_size, h = (size_t)info.h;
    array y = open_array(n * l, l), out = open_array(n * h, 1), from_host = open_array(n * h, 1);
    array hist = open_array(n * l * (size_t)info.n_hist, 7);
    array futr = open_array(n * (l + h) * (size_t)info.n_futr, 5);
    array stat = open_array(n * (size_t)info.n_stat, 3);
    must_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "opening a stream");
    must_cuda(cudaEventCreate(&begin), "making an event");
    must_cuda(cudaEventCreate(&end), "making an event");

    /* The first run makes the plan. */
    must(vane_forecaster_run_on(forecaster, stream, y.device, NULL, hist.device, futr.device,
                                stat.device, out.device),
         "forecasting");
    must_cuda(cudaStreamSynchronize(stream), "the first forecast");

    cudaProfilerStart();
    must_cuda(cudaEventRecord(begin, stream), "timing");
    for (int i = 0; i < RUNS; i++)
        must(vane_forecaster_run_on(forecaster, stream, y.device, NULL, hist.device, futr.device,
                                    stat.device, out.device),
             "forecasting");
    must_cuda(cudaEventRecord(end, stream), "timing");
    must_cuda(cudaStreamSynchronize(stream), "forecasting");
    must_cuda(cudaProfilerStop(), "profiling");

    must_cuda(cudaEventElapsedTime(&ms, begin, end), "timing");
    must_cuda(cudaMemcpy(out.host, out.device, n * h * sizeof(float), cudaMemcpyDeviceToHost),
              "copying back");
    must(vane_forecaster_run(forecaster, y.host, NULL, hist.host, futr.host, stat.host,
                             from_host.host),
         "forecasting from the host");
    double d = difference(out.host, from_host.host, n * h);
    printf("%s: %d windows of %zu steps in %.1f us a run; off the host's forecast by %.1e\n",
           info.alias, WINDOWS, l, 1e3 * (double)ms / RUNS, d);

    array *all[] = { &y, &out, &from_host, &hist, &futr, &stat };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) close_array(all[i]);
    vane_forecaster_close(forecaster);
    vane_model_close(model);
    vane_config_close(config);
    cudaEventDestroy(begin);
    cudaEventDestroy(end);
    cudaStreamDestroy(stream);
    return d <= 1e-5 ? 0 : 1;
}
