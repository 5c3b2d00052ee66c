"""Golden vectors for the models, losses, scalers and optimizers, from the reference implementation.

Imports neuralforecast and PyTorch and never Vane, so that a mistake of ours cannot reach the expected
numbers. Made with neuralforecast 3.3.0, torch 2.15.0, numpy 2.4.6 on Python 3.11:

    python3 -m venv .venv && .venv/bin/pip install neuralforecast==3.3.0 torch==2.15.0
    .venv/bin/python tests/golden/make_golden.py [output folder]

Inputs and weights are drawn in float32, the reference computes in float64 and the result is rounded once
to float32: the stored numbers are the true ones, and a test's tolerance measures Vane alone. Each case is
also run in float32 and refused when the two disagree, or when a ReLU or an absolute value sits so close to
its corner that float32 could fall on the other side. README.md beside this file names every tensor.
Left out: dropout (evaluation mode only) and the losses in which neuralforecast errs (MASE is by formula).
"""

import json
import logging
import struct
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import neuralforecast
import numpy as np
import torch
from neuralforecast.common._scalers import TemporalNorm
from neuralforecast.losses import pytorch as losses
from neuralforecast.models import NBEATS, NHITS, DLinear, NLinear

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

BATCH = 3
MLP = 2 * [[16, 16]]


# ---------------------------------------------------------------- files


def write(path, tensors, meta):
    """One safetensors file, the bytes a function of the content alone (keys sorted)."""
    meta = dict(meta, neuralforecast=neuralforecast.__version__, torch=torch.__version__.split("+")[0])
    header, blobs, at = {"__metadata__": {k: str(v) for k, v in sorted(meta.items())}}, [], 0
    for name in sorted(tensors):
        value = torch.as_tensor(tensors[name]).detach().to(torch.float32).contiguous().numpy()
        assert np.isfinite(value).all(), f"{path.name}: {name} is not finite"
        blob = value.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def joined(values):
    return ",".join(str(v) for v in values)


def drawn(rng, *shape, scale=1.0):
    """Float64 values that float32 holds exactly."""
    return torch.from_numpy((scale * rng.standard_normal(shape)).astype(np.float32)).double()


# ---------------------------------------------------------------- models


def masks(length, pattern):
    """Per series: None, or (padded on the left, position missing inside or None)."""
    mask = torch.ones(BATCH, length, dtype=torch.float64)
    for row, (pad, hole) in enumerate(pattern or []):
        mask[row, :pad] = 0
        if hole is not None:
            mask[row, hole] = 0
    return mask


def make_inputs(rng, h, length, exog, pattern, zero_masked):
    hist, futr, stat = exog
    mask = masks(length, pattern)
    y = drawn(rng, BATCH, length)
    x = {"insample_y": y * mask if zero_masked else y, "insample_mask": mask}
    if hist:
        x["hist_exog"] = drawn(rng, BATCH, length, hist)
    if futr:
        x["futr_exog"] = drawn(rng, BATCH, length + h, futr)
    if stat:
        x["stat_exog"] = drawn(rng, BATCH, stat)
    return x, drawn(rng, BATCH, h)


def forward(model, x):
    """The network alone, as the library calls it: y and mask carry a trailing channel of one."""
    batch = {k: x.get(k) for k in ("hist_exog", "futr_exog", "stat_exog")}
    batch["insample_y"] = x["insample_y"].unsqueeze(-1)
    batch["insample_mask"] = x["insample_mask"].unsqueeze(-1)
    y_hat = model(batch)
    return y_hat.squeeze(-1) if y_hat.dim() == 3 else y_hat


