/* LSTM and GRU layers: what a unit of a window does at one step, forward and back, whatever kernel
 * made the product with W_hh. Windows are b, steps t, units j.
 *
 * A cell has `load`, what it reads of its step and may read before that product is known, and
 * `finish`, which takes the product, writes the step's results and returns what the product of the
 * next step needs; both index by I, as wide as the layer needs it. Results nobody wants are NULL;
 * those that a later step reads lie in scratch. */
#ifndef VN_KERNELS_CUDA_RECURRENT_CUH
#define VN_KERNELS_CUDA_RECURRENT_CUH

#include "kernels_cuda/common.cuh"

/* What the four cells share. `rows` are those of W_hh. */
struct vn_layer {
    int64_t batch, steps, units, rows;
    vn_each<const float *> w;
};

__device__ __forceinline__ float vn_sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

template <class I> __device__ __forceinline__ float vn_or_zero(const float *p, I i)
{
    return p ? p[i] : 0;
}

template <class I> __device__ __forceinline__ void vn_put(float *p, I i, float v)
{
    if (p) p[i] = v;
}

/* ---- forward: the state is h, which all units of the next step read ---- */

struct vn_lstm_cell : vn_layer {
    static constexpr int GATES = 4;
    vn_each<const float *> x;    /* [B, T, 4 H]: the inputs' product and b_ih; may be `gates` */
    vn_each<const float *> bias; /* b_hh */
    vn_each<const float *> h0, c0;
    vn_each<float *> h, cells; /* never NULL */
    vn_each<float *> last_h, last_c, gates;

    struct ready {
        float x[4], c;
    };

    template <class I> __device__ __forceinline__ ready load(I b, I t, I j) const
    {
        const I H = (I)units, T = (I)steps;
        I row = b * T + t;
        ready r;
#pragma unroll
        for (int q = 0; q < 4; q++) r.x[q] = x[(row * 4 + q) * H + j];
        r.c = t ? cells[(row - 1) * H + j] : vn_or_zero(c0, b * H + j);
        return r;
    }

    template <class I>
    __device__ __forceinline__ float finish(const ready &r, const float z[4], I b, I t, I j) const
    {
        const I H = (I)units, T = (I)steps;
        I row = b * T + t;
        float i = vn_sigmoid(r.x[0] + z[0]), f = vn_sigmoid(r.x[1] + z[1]);
        float g = tanhf(r.x[2] + z[2]), o = vn_sigmoid(r.x[3] + z[3]);
        float c = fmaf(f, r.c, i * g), y = o * tanhf(c);
        h[row * H + j] = y;
        cells[row * H + j] = c;
        if (gates) {
            float *to = gates + row * 4 * H + j;
            to[0] = i;
            to[H] = f;
            to[2 * H] = g;
            to[3 * H] = o;
        }
        if (t == T - 1) {
            vn_put(last_h, b * H + j, y);
            vn_put(last_c, b * H + j, c);
        }
        return y;
    }
};

struct vn_gru_cell : vn_layer {
    static constexpr int GATES = 3;
    vn_each<const float *> x; /* [B, T, 3 H] */
    vn_each<const float *> bias;
    vn_each<const float *> h0;
    vn_each<float *> h; /* never NULL */
    vn_each<float *> last_h, gates;

    struct ready {
        float x[3], h;
    };

    template <class I> __device__ __forceinline__ ready load(I b, I t, I j) const
    {
        const I H = (I)units, T = (I)steps;
        I row = b * T + t;
        ready r;
#pragma unroll
        for (int q = 0; q < 3; q++) r.x[q] = x[(row * 3 + q) * H + j];
        r.h = t ? h[(row - 1) * H + j] : vn_or_zero(h0, b * H + j);
        return r;
    }

    template <class I>
    __device__ __forceinline__ float finish(const ready &now, const float s[3], I b, I t, I j) const
    {
        const I H = (I)units, T = (I)steps;
        I row = b * T + t;
        float r = vn_sigmoid(now.x[0] + s[0]), z = vn_sigmoid(now.x[1] + s[1]);
        float n = tanhf(fmaf(r, s[2], now.x[2])), y = fmaf(z, now.h, (1 - z) * n);
        h[row * H + j] = y;
        if (gates) {
            float *to = gates + row * 4 * H + j;
            to[0] = r;
            to[H] = z;
            to[2 * H] = n;
            to[3 * H] = s[2];
        }
        if (t == T - 1) vn_put(last_h, b * H + j, y);
        return y;
    }
};

/* ---- back: the state is the gradients of the gates, which all units of the step before read ----
 */

/* `finish` is handed the product of W_hh' and the gradients of step t + 1, 0 at the last step;
 * those of its own step go to `d` and to memory. `begin` comes when all steps are done. */
struct vn_lstm_back : vn_layer {
    static constexpr int GATES = 4;
    vn_each<const float *> gates, cells, c0, dh, dlast_h, dlast_c;
    vn_each<float *> dz; /* [B, T, 4 H], never NULL; that is what W_hh is multiplied with */
    vn_each<float *> dh0;
    vn_each<float *> carry; /* [B, H], never NULL: dc of the step before, at last dc0 */

