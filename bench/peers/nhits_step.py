"""Times PyTorch's N-HiTS: one training step (forward, MAE, backward, Adam) and one inference.

neuralforecast's default sizes (L=168, h=24, 3 stacks of 1 block, 512 wide; its MLP is Linear-Linear-ReLU x3-
Linear), two threads, float32. Only the network is timed: no data loader, no Lightning loop, no window sampling,
so the peer is shown at its best. Prints `workload us`, the median over enough runs to fill --seconds.

    python bench/peers/nhits_step.py [--batch 1 32 256 1024] [--mode eager compile] [--seconds 3] [--threads 2]

Needs neuralforecast and torch; --mode compile also a C++ compiler. Left out: GPU, exogenous inputs, float16.
"""

import argparse
import logging
import statistics
import time
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import torch
from neuralforecast.losses.pytorch import MAE
from neuralforecast.models import NHITS

INPUT_SIZE, HORIZON = 168, 24


def median_us(call, seconds):
    """Three runs to warm up (and to compile), then at least five and at most 10000."""
    for _ in range(3):
        call()
    times, stop = [], time.perf_counter() + seconds
    while len(times) < 5 or (time.perf_counter() < stop and len(times) < 10000):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e6 * statistics.median(times)


def make_batch(rows):
    generator = torch.Generator().manual_seed(rows)
    windows = {
        "insample_y": torch.randn(rows, INPUT_SIZE, 1, generator=generator),
        "insample_mask": torch.ones(rows, INPUT_SIZE, 1),
        "hist_exog": None,
        "futr_exog": None,
        "stat_exog": None,
    }
    return windows, torch.randn(rows, HORIZON, 1, generator=generator)


def time_mode(mode, rows, seconds):
    """A fresh model per workload: neither compiled graphs nor optimizer state carry over."""
    model = NHITS(h=HORIZON, input_size=INPUT_SIZE, random_seed=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    windows, target = make_batch(rows)
    loss_of = MAE()
    if mode == "compile":
        torch._dynamo.reset()
    network = torch.compile(model.forward, dynamic=False) if mode == "compile" else model.forward

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss_of(y=target, y_hat=network(windows)).backward()
        optimizer.step()

    def infer():
        with torch.inference_mode():
            network(windows)

    model.train()
    print(f"nhits_step_{mode}_b{rows} {median_us(step, seconds):.1f}", flush=True)
    model.eval()
    print(f"nhits_infer_{mode}_b{rows} {median_us(infer, seconds):.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 32, 256, 1024])
    parser.add_argument("--mode", nargs="+", choices=("eager", "compile"), default=["eager", "compile"])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"# torch {torch.__version__}, {args.threads} threads, L={INPUT_SIZE} h={HORIZON}", flush=True)
    for mode in args.mode:
        for rows in args.batch:
            try:
                time_mode(mode, rows, args.seconds)
            except Exception as error:
                if mode == "eager":
                    raise
                print(f"# {mode} b{rows} failed: {str(error).splitlines()[0]}", flush=True)


if __name__ == "__main__":
    main()