def perturb(model, seed):
    """Move the default initialisation, so that no bias is zero and no two stacks are alike."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.add_(drawn(rng, *p.shape, scale=0.1).to(p.dtype))


def add_first_relu(model):
    """The papers put a ReLU after every layer; the reference has none after the first Linear.

    A hook that replaces the layer's output equals an nn.ReLU inserted at index 1 of the Sequential, but
    the weights keep the names they have in the reference's own checkpoints.
    """
    for block in unique_blocks(model):
        block.layers[0].register_forward_hook(lambda _m, _i, out: torch.relu(out))


def unique_blocks(model):
    return list(dict.fromkeys(getattr(model, "blocks", [])))


def watch(model, margins, parts, compat):
    """Record each block's outputs and the smallest |input| of any ReLU."""

    def corner(_module, inputs):
        margins.append(inputs[0].abs().min().item())

    def first(_module, _inputs, out):
        margins.append(out.detach().abs().min().item())

    handles = []
    for block in unique_blocks(model):
        for layer in block.layers:
            if isinstance(layer, torch.nn.ReLU):
                handles.append(layer.register_forward_pre_hook(corner))
        if compat == "paper":
            # Before the ReLU's hook, which replaces the output.
            handles.append(block.layers[0].register_forward_hook(first, prepend=True))
        handles.append(block.register_forward_hook(lambda _m, _i, out: parts.append(out)))
    return handles


def run_model(model, x, target, compat):
    """Forward, loss and gradients; the model is left as it was."""
    margins, parts = [], []
    handles = watch(model, margins, parts, compat)
    model.zero_grad()
    y_hat = forward(model, x)
    loss = losses.MAE()(y=target, y_hat=y_hat)
    loss.backward()
    for handle in handles:
        handle.remove()
    margins.append((y_hat - target).abs().min().item())
    out = {"y_hat": y_hat, "loss": loss.reshape(1)}
    for i, (backcast, forecast) in enumerate(parts):
        out[f"block.{i}.backcast"] = backcast
        out[f"block.{i}.forecast"] = forecast.squeeze(-1)
    out |= {f"grad.{n}": p.grad for n, p in model.named_parameters() if p.requires_grad}
    return {k: v.detach().clone() for k, v in out.items()}, min(margins)


def check(name, out, margin, out32):
    assert margin > 2e-5, f"{name}: {margin:.1e} from a corner; choose another seed"
    for key, value in out.items():
        gap = (value - out32[key].double()).abs().max().item()
        assert gap < 1e-5 * max(1.0, value.abs().max().item()), f"{name}: {key} differs by {gap:.1e} in float32"


def model_case(folder, name, cls, seed, h, length, meta, exog=(0, 0, 0), pattern=None, zero_masked=True,
               compat="nixtla", **hyper):
    """Build, run in float64 and float32, compare, write."""
    hist, futr, stat = exog
    kinds = zip(("hist", "futr", "stat"), exog)
    lists = {f"{k}_exog_list": [f"{k}{i}" for i in range(n)] for k, n in kinds if n}
    model = cls(h=h, input_size=length, random_seed=seed, **lists, **hyper).eval()
    perturb(model, seed)
    x, target = make_inputs(np.random.default_rng(1000 + seed), h, length, exog, pattern, zero_masked)
    if compat == "paper":
        add_first_relu(model)
    out32, _ = run_model(model, {k: v.float() for k, v in x.items()}, target.float(), compat)
    model.double()
    torch.set_default_dtype(torch.float64)  # the reference's cubic path makes a tensor of the default type
    out, margin = run_model(model, x, target, compat)
    torch.set_default_dtype(torch.float32)
    check(name, out, margin, out32)
    weights = dict(model.named_parameters())  # a shared block appears once, under its first name
    assert not set(weights) & set(x)
    meta = dict(meta, case=name, compat=compat, h=h, input_size=length, batch=BATCH, loss="mae",
                hist_exog_size=hist, futr_exog_size=futr, stat_exog_size=stat)
    write(folder / f"{name}.safetensors", {**x, **weights, **out, "target": target}, meta)


