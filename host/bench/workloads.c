/* Which workloads there are. Sizes are neuralforecast's defaults, 168 steps to 24, where not said.
 */
#include <string.h>

#include "host/bench/bench.h"

enum { LENGTH = 168, HORIZON = 24 };

static const int64_t one_and_32[] = { 1, 32, 0 };
static const int64_t only_32[] = { 32, 0 };
static const int64_t only_16[] = { 16, 0 };
static const int64_t infer_sizes[] = { 1, 32, 1024, 0 };
static const int64_t train_sizes[] = { 32, 1024, 0 };
static const int64_t table_rows[] = { 1000000, 0 };
static const int64_t score_windows[] = { 1000, 0 };

/* Multiply-adds and functions of a window: two recurrent layers of one input, the horizon's matrix
 * over time, two layers for each of its steps. */
#define HEAD_MACS(u) (HORIZON * (LENGTH * (u) + (u) * (u) + (u)))
#define RNN(gates, fn, u)                                                                          \
    {                                                                                              \
        .macs = (double)LENGTH * (gates) * (u) * (1 + 3 * (u)) + HEAD_MACS(u),                     \
        .functions = 2.0 * LENGTH * (fn) * (u),                                                    \
        .again = 4.0 * LENGTH * (gates) * (u) * (1 + 3 * (u))                                      \
    }
#define TCN_MACS (LENGTH * (2.0 * 128 + 4 * 2 * 128 * 128) + HEAD_MACS(128))
/* 128 wide, 4 heads, 32 within: 2 layers of 168 steps, 1 of 84 + 24 that attends to both; of the 84
 * nothing is read but keys and values. */
enum { DECODED = LENGTH / 2 + HORIZON };
#define ATTEND                                                                                     \
    {                                                                                              \
        .macs = 2.0 * (LENGTH * (4.0 * 128 * 128 + 2 * 128 * 32) + 2.0 * 128 * LENGTH * LENGTH) +  \
                DECODED * (6.0 * 128 * 128 + 2 * 128 * 32) + LENGTH * 2.0 * 128 * 128 +            \
                2.0 * 128 * DECODED * (DECODED + LENGTH),                                          \
        .exps = 4.0 * LENGTH * (2 * LENGTH + DECODED), .gelus = 32.0 * (2 * LENGTH + DECODED),     \
        .dead = (DECODED - HORIZON) *                                                              \
                (4.0 * 128 * 128 + 2 * 128 * 32 + 2.0 * 128 * (DECODED + LENGTH))                  \
    }
/* The first block's input of 84 needs no gradient, and nobody reads the last one's backcast. A block
 * begins with two layers without an activation between them. */
#define STACKS                                                                                     \
    {                                                                                              \
        .macs = 2.811e6, .spared = 84.0 * 512, .weights = 4 * 2817570.0, .state = 28 * 2817570.0,  \
        .dead = 168.0 * 512,                                                                       \
        .pair = { { 84, 512, 512, true }, { 84, 512, 512, false }, { 168, 512, 512, false } }      \
    }

#define LSTM(units)                                                                                \
    {                                                                                              \
        { "attention", "none" },                                                                   \
        {                                                                                          \
            "encoder_hidden_size", units                                                           \
        }                                                                                          \
    }
#define ATTENTION                                                                                  \
    {                                                                                              \
        {                                                                                          \
            "attention", "luong"                                                                   \
        }                                                                                          \
    }
#define GRU(units)                                                                                 \
    {                                                                                              \
        {                                                                                          \
            "encoder_hidden_size", units                                                           \
        }                                                                                          \
    }
#define TCN                                                                                        \
    {                                                                                              \
        { "variant", "nixtla" }, { "kernel_size", "2" }, { "dilations", "[1, 2, 4, 8, 16]" },      \
        {                                                                                          \
            "encoder_hidden_size", "128"                                                           \
        }                                                                                          \
    }
#define LAGS                                                                                       \
    "[1, 2, 3, 4, 5, 6, 7, 23, 24, 25, 47, 48, 49, 71, 72, 73, 95, 96, 97, 119, 120, 121, 143, "   \
    "144, 145, 167, 168, 169]"
#define DEEPAR                                                                                     \
    {                                                                                              \
        { "calendar", "none" }, { "lags", LAGS },                                                  \
        {                                                                                          \
            "num_samples", "1000"                                                                  \
        }                                                                                          \
    }
#define COMPAT                                                                                     \
    {                                                                                              \
        {                                                                                          \
            "compat", "nixtla"                                                                     \
        }                                                                                          \
    }
#define NHITS                                                                                      \
    {                                                                                              \
        { "compat", "nixtla" },                                                                    \
        {                                                                                          \
            "mlp_units", "[512, 512, 512]"                                                         \
        }                                                                                          \
    }
/* A step of it is all launches: what several members cost beside one. */
#define SMALL(members)                                                                             \
    {                                                                                              \
        { "mlp_units", "[64, 64]" },                                                               \
        {                                                                                          \
            "ensemble_size", members                                                               \
        }                                                                                          \
    }
#define DEFAULTS                                                                                   \
    {                                                                                              \
        {                                                                                          \
            NULL                                                                                   \
        }                                                                                          \
    }

/* __VA_ARGS__: the vn_bench_model; p1 .. p3: peer_us. */
#define INFER(name, sizes, p1, p2, p3, ...)                                                        \
    {                                                                                              \
        name "_infer", "infer", "forecasts", 'b', sizes, vn_bench_open_model,                      \
            &(const vn_bench_model){ __VA_ARGS__ },                                                \
        {                                                                                          \
            p1, p2, p3                                                                             \
        }                                                                                          \
    }
