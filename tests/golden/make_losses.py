"""Golden vectors of probabilistic outputs: quantile losses, likelihoods, quantiles, models with five outputs.

Imports PyTorch, SciPy and neuralforecast and never Vane. Likelihoods are torch.distributions on GluonTS's
parameter maps (softplus, scaled by location and scale; gluonts/torch/distributions), written out here with the
floor of 1e-6 that replaces its clamp; quantiles are scipy.stats'. Made with the versions of make_golden.py
and SciPy 1.17:

    .venv/bin/python tests/golden/make_losses.py [output folder]

neuralforecast's MQLoss is the sum over the levels, not the mean that it says it is (its 1/len is 1/1); the
script asserts that and stores the mean.
"""

import sys
from pathlib import Path

import make_golden as base
import numpy as np
import scipy
import torch
from neuralforecast.losses.pytorch import MQLoss, QuantileLoss
from neuralforecast.models import NBEATS, NHITS, NLinear
from scipy import stats
from torch import distributions as dist
from torch.nn.functional import softplus

LEVELS = [0.05, 0.1, 0.5, 0.9, 0.95]
ROWS, H = 4, 6


def floored(x):
    return softplus(x) + 1e-6


def make(kind, x, loc, scale):
    """The distribution of raw numbers x [..., params]."""
    if kind == "normal":
        return dist.Normal(loc + scale * x[..., 0], scale * floored(x[..., 1]))
    if kind == "laplace":
        return dist.Laplace(loc + scale * x[..., 0], scale * floored(x[..., 1]))
    if kind == "studentt":
        return dist.StudentT(2 + floored(x[..., 2]), loc + scale * x[..., 0], scale * floored(x[..., 1]))
    if kind == "poisson":
        return dist.Poisson(scale * floored(x[..., 0]))
    mean, r = scale * floored(x[..., 0]), 1 / floored(x[..., 1])
    return dist.NegativeBinomial(r, logits=torch.log(mean) - torch.log(r))


PARAMS = {"normal": 2, "studentt": 3, "laplace": 2, "negbin": 2, "poisson": 1}
MIXTURES = {"gmm": ("normal", 3), "pmm": ("poisson", 10), "nbmm": ("negbin", 2)}


def likelihood(name, x, y, loc, scale):
    """-log p; a mixture's raw numbers lie parameter by parameter, the weights' logits last."""
    loc, scale = loc[:, None], scale[:, None]
    if name in PARAMS:
        return -make(name, x, loc, scale).log_prob(y)
    kind, k = MIXTURES[name]
    n = PARAMS[kind]
    parts = x[..., : n * k].unflatten(-1, (n, k)).transpose(-1, -2)  # [..., k, n]
    each = make(kind, parts, loc[..., None], scale[..., None])
    return -dist.MixtureSameFamily(dist.Categorical(logits=x[..., n * k:]), each).log_prob(y)


def width(name):
    kind, k = MIXTURES.get(name, (name, 0))
    return PARAMS[kind] * max(k, 1) + k


def loss_tensors(rng):
    y, counts = base.drawn(rng, ROWS, H, scale=2), torch.from_numpy(rng.poisson(7, (ROWS, H)).astype(float))
    counts[0, 0], counts[1, 1] = 0, 5000
    mask = torch.ones(ROWS, H, dtype=torch.float64)
    mask[0, 4:], mask[2, 0], mask[3, :] = 0, 0, 0
    weight = torch.tensor([1.0, 0.5, 2.0, 0.0, 1.5, 0.25]).double()
    loc = base.drawn(rng, ROWS)
    scale = (base.drawn(rng, ROWS).abs() + 0.5).float().double()
    out = {"y": y, "counts": counts, "mask": mask, "horizon_weight": weight, "loc": loc, "scale": scale}
    share = mask * weight
    for name in (*PARAMS, *MIXTURES):
        x = base.drawn(rng, ROWS, H, width(name)).requires_grad_(True)
        target = counts if MIXTURES.get(name, (name,))[0] in ("negbin", "poisson") else y
        value = (likelihood(name, x, target, loc, scale) * share).sum() / share.sum()
        value.backward()
        out |= {f"{name}.x": x, f"{name}.value": value.reshape(1), f"{name}.grad": x.grad}
    return out | quantile_tensors(rng, y, mask, weight)


def quantile_tensors(rng, y, mask, weight):
    y_hat = base.drawn(rng, ROWS, H, len(LEVELS), scale=2).requires_grad_(True)
    terms = [QuantileLoss(q, horizon_weight=weight)(y=y[..., None], y_hat=y_hat[..., i:i + 1], mask=mask[..., None])
             for i, q in enumerate(LEVELS)]
    value = torch.stack(terms).mean()
    theirs = MQLoss(quantiles=LEVELS, horizon_weight=weight)
    theirs.double()
    total = theirs(y=y[..., None], y_hat=y_hat[..., None, :], mask=mask[..., None])
    assert abs(total.item() / value.item() - len(LEVELS)) < 1e-5, "MQLoss is the sum no more: store it"
    value.backward()
    return {"mqloss.y_hat": y_hat, "mqloss.value": value.reshape(1), "mqloss.grad": y_hat.grad,
            "mqloss.levels": torch.tensor(LEVELS)}


