"""The workloads of `vane bench` in PyTorch, onnxruntime, neuralforecast and pandas, in turn with ours.

    bench/peers/run.sh [--threads 2] [--seconds 1] [--rounds 3] [--mode eager trace compile onnx whole] [--median]
        [WORKLOAD...]

Prints `workload ours_us peer_us ratio share_of_limit`: the fastest run of each side over all rounds (other work only
ever makes a run slower; --median: the median of all), the peer by the fastest of its variants, each of which stands
in a line of its own that begins with #. WORKLOAD is the beginning of a name that `vane bench` prints; everything
takes some hours, most of it for compiling. Models: forecasts and training steps (forward, MAE, backward, Adam) of the network alone.
`whole` is what a user of neuralforecast calls, NeuralForecast.predict, and is shown but never the peer's best.
"""

import argparse
import atexit
import contextlib
import io
import json
import logging
import os
import shutil
import statistics
import subprocess
import tempfile
import time
import warnings

os.environ.setdefault("TORCHINDUCTOR_FREEZING", "1")  # compiled forecasts may pack their weights once
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import numpy
import pandas
import torch
from networks import HORIZON, LENGTH, NETWORKS
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MAE, MSE, HuberLoss, MQLoss, QuantileLoss
from neuralforecast.models import NHITS
from torch.nn import functional

MODES = ("eager", "trace", "compile", "onnx", "whole")
LEVELS = [round(0.1 * i, 1) for i in range(1, 10)]


