"""Times PyTorch's quantile losses and squared error with the gradient in the forecast: forward, backward, no network.

The losses of `vane bench` ("quantile9_1e5" is its quantile9_n100000), counted in numbers of the forecast: neuralforecast's MQLoss
(9 levels), QuantileLoss and MSE with a mask, as its models call them, and PyTorch on the bare formula without a mask
(`_formula`), the least it can do. float32, eager. Prints `workload us us`: the fastest and the median of enough runs to
fill --seconds.

    python bench/peers/losses.py [--seconds 1] [--threads 2] [WORKLOAD...]

WORKLOAD selects by prefix. Needs neuralforecast and torch.
"""

import argparse
import logging
import time
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import torch
from neuralforecast.losses.pytorch import MSE, MQLoss, QuantileLoss

LEVELS = [round(0.1 * i, 1) for i in range(1, 10)]
HORIZON = 24
WORKLOADS = {  # name: rows, levels
    "quantile9_1e3": (5, 9),
    "quantile9_1e5": (463, 9),
    "quantile9_1e7": (46296, 9),
    "quantile1_1e3": (42, 1),
    "quantile1_1e5": (4167, 1),
    "quantile1_1e7": (416667, 1),
    "mse_1e5": (4167, 0),
}


def timed_us(call, seconds):
    """Fastest and median; three runs to warm up, then at least five. One thread: processor time, as in vane bench."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    for _ in range(3):
        call()
    took, stop = [], clock() + seconds
    while len(took) < 5 or clock() < stop:
        start = clock()
        call()
        took.append(1e6 * (clock() - start))
    took.sort()
    return took[0], took[len(took) // 2]


def stepper(rows, levels, formula):
    generator = torch.Generator().manual_seed(rows)
    y = torch.rand(rows, HORIZON, 1, generator=generator) * 2 - 1
    mask = torch.ones_like(y)
    shape = (rows, HORIZON, 1, levels) if levels > 1 and not formula else (rows, HORIZON, max(levels, 1))
    yhat = (torch.rand(shape, generator=generator) * 2 - 1).requires_grad_(True)
    loss = MSE() if levels == 0 else QuantileLoss(0.9) if levels == 1 else MQLoss(quantiles=LEVELS)
    q = torch.tensor(LEVELS if levels > 1 else [0.9])

    def peer():
        yhat.grad = None
        loss(y=y, y_hat=yhat, mask=mask).backward()

    def bare():
        yhat.grad = None
        e = y - yhat
        (torch.maximum(q * e, (q - 1) * e) if levels else e * e).mean().backward()

    return bare if formula else peer


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workload", nargs="*", default=[""])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"# torch {torch.__version__}, {args.threads} threads, h={HORIZON}", flush=True)
    for name, (rows, levels) in WORKLOADS.items():
        if not any(name.startswith(prefix) for prefix in args.workload):
            continue
        for formula in (False, True):
            fastest, median = timed_us(stepper(rows, levels, formula), args.seconds)
            print(f"{name}{'_formula' if formula else ''} {fastest:.1f} {median:.1f}", flush=True)


if __name__ == "__main__":
    main()