def mlp_meta(units):
    """Uniform by construction: `mlp_layers` layers after the first, each `mlp_width` wide."""
    assert all(pair == units[0] for pair in units)
    return {"mlp_layers": len(units), "mlp_width": units[0][0]}


def nhits(folder, name, seed, h=6, length=12, n_blocks=(1, 1, 1), pool=(2, 2, 1), down=(4, 2, 1),
          pooling="MaxPool1d", interpolation="linear", mlp=MLP, **rest):
    meta = dict(model="nhits", n_stacks=len(n_blocks), n_blocks=joined(n_blocks),
                n_pool_kernel_size=joined(pool), n_freq_downsample=joined(down), pooling_mode=pooling,
                interpolation_mode=interpolation, activation="ReLU", **mlp_meta(mlp))
    model_case(folder, name, NHITS, seed, h, length, meta, stack_types=len(n_blocks) * ["identity"],
               n_blocks=list(n_blocks), n_pool_kernel_size=list(pool), n_freq_downsample=list(down),
               pooling_mode=pooling, interpolation_mode=interpolation, mlp_units=mlp, **rest)


def nbeats(folder, name, seed, h=6, length=12, stacks=("identity", "trend", "seasonality"), n_blocks=(1, 1, 1),
           n_basis=2, n_harmonics=2, shared=False, mlp=MLP, **rest):
    meta = dict(model="nbeats", n_stacks=len(stacks), stack_types=joined(stacks), n_blocks=joined(n_blocks),
                n_basis=n_basis, basis="polynomial", n_harmonics=n_harmonics,
                shared_weights=str(shared).lower(), activation="ReLU", **mlp_meta(mlp))
    model_case(folder, name, NBEATS, seed, h, length, meta, stack_types=list(stacks), n_blocks=list(n_blocks),
               n_basis=n_basis, n_harmonics=n_harmonics, shared_weights=shared, mlp_units=mlp, **rest)


PADDED = [(0, None), (3, None), (5, 9)]  # the last series also misses one value inside


def nhits_cases(folder):
    nhits(folder, "nhits_default", 1)
    nhits(folder, "nhits_avg_nearest", 2, pool=(3, 2, 1), pooling="AvgPool1d", interpolation="nearest", h=5)
    nhits(folder, "nhits_cubic", 3, interpolation="cubic")
    nhits(folder, "nhits_exog_mask", 4, exog=(2, 3, 2), pattern=PADDED)
    nhits(folder, "nhits_ragged_pool", 5, h=5, length=11, pool=(4, 3, 2), down=(5, 2, 1))
    nhits(folder, "nhits_ragged_avg_exog", 6, h=5, length=11, pool=(4, 3, 2), down=(8, 2, 1),
          pooling="AvgPool1d", exog=(1, 2, 0), pattern=PADDED, zero_masked=False)
    nhits(folder, "nhits_blocks", 7, n_blocks=(2, 1, 3))
    nhits(folder, "nhits_deep_mlp", 8, mlp=3 * [[16, 16]])
    nhits(folder, "nhits_paper", 9, compat="paper", exog=(1, 1, 1), pattern=PADDED)


def nbeats_cases(folder):
    nbeats(folder, "nbeats_generic", 21, h=5, length=11, stacks=("identity",) * 3)
    nbeats(folder, "nbeats_default", 22)
    nbeats(folder, "nbeats_degree3_harmonics1", 23, h=5, length=11, stacks=("trend", "seasonality"),
           n_blocks=(1, 1), n_basis=3, n_harmonics=1)
    nbeats(folder, "nbeats_mask", 24, pattern=PADDED, zero_masked=False)
    nbeats(folder, "nbeats_shared", 25, n_blocks=(2, 3, 2), shared=True)
    nbeats(folder, "nbeats_paper", 26, compat="paper", mlp=3 * [[16, 16]])