def random(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


# ---- models ----


def to_onnx(network, y):
    import onnxruntime

    file = io.BytesIO()
    torch.onnx.export(network, (y,), file, input_names=["y"], dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    feed = {"y": y.numpy()}
    return lambda: session.run(None, feed)


def whole():
    frame = pandas.DataFrame({"unique_id": "a", "ds": range(1000), "y": numpy.sin(numpy.arange(1000) / 4)})
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "max_steps": 1}
    nf = NeuralForecast([NHITS(h=HORIZON, input_size=LENGTH, accelerator="cpu", **quiet)], freq=1)
    nf.fit(frame)
    return lambda: nf.predict()


def lowered(low):
    """How PyTorch multiplies in bf16: products and what autocast counts among them."""
    return torch.autocast("cpu", torch.bfloat16) if low else contextlib.nullcontext()


def forecast(name, rows, mode, low=False):
    if low and mode in ("whole", "onnx", "trace"):
        return None
    if mode == "whole":
        return whole() if name == "nhits" and rows == 1 else None
    network, y = NETWORKS[name]().eval(), random(rows, LENGTH, 1)
    with torch.inference_mode():
        if mode == "onnx":
            return to_onnx(network, y)
        if mode == "trace":
            network = torch.jit.freeze(torch.jit.trace(network, y, check_trace=False))
    if mode == "compile":
        network = torch.compile(network, dynamic=False)

    def run():
        with torch.inference_mode(), lowered(low):
            network(y)

    return run


def step(name, rows, mode, low=False):
    if mode in ("trace", "onnx", "whole"):
        return None
    network, y, target = NETWORKS[name]().train(), random(rows, LENGTH, 1), random(rows, HORIZON, 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    if mode == "compile":
        network = torch.compile(network, dynamic=False)

    def run():
        optimizer.zero_grad(set_to_none=True)
        with lowered(low):
            loss = (network(y) - target).abs().mean()
        loss.backward()
        optimizer.step()

    return run


# ---- losses and operations ----


def loss(name, numbers, mode):
    """neuralforecast's loss as its models call it; mode trace stands for the bare formula without a mask."""
    width = int(name[8:]) if name.startswith("quantile") else 0
    if mode not in ("eager", "trace"):
        return None
    rows = max(1, numbers // (HORIZON * max(width, 1)))
    y = random(rows, HORIZON, 1)
    mask, q = torch.ones_like(y), torch.tensor(LEVELS if width > 1 else [0.9])
    shape = (rows, HORIZON, 1, width) if width > 1 and mode == "eager" else (rows, HORIZON, max(width, 1))
    yhat = random(*shape).requires_grad_(True)
    losses = {"mae": MAE, "mse": MSE, "huber": HuberLoss}
    peer = MQLoss(quantiles=LEVELS) if width > 1 else QuantileLoss(0.9) if width else losses[name]()

    def bare():
        e = y - yhat
        if width:
            return torch.maximum(q * e, (q - 1) * e).mean()
        return functional.huber_loss(yhat, y) if name == "huber" else (e * e if name == "mse" else e.abs()).mean()

    def run():
        yhat.grad = None
        (peer(y=y, y_hat=yhat, mask=mask) if mode == "eager" else bare()).backward()

    return run


def product(name, size):
    """The product of a workload; of `_bf16` on factors that are bf16 already, where ours rounds x first."""
    kind, shape = name.removesuffix("_bf16").split("_")
    k, n = map(int, shape.split("x"))
    x, w, b, dy = random(size, k), random(n, k), random(n), random(size, n)
    q, keys = random(size, k, n), random(size, k, n)
    if name.endswith("_bf16"):
        x, w, b, dy, q, keys = (t.bfloat16() for t in (x, w, b, dy, q, keys))
    if kind == "heads":
        return lambda: torch.bmm(q, keys.transpose(1, 2))
    if kind == "dweight":
        return lambda: torch.mm(dy.t(), x)
    return lambda: torch.relu(functional.linear(x, w, b))


def operation(name, size, mode):
    if mode not in ("eager", "compile") or (mode == "compile" and name == "adam"):
        return None
    if name == "adam":
        p = torch.nn.Parameter(random(size))
        p.grad = random(size)
        return torch.optim.Adam([p], lr=1e-3, fused=True).step
    x = random(size)
    if name in ("softmax", "layernorm"):
        x = random(max(1, size // 128), 128)
    call = {
        "softmax": lambda: torch.softmax(x, -1),
        "layernorm": lambda: functional.layer_norm(x, (128,), torch.ones(128), torch.zeros(128)),
        "gelu": lambda: functional.gelu(x),
        "scale_standard": lambda: (x - x.mean()) / x.std(),
        "scale_minmax": lambda: (x - x.min()) / (x.max() - x.min()),
    }
    if name.startswith(PRODUCTS):
        call[name] = product(name, size)
    run = call.get(name, lambda: getattr(torch, name)(x))
    run = torch.compile(run, dynamic=False) if mode == "compile" else run

    def without_gradient():
        with torch.inference_mode():
            run()

    return without_gradient


def csv(size, mode):
    if mode != "eager":
        return None
    path = os.path.join(tempfile.mkdtemp(), "table.csv")
    atexit.register(shutil.rmtree, os.path.dirname(path))
    each = (size + 9) // 10
    values = numpy.random.default_rng(1).random(size) * 1000
    with open(path, "w") as out:
        out.write("unique_id,ds,y\n")
        out.writelines(f"series{i // each},{i % each + 1},{values[i]:.4f}\n" for i in range(size))
    return lambda: pandas.read_csv(path, dtype={"unique_id": "category", "y": "float32"})


PRODUCTS = ("linear", "dweight", "dense", "heads")
OPERATIONS = "relu tanh sigmoid exp gelu softmax layernorm adam scale_standard scale_minmax".split()


def prepared(row, mode):
    """A call that does the work of a row of `vane bench` once; None where there is no such variant."""
    name, size, kind = row["workload"], row["size"], row["kind"]
    if kind in ("infer", "train"):
        low, network = name.endswith("_bf16"), name.removesuffix("_bf16").removesuffix("_" + kind)
        if network not in NETWORKS:
            return None
        return (forecast if kind == "infer" else step)(network, size, mode, low)
    if kind == "losses":
        return loss(name, size, mode)
    if kind == "loader":
        return csv(size, mode)
    if name in OPERATIONS or name.startswith(PRODUCTS):
        return operation(name, size, mode)
    return None


# ---- measuring in turn ----


def samples_us(call, seconds):
    """Three runs to warm up (and to compile), then at least five. One thread: processor time, as vane bench does."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    for _ in range(3):
        call()
    took, stop = [], clock() + seconds
    while len(took) < 5 or (clock() < stop and len(took) < 10000):
        start = clock()
        call()
        took.append(1e6 * (clock() - start))
    return took


def ours(args, workload):
    command = [args.vane, "bench", *workload, "--threads", str(args.threads), "--rounds", "1", "-q", "--format", "json"]
    out = subprocess.run([*command, "--seconds", str(args.seconds)], check=True, capture_output=True, text=True).stdout
    return json.loads(out)["results"]


def prepare(row, modes):
    calls = {}
    for mode in modes:
        try:
            torch._dynamo.reset()
            call = prepared(row, mode)
            if call:
                call()
                calls[mode] = call
        except Exception as error:
            print(f"# {row['name']} {mode} failed: {str(error).splitlines()[0] if str(error) else error!r}", flush=True)
    return calls


def compare(args, row):
    calls, own, limit = prepare(row, args.mode), [], row["limit_us"]
    if not calls:
        return
    took = {mode: [] for mode in calls}
    for _ in range(args.rounds):
        mine = next(r for r in ours(args, [row["name"]]) if r["name"] == row["name"])
        own += [us for samples in mine["rounds"] for us in samples["samples_us"]]
        limit = min(limit, mine["limit_us"])
        for mode, call in calls.items():
            took[mode] += samples_us(call, args.seconds)
    pick = statistics.median if args.median else min
    us, peers = pick(own), {mode: pick(samples) for mode, samples in took.items()}
    for mode, peer in peers.items():
        print(f"# {row['name']} {mode} {peer:.1f} us, {peer / us:.2f} of ours", flush=True)
    best = min((peer for mode, peer in peers.items() if mode != "whole"), default=None)
    if best:
        share = f"{limit / us:.2f}" if limit else "-"
        print(f"{row['name']} {us:.1f} {best:.1f} {best / us:.2f} {share}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workload", nargs="*")
    parser.add_argument("--vane", default="build/release/vane")
    parser.add_argument("--mode", nargs="+", choices=MODES, default=MODES)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--median", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"# torch {torch.__version__}, {args.threads} threads, L={LENGTH} h={HORIZON}", flush=True)
    print("# workload ours_us peer_us ratio share_of_limit", flush=True)
    plan = argparse.Namespace(**{**vars(args), "seconds": 0})
    for row in ours(plan, args.workload):
        compare(args, row)


if __name__ == "__main__":
    main()