    struct ready {
        float i, f, g, o, c, before, dh, dc;
    };

    template <class I> __device__ __forceinline__ ready load(I b, I t, I j) const
    {
        const I H = (I)units, T = (I)steps;
        I row = b * T + t, at = b * H + j;
        const float *gate = gates + row * 4 * H + j;
        ready r = { gate[0], gate[H], gate[2 * H], gate[3 * H] };
        bool first = t == T - 1;
        r.c = cells[row * H + j];
        r.before = t ? cells[(row - 1) * H + j] : vn_or_zero(c0, at);
        r.dh = vn_or_zero(dh, row * H + j);
        if (first) r.dh += vn_or_zero(dlast_h, at);
        r.dc = first ? vn_or_zero(dlast_c, at) : carry[at];
        return r;
    }

    template <class I>
    __device__ __forceinline__ void finish(const ready &r, float product, I b, I t, I j,
                                           float d[4]) const
    {
        const I H = (I)units, T = (I)steps;
        float *to = dz + (b * T + t) * 4 * H + j;
        float whole = r.dh + product, top = tanhf(r.c);
        float dc = fmaf(whole * r.o, 1 - top * top, r.dc);
        d[0] = dc * r.g * r.i * (1 - r.i);
        d[1] = dc * r.before * r.f * (1 - r.f);
        d[2] = dc * r.i * (1 - r.g * r.g);
        d[3] = whole * top * r.o * (1 - r.o);
#pragma unroll
        for (int q = 0; q < 4; q++) to[q * H] = d[q];
        carry[b * H + j] = dc * r.f;
    }

    template <class I> __device__ void begin(float product, I b, I j) const
    {
        const I H = (I)units;
        dh0[b * H + j] = product;
    }
};

struct vn_gru_back : vn_layer {
    static constexpr int GATES = 3;
    vn_each<const float *> gates, h, h0, dh, dlast_h;
    vn_each<float *> dx; /* or NULL */
    vn_each<float *> dz; /* [B, T, 3 H], never NULL: on the side of h */
    vn_each<float *> dh0;
    vn_each<float *> carry; /* [B, H], never NULL: what passes by the product */

    struct ready {
        float r, z, n, of_h, before, dh;
    };

    template <class I> __device__ __forceinline__ ready load(I b, I t, I j) const
    {
        const I H = (I)units, T = (I)steps;
        I row = b * T + t, at = b * H + j;
        const float *gate = gates + row * 4 * H + j;
        ready r = { gate[0], gate[H], gate[2 * H], gate[3 * H] };
        r.before = t ? h[(row - 1) * H + j] : vn_or_zero(h0, at);
        r.dh = vn_or_zero(dh, row * H + j);
        r.dh += t == T - 1 ? vn_or_zero(dlast_h, at) : carry[at];
        return r;
    }

    template <class I>
    __device__ __forceinline__ void finish(const ready &r, float product, I b, I t, I j,
                                           float d[3]) const
    {
        const I H = (I)units, T = (I)steps;
        I at = (b * T + t) * 3 * H + j;
        float whole = r.dh + product, dn = whole * (1 - r.z) * (1 - r.n * r.n);
        d[0] = dn * r.of_h * r.r * (1 - r.r);
        d[1] = whole * (r.before - r.n) * r.z * (1 - r.z);
        d[2] = dn * r.r;
#pragma unroll
        for (int q = 0; q < 3; q++) {
            dz[at + q * H] = d[q];
            if (dx) dx[at + q * H] = q == 2 ? dn : d[q];
        }
        carry[b * H + j] = whole * r.z;
    }

    template <class I> __device__ void begin(float product, I b, I j) const
    {
        const I H = (I)units;
        dh0[b * H + j] = carry[b * H + j] + product;
    }
};

/* ---- host, in recurrent.cu ---- */

/* Scratch given out piece by piece; without memory it counts what is asked for. */
struct vn_room {
    char *base;
    size_t used;
    float *take(int64_t floats)
    {
        size_t at = used;
        used += ((size_t)floats * sizeof(float) + 63) / 64 * 64;
        return base ? (float *)(base + at) : NULL;
    }
};

/* The cell of a call, with room for what no result holds. */
void vn_cell_of(const vn_call *c, vn_room *room, vn_lstm_cell *cell);
void vn_cell_of(const vn_call *c, vn_room *room, vn_gru_cell *cell);
void vn_cell_of(const vn_call *c, vn_room *room, vn_lstm_back *cell);
void vn_cell_of(const vn_call *c, vn_room *room, vn_gru_back *cell);

/* The inputs' product of a layer, and the scratch it needs behind the room. */
size_t vn_inputs_scratch(const vn_call *c);
void vn_inputs_launch(const vn_call *c, const float *x, void *scratch, vn_stream *s);

/* Does anybody read a result of this call? */
bool vn_any_read(const vn_call *c);

#endif
