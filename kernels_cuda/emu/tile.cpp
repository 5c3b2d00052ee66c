/* The instructions for matrix units as the PTX manual lays their fragments out over a warp, and
 * copies that land when their thread waits for them: at the last moment they may, and in random
 * order. Sums of a tile are in f32, one product after the other; what the units round is not
 * documented. */
#include "kernels_cuda/emu/engine.h"

extern "C" {
#include "device/low.h"
}

namespace emu
{

namespace
{

constexpr int LANES = 32, ROWS = 16, COLUMNS = 8, DEPTH = 16;

float half_of(Numbers kind, uint32_t both, int which)
{
    auto bits = (uint16_t)(both >> 16 * which);
    return kind == NUMBERS_BF16 ? vn_bf16_value(bits) : vn_f16_value(bits);
}

float tf32_of(uint32_t bits)
{
    return vn_of_bits(bits & ~0x1fffu);
}

struct Multiply {
    Numbers kind;
    float *sums;
    const uint32_t *a, *b;
};

bool whole_warp(unsigned mask, const char *what)
{
    if (mask == ALL_LANES) return true;
    error("%s: lanes of the warp are missing (%08x came)", what, mask);
    return false;
}

void run_multiply(void **args, unsigned mask)
{
    float sums[LANES][4];
    uint32_t a[LANES][4], b[LANES][2];
    if (!whole_warp(mask, "a product of tiles")) return;
    for (int l = 0; l < LANES; l++) {
        auto *m = (Multiply *)args[l];
        memcpy(sums[l], m->sums, sizeof sums[l]);
        memcpy(a[l], m->a, sizeof a[l]);
        memcpy(b[l], m->b, sizeof b[l]);
    }
    tile_multiply(((Multiply *)args[0])->kind, sums, a, b);
    for (int l = 0; l < LANES; l++) memcpy(((Multiply *)args[l])->sums, sums[l], sizeof sums[l]);
}

struct Load {
    const char *row;
    uint32_t *to;
    bool turned;
};

void run_load(void **args, unsigned mask)
{
    const char *rows[LANES];
    uint32_t to[LANES][4];
    if (!whole_warp(mask, "a load of matrices")) return;
    for (int l = 0; l < LANES; l++) rows[l] = ((Load *)args[l])->row;
    tile_load(rows, ((Load *)args[0])->turned, to);
    for (int l = 0; l < LANES; l++) memcpy(((Load *)args[l])->to, to[l], sizeof to[l]);
}

bool in_shared(const void *p)
{
    return (size_t)((const char *)p - block_now->shared) < SHARED_BYTES;
}

void land(const Copy &c, const void *pc)
{
    if (hooks) {
        hooks->range(c.to, 16, RANGE_UNWRITTEN);
        hooks->access(c.to, 16, ACCESS_WRITE, pc);
    }
    memset(c.to, 0, 16);
    memcpy(c.to, c.from, c.bytes);
}

} // namespace

/* Lane l is of group l / 4: a row of A and of the sums (and the one 8 below), a column of B. */
void tile_multiply(Numbers kind, float (*sums)[4], const uint32_t (*a)[4], const uint32_t (*b)[2])
{
    float x[ROWS][DEPTH], y[DEPTH][COLUMNS];
    int depth = kind == NUMBERS_TF32 ? DEPTH / 2 : DEPTH;
    for (int l = 0; l < LANES; l++) {
        int group = l / 4, in = l % 4;
        for (int r = 0; r < 4; r++) {
            int row = group + r % 2 * 8, k = r / 2 * depth / 2;
            if (kind == NUMBERS_TF32)
                x[row][k + in] = tf32_of(a[l][r]);
            else
                for (int h = 0; h < 2; h++) x[row][k + 2 * in + h] = half_of(kind, a[l][r], h);
        }
        for (int r = 0; r < 2; r++) {
            int k = r * depth / 2;
            if (kind == NUMBERS_TF32)
                y[k + in][group] = tf32_of(b[l][r]);
            else
                for (int h = 0; h < 2; h++) y[k + 2 * in + h][group] = half_of(kind, b[l][r], h);
        }
    }
    for (int l = 0; l < LANES; l++)
        for (int r = 0; r < 4; r++) {
            int row = l / 4 + r / 2 * 8, column = l % 4 * 2 + r % 2;
            float sum = sums[l][r];
            for (int k = 0; k < depth; k++) sum += x[row][k] * y[k][column];
            sums[l][r] = sum;
        }
}

/* Rows 8 j .. 8 j + 7 are matrix j. Lane l gets of each numbers 2 (l % 4) and the next of row l /
 * 4; turned, of column l / 4. */
void tile_load(const char *const *rows, bool turned, uint32_t (*to)[4])
{
    for (int l = 0; l < LANES; l++)
        for (int j = 0; j < 4; j++) {
            int group = l / 4, first = l % 4 * 2;
            uint16_t pair[2];
            for (int h = 0; h < 2; h++) {
                int row = turned ? first + h : group, column = turned ? group : first + h;
                memcpy(&pair[h], rows[8 * j + row] + 2 * column, 2);
            }
            to[l][j] = pair[0] | (uint32_t)pair[1] << 16;
        }
}

void multiply(const char *site, Numbers kind, float *sums, const uint32_t *a, const uint32_t *b)
{
    Multiply m = { kind, sums, a, b };
    warp_collective(site, WARP_MULTIPLY + kind, ALL_LANES, &m, run_multiply);
}

void load_matrices(const char *site, uint32_t *to, const void *row, bool turned)
{
    Load l = { (const char *)row, to, turned };
    if (!in_shared(row)) error("%s: matrices are loaded from shared memory only", site);
    note_vector(row, 16, false);
    warp_collective(site, turned ? WARP_MATRICES_TURNED : WARP_MATRICES, ALL_LANES, &l, run_load);
}

/* Until it lands, the memory holds nothing: whoever reads it gets NaN. */
void copy_start(void *to, const void *from, unsigned bytes)
{
    if (!in_shared(to)) error("a copy that is not to shared memory");
    if ((uintptr_t)to % 16 || (uintptr_t)from % 16 || bytes > 16)
        error("a copy of %u bytes of 16 from %p to %p", bytes, from, to);
    if (hooks) {
        if (bytes) hooks->access(from, bytes, ACCESS_READ, __builtin_return_address(0));
        hooks->access(to, 16, ACCESS_WRITE, __builtin_return_address(0));
        hooks->range(to, 16, RANGE_COMING);
    }
    memset(to, 0xff, 16);
    current->copies.push_back({ to, from, bytes, current->copy_groups, current->lane });
}

void copy_commit()
{
    current->copy_groups++;
}

void copy_wait(unsigned pending)
{
    unsigned groups = current->copy_groups;
    auto due = [=](const Copy &c) { return c.group + pending < groups; };
    for (const Copy &c : copies_due(current->copies, due)) land(c, __builtin_return_address(0));
}

} // namespace emu