def linear_cases(folder):
    model_case(folder, "nlinear", NLinear, 41, 6, 12, dict(model="nlinear"))
    for window, length, seed in ((25, 30, 42), (3, 11, 43)):
        model_case(folder, f"dlinear_{window}", DLinear, seed, 6, length,
                   dict(model="dlinear", moving_avg_window=window), moving_avg_window=window)


# ---------------------------------------------------------------- losses


def mase(y, y_hat, mask, weight, insample, season):
    """sum(w m |e| / scale) / sum(w m), scale = mean |y_t - y_(t-season)| of that series' window.

    neuralforecast's own MASE broadcasts every series' error against every other's scale.
    """
    scale = (insample[:, season:] - insample[:, :-season]).abs().mean(dim=1)[:, None]
    w = mask * weight[None, :]
    total = w.sum()
    return ((y - y_hat).abs() / scale * w).sum() / total if total > 0 else (0 * y_hat).sum()


def loss_value(name, y, y_hat, mask, weight, insample):
    if name == "mase":
        return mase(y, y_hat, mask, weight, insample, 4)
    kinds = {"mae": losses.MAE, "mse": losses.MSE, "rmse": losses.RMSE, "huber": losses.HuberLoss,
             "smape": losses.SMAPE, "mape": losses.MAPE}
    loss = kinds[name](**({"delta": 1.0} if name == "huber" else {}))
    loss.horizon_weight = weight
    return loss(y=y.unsqueeze(-1), y_hat=y_hat.unsqueeze(-1), mask=mask.unsqueeze(-1))


def loss_cases(folder):
    rng = np.random.default_rng(61)
    rows, h, length = 4, 6, 12
    y, y_hat, insample = drawn(rng, rows, h, scale=2), drawn(rng, rows, h, scale=2), drawn(rng, rows, length)
    y[0, 1] = 0.0  # MAPE leaves it out
    y[1, 2] = y_hat[1, 2] = 0.0  # sMAPE's 0/0
    y_hat[2, 3] = y[2, 3]  # no error, no gradient
    mask = torch.ones(rows, h, dtype=torch.float64)
    mask[0, 4:], mask[2, 0], mask[3, :] = 0, 0, 0
    ones, weight = torch.ones(h).double(), torch.tensor([1.0, 0.5, 2.0, 0.0, 1.5, 0.25]).double()
    settings = {"plain": (torch.ones_like(mask), ones), "masked": (mask, ones),
                "weighted": (mask, weight), "empty": (torch.zeros_like(mask), ones)}
    out = {"y": y, "y_hat": y_hat, "insample_y": insample, "mask": mask, "horizon_weight": weight}
    for name in ("mae", "mse", "rmse", "huber", "smape", "mape", "mase"):
        for setting, (m, w) in settings.items():
            if name == "rmse" and setting == "empty":
                continue  # the square root's gradient at zero is not finite
            leaf = y_hat.clone().requires_grad_(True)
            value = loss_value(name, y, leaf, m, w, insample)
            value.backward()
            out[f"{name}.{setting}.value"] = value.reshape(1)
            out[f"{name}.{setting}.grad"] = leaf.grad
    write(folder / "losses.safetensors", out, dict(case="losses", huber_delta=1.0, mase_season=4))


# ---------------------------------------------------------------- scalers


def scaler_input():
    """[B, T, C] windows of 12 known steps and 4 future ones, the mask as the library builds it.

    Series 0: complete (even count). 1: padded left by three (odd count). 2: constant channel 0.
    3: channel 0 constant but for two values, so that the median deviation is zero and the standard deviation
    is not. 4: holes inside. 5: nothing observed.
    """
    rng = np.random.default_rng(71)
    length, h, channels = 12, 4, 2
    x = drawn(rng, 6, length + h, channels, scale=3.0) + 5.0
    x = x.float().double()
    mask = torch.ones(6, length + h, channels, dtype=torch.float64)
    mask[1, :3], x[1, :3] = 0, 0
    x[2, :, 0] = 7.0
    x[3, :, 0] = 2.0
    x[3, 4, 0], x[3, 8, 0] = 3.5, -1.0
    mask[4, [2, 5, 6]] = 0
    mask[5] = 0
    mask[:, length:] = 0  # the future is not looked at
    return x, mask, length, h


