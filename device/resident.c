/* All arrays of a panel in one block of device memory. */
#include "device/resident.h"

#include <string.h>

enum { N_ARRAYS = 6, ALIGN = 256 };

/* An array of a view: where its address stands, and its bytes (0 if it is absent). */
typedef struct array {
    const void **at;
    size_t bytes;
} array;

static void list_arrays(vn_panel_view *v, array out[N_ARRAYS])
{
    size_t n = (size_t)v->n_series, rows = (size_t)v->indptr[v->n_series], f = sizeof(float);
    const array all[N_ARRAYS] = {
        { (const void **)(void *)&v->indptr, (n + 1) * sizeof *v->indptr },
        { (const void **)(void *)&v->y, rows * f },
        { (const void **)(void *)&v->mask, rows * f },
        { (const void **)(void *)&v->hist, v->hist ? rows * (size_t)v->n_hist * f : 0 },
        { (const void **)(void *)&v->futr, v->futr ? rows * (size_t)v->n_futr * f : 0 },
        { (const void **)(void *)&v->stat, v->stat ? n * (size_t)v->n_stat * f : 0 },
    };
    memcpy(out, all, sizeof all);
}

static size_t room(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

vn_status vn_resident_open(vn_device *dev, vn_stream *s, const vn_panel_view *host, vn_resident *r)
{
    vn_device_info info;
    array arrays[N_ARRAYS];
    *r = (vn_resident){ .view = *host, .dev = dev };
    vn_device_about(dev, &info);
    if (info.host_memory) return VN_OK;
    list_arrays(&r->view, arrays);
    for (int i = 0; i < N_ARRAYS; i++) r->bytes += room(arrays[i].bytes);
    VN_TRY(vn_device_alloc(dev, VN_MEM_DEVICE, r->bytes, &r->block));
    char *to = r->block;
    for (int i = 0; i < N_ARRAYS; i++) {
        if (!arrays[i].bytes) continue;
        VN_TRY(vn_stream_copy(s, to, *arrays[i].at, arrays[i].bytes, VN_TO_DEVICE));
        *arrays[i].at = to;
        to += room(arrays[i].bytes);
    }
    return vn_stream_wait(s);
}

void vn_resident_close(vn_resident *r)
{
    if (r->block) vn_device_free(r->dev, VN_MEM_DEVICE, r->block, r->bytes);
    *r = (vn_resident){ 0 };
}