#define TRAIN(name, sizes, p1, p2, p3, ...)                                                        \
    {                                                                                              \
        name "_train", "train", "training step", 'b', sizes, vn_bench_open_model,                  \
            &(const vn_bench_model){ __VA_ARGS__ },                                                \
        {                                                                                          \
            p1, p2, p3                                                                             \
        }                                                                                          \
    }
/* The same with products in bf16, which `vane bench report precision` holds against it. */
#define LOW(name, group, sizes, ...)                                                               \
    {                                                                                              \
        name "_" group "_bf16", group, "products in bf16", 'b', sizes, vn_bench_open_model,        \
            &(const vn_bench_model){ __VA_ARGS__ }, { 0 }, VN_PRECISION_BF16                       \
    }
#define FORECAST LENGTH, HORIZON, false
#define STEP LENGTH, HORIZON, true

static const vn_workload models[] = {
    INFER("nhits", infer_sizes, 479, 2730, 35498, "nhits", NHITS, FORECAST, STACKS),
    TRAIN("nhits", train_sizes, 16176, 148054, 0, "nhits", NHITS, STEP, STACKS),
    LOW("nhits", "infer", infer_sizes, "nhits", NHITS, FORECAST, STACKS),
    LOW("nhits", "train", train_sizes, "nhits", NHITS, STEP, STACKS),
    TRAIN("nhits64", only_32, 0, 0, 0, "nhits", SMALL("1"), STEP),
    TRAIN("nhits64x8", only_32, 0, 0, 0, "nhits", SMALL("8"), STEP),
    INFER("lstm128", one_and_32, 5193, 51799, 0, "lstm-attention", LSTM("128"), FORECAST,
          RNN(4, 5, 128)),
    TRAIN("lstm128", only_32, 190359, 0, 0, "lstm-attention", LSTM("128"), STEP, RNN(4, 5, 128)),
    LOW("lstm128", "train", only_32, "lstm-attention", LSTM("128"), STEP, RNN(4, 5, 128)),
    INFER("lstm200", only_32, 80754, 0, 0, "lstm-attention", LSTM("200"), FORECAST, RNN(4, 5, 200)),
    TRAIN("lstm200", only_32, 290022, 0, 0, "lstm-attention", LSTM("200"), STEP, RNN(4, 5, 200)),
    INFER("attention", only_32, 0, 0, 0, "lstm-attention", ATTENTION, FORECAST),
    TRAIN("attention", only_32, 0, 0, 0, "lstm-attention", ATTENTION, STEP),
    INFER("gru128", one_and_32, 0, 31151, 0, "gru", GRU("128"), FORECAST, RNN(3, 4, 128)),
    TRAIN("gru128", only_32, 151820, 0, 0, "gru", GRU("128"), STEP, RNN(3, 4, 128)),
    INFER("gru200", only_32, 0, 0, 0, "gru", GRU("200"), FORECAST, RNN(3, 4, 200)),
    TRAIN("gru200", only_32, 0, 0, 0, "gru", GRU("200"), STEP, RNN(3, 4, 200)),
    INFER("tcn_nixtla", one_and_32, 900, 13786, 0, "tcn", TCN, FORECAST, { .macs = TCN_MACS }),
    TRAIN("tcn_nixtla", only_32, 43886, 0, 0, "tcn", TCN, STEP, { .macs = TCN_MACS }),
    LOW("tcn_nixtla", "train", only_32, "tcn", TCN, STEP, { .macs = TCN_MACS }),
    INFER("tcn", only_32, 0, 0, 0, "tcn", DEFAULTS, FORECAST),
    TRAIN("tcn", only_32, 0, 0, 0, "tcn", DEFAULTS, STEP),
    INFER("transformer_nixtla", one_and_32, 3163, 77533, 0, "transformer", COMPAT, FORECAST,
          ATTEND),
    TRAIN("transformer_nixtla", only_32, 375919, 0, 0, "transformer", COMPAT, STEP, ATTEND),
    LOW("transformer_nixtla", "train", only_32, "transformer", COMPAT, STEP, ATTEND),
    INFER("transformer", only_32, 0, 0, 0, "transformer", DEFAULTS, FORECAST, ATTEND),
    TRAIN("transformer", only_32, 0, 0, 0, "transformer", DEFAULTS, STEP, ATTEND),
    INFER("deepar_paths1000", only_16, 0, 0, 0, "deepar", DEEPAR, 216, 48, false),
    TRAIN("deepar", only_32, 0, 0, 0, "deepar", DEEPAR, 216, 48, true),
    INFER("nbeats", only_32, 0, 0, 0, "nbeats", COMPAT, FORECAST),
    TRAIN("nbeats", only_32, 0, 0, 0, "nbeats", COMPAT, STEP),
    { "csv", "loader", "a table of ten series read: unique_id, ds, y", 'r', table_rows,
      vn_bench_open_csv, NULL },
    { "scores", "metrics", "every score of points, 24 steps a window", 'b', score_windows,
      vn_bench_open_scores, NULL },
};
enum { N_MODELS = sizeof models / sizeof *models };

const vn_workload *vn_workload_at(int i)
{
    if (i < 0) return NULL;
    if (i < N_MODELS) return &models[i];
    for (const vn_workload *w = vn_op_workloads; w->name; w++)
        if (i-- == N_MODELS) return w;
    return NULL;
}

const vn_workload *vn_workload_find(const char *name)
{
    const vn_workload *w;
    for (int i = 0; (w = vn_workload_at(i)); i++)
        if (!strcmp(w->name, name)) return w;
    return NULL;
}