def scaler_cases(folder):
    x, mask, length, h = scaler_input()
    out = {"x": x, "mask": mask}
    for kind in ("standard", "robust", "minmax", "minmax1", "invariant", "revin"):
        norm = TemporalNorm(scaler_type=kind, dim=1, num_features=x.shape[2]).double()
        if kind == "revin":
            with torch.no_grad():
                norm.revin_bias.copy_(torch.tensor([0.25, -0.5]).view(1, 1, 2, 1))
                norm.revin_weight.copy_(torch.tensor([1.25, 0.75]).view(1, 1, 2, 1))
            out["revin.bias"], out["revin.weight"] = norm.revin_bias.flatten(), norm.revin_weight.flatten()
        rows = slice(0, 5) if kind.startswith("minmax") else slice(0, 6)  # of nothing there is no minimum
        seen = x[rows].unsqueeze(-1)
        z = norm.transform(seen, mask[rows].unsqueeze(-1))
        out[f"{kind}.z"] = z.squeeze(-1)
        out[f"{kind}.loc"] = norm.x_shift.squeeze(-1).squeeze(1)
        out[f"{kind}.scale"] = norm.x_scale.squeeze(-1).squeeze(1)
        out[f"{kind}.inverse"] = norm.inverse_transform(z).squeeze(-1)
    write(folder / "scalers.safetensors", out, dict(case="scalers", input_size=length, h=h, eps=1e-6))


# ---------------------------------------------------------------- optimizers


def optimizer_cases(folder):
    """Five steps over two tensors (the clipped norm is over both) with given gradients."""
    rng = np.random.default_rng(81)
    steps, shapes = 5, ((7,), (3, 2))
    start = [drawn(rng, *s) for s in shapes]
    grads = [[drawn(rng, *s, scale=0.05 if t == 1 else 1.0) for s in shapes] for t in range(steps)]
    out = {f"start.{i}": v for i, v in enumerate(start)}
    out |= {f"grad.{t}.{i}": g for t in range(steps) for i, g in enumerate(grads[t])}
    settings = {"lr": 0.05, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01, "clip": 1.0}
    decay = {"weight_decay": settings["weight_decay"]}
    kinds = {"adam": (torch.optim.Adam, {}), "adamw": (torch.optim.AdamW, decay),
             "rmsprop": (torch.optim.RMSprop, decay), "sgd": (torch.optim.SGD, decay | {"momentum": 0.9})}
    for kind, (cls, extra) in kinds.items():
        for clip in (False, True):
            name = kind + ("_clip" if clip else "")
            params = [torch.nn.Parameter(v.clone()) for v in start]
            optimizer = cls(params, lr=settings["lr"], **extra)
            for t in range(steps):
                for p, g in zip(params, grads[t]):
                    p.grad = g.clone()
                if clip:
                    norm = torch.nn.utils.clip_grad_norm_(params, settings["clip"])
                    out[f"{name}.{t}.norm"] = norm.reshape(1)
                optimizer.step()
                out |= {f"{name}.{t}.{i}": p.detach().clone() for i, p in enumerate(params)}
    write(folder / "optimizers.safetensors", out, dict(settings, case="optimizers", steps=steps))


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent
    folder.mkdir(parents=True, exist_ok=True)
    for cases in (nhits_cases, nbeats_cases, linear_cases, loss_cases, scaler_cases, optimizer_cases):
        cases(folder)
    files = sorted(folder.glob("*.safetensors"))
    print(f"{len(files)} files, {sum(f.stat().st_size for f in files)} bytes in {folder}")


if __name__ == "__main__":
    main()