QUANTILES = [1e-6, 0.001, 0.025, 0.1, 0.3, 0.5, 0.7, 0.9, 0.975, 0.9999]


def icdf_tensors():
    """Rows of parameters and their quantiles; counts as (mean, r)."""
    rows = {
        "normal": [(0, 1), (1e6, 3), (-2, 1e-3)],
        "laplace": [(0, 1), (-5, 20)],
        "studentt": [(0, 1, 2.01), (3, 2, 2.5), (0, 1, 4), (0, 1, 30), (-1, 0.1, 1000), (0, 1, 2e6)],
        "poisson": [(1e-6,), (0.3,), (4.5,), (80,), (12345.6,), (3e6,)],
        "negbin": [(0.5, 0.1), (4, 1e6), (20, 3), (1000, 0.5), (2e5, 40)],
    }
    make_row = {
        "normal": lambda m, s: stats.norm(m, s), "laplace": lambda m, s: stats.laplace(m, s),
        "studentt": lambda m, s, nu: stats.t(nu, m, s), "poisson": lambda m: stats.poisson(m),
        "negbin": lambda m, r: stats.nbinom(r, r / (m + r)),
    }
    out = {"levels": np.array(QUANTILES)}
    for name, params in rows.items():
        params = np.array(params, dtype=np.float32).astype(float)
        out[f"{name}.params"] = params
        out[f"{name}.quantiles"] = np.stack([make_row[name](*p).ppf(np.float32(QUANTILES)) for p in params])
    return out


def run_model(model, x, target):
    """As make_golden's, with the mean squared error over all outputs."""
    margins = []
    handles = base.watch(model, margins, [], "nixtla")
    model.zero_grad()
    y_hat = base.forward(model, x)
    loss = ((y_hat - target) ** 2).mean()
    loss.backward()
    for handle in handles:
        handle.remove()
    out = {"y_hat": y_hat, "loss": loss.reshape(1)}
    out |= {f"grad.{n}": p.grad for n, p in model.named_parameters() if p.requires_grad}
    return {k: v.detach().clone() for k, v in out.items()}, min(margins, default=1.0)


def model_case(folder, name, cls, seed, meta, h=6, length=12, pattern=base.PADDED, **hyper):
    """A model with five outputs a step; the loss stored is the mean of (y_hat - target)^2 over all."""
    model = cls(h=h, input_size=length, random_seed=seed, loss=MQLoss(level=[80, 90]), **hyper).eval()
    base.perturb(model, seed)
    rng = np.random.default_rng(1000 + seed)
    x, _ = base.make_inputs(rng, h, length, (0, 0, 0), pattern, True)
    target = base.drawn(rng, base.BATCH, h, len(LEVELS))
    out32, _ = run_model(model, {k: v.float() for k, v in x.items()}, target.float())
    model.double()
    torch.set_default_dtype(torch.float64)
    out, margin = run_model(model, x, target)
    torch.set_default_dtype(torch.float32)
    base.check(name, out, margin, out32)
    meta = dict(meta, case=name, compat="nixtla", h=h, input_size=length, batch=base.BATCH, loss="mse", outputs=5,
                hist_exog_size=0, futr_exog_size=0, stat_exog_size=0)
    base.write(folder / f"{name}.safetensors", {**x, **dict(model.named_parameters()), **out, "target": target}, meta)


def main(folder):
    base.write(folder / "likelihoods.safetensors", loss_tensors(np.random.default_rng(81)),
               dict(case="likelihoods", components="3,10,2"))
    base.write(folder / "quantiles.safetensors", icdf_tensors(), dict(case="quantiles", scipy=scipy.__version__))
    mlp = base.mlp_meta(base.MLP)
    model_case(folder, "nlinear_quantiles", NLinear, 91, dict(model="nlinear"), pattern=None)
    model_case(folder, "nhits_quantiles", NHITS, 92,
               dict(model="nhits", n_stacks=3, n_blocks="1,1,1", n_pool_kernel_size="2,2,1",
                    n_freq_downsample="4,2,1", pooling_mode="MaxPool1d", interpolation_mode="linear",
                    activation="ReLU", **mlp),
               n_pool_kernel_size=[2, 2, 1], n_freq_downsample=[4, 2, 1], mlp_units=base.MLP)
    stacks = ["identity", "trend", "seasonality"]
    model_case(folder, "nbeats_quantiles", NBEATS, 93,
               dict(model="nbeats", n_stacks=3, stack_types=base.joined(stacks), n_blocks="1,1,1", n_basis=2,
                    basis="polynomial", n_harmonics=2, shared_weights="false", activation="ReLU", **mlp),
               stack_types=stacks, n_blocks=[1, 1, 1], n_basis=2, n_harmonics=2, mlp_units=base.MLP)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
