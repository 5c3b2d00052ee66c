"""Golden vectors of DeepAR: parameters of the distribution in teacher forcing, loss and gradients, and the
distribution of the paths that the reference samples, all from GluonTS, never from Vane. See README.md.

    .venv/bin/pip install gluonts==0.17.0 torch==2.15.0
    .venv/bin/python tests/golden/make_deepar.py [output folder]

Inputs and weights are drawn in float32, GluonTS's DeepARModel computes in float64, the results are rounded once.
Two things are changed, both the same number 1e-6: it is added to the softplus of a deviation (as in make_losses.py)
instead of clamping it, and to the scale, as Vane's scalers all do (device/scalers.def). The loss is the sum of DeepARModel.loss over the observed steps of context and horizon over their
number; GluonTS's training divides by the number of all steps.
"""

import json
import struct
import sys
from pathlib import Path

import gluonts
import numpy as np
import torch
from gluonts.torch.distributions import NormalOutput, PoissonOutput, StudentTOutput
from gluonts.torch.model.deepar.module import DeepARModel
from gluonts.torch.scaler import MeanScaler

BATCH = 3
FLOOR = 1e-6
PATHS, CHUNK = 100_000, 10_000
LEVELS = [0.05, 0.25, 0.5, 0.75, 0.95]

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)


class FlooredStudentT(StudentTOutput):
    @classmethod
    def domain_map(cls, df, loc, scale):
        df, loc, scale = super().domain_map(df, loc, scale)
        return df + FLOOR, loc, scale + FLOOR


class FlooredNormal(NormalOutput):
    @classmethod
    def domain_map(cls, loc, scale):
        loc, scale = super().domain_map(loc, scale)
        return loc, scale + FLOOR


class FlooredPoisson(PoissonOutput):
    @classmethod
    def domain_map(cls, rate):
        (rate,) = super().domain_map(rate)
        return (rate + FLOOR,)


class FlooredMeanScaler(MeanScaler):
    def __call__(self, data, observed_indicator):
        _, loc, scale = super().__call__(data, observed_indicator)
        return data / (scale + FLOOR), loc, scale + FLOOR


# Distribution, and where Vane's raw numbers stand among the reference's arguments.
KINDS = {"studentt": (FlooredStudentT, [1, 2, 0]), "normal": (FlooredNormal, [0, 1]), "poisson": (FlooredPoisson, [0])}


def write(path, tensors, meta):
    """One safetensors file, the bytes a function of the content alone (keys sorted)."""
    meta = dict(meta, gluonts=gluonts.__version__, torch=torch.__version__.split("+")[0])
    header, blob = {"__metadata__": {k: str(v) for k, v in sorted(meta.items())}}, b""
    for name in sorted(tensors):
        value = torch.as_tensor(tensors[name]).detach().to(torch.float32).contiguous().numpy()
        assert np.isfinite(value).all(), f"{path.name}: {name} is not finite"
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [len(blob), len(blob) + value.nbytes]}
        blob += value.astype("<f4").tobytes()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + blob)


def drawn(rng, *shape, scale=1.0):
    """Float64 values that float32 holds exactly."""
    return torch.from_numpy((scale * rng.standard_normal(shape)).astype(np.float32)).double()


def vane_tensors(model, order, of):
    """`of` every parameter under Vane's name: rnn.weight_ih_l0 -> rnn/layer0.weight_ih, projections as one matrix."""
    out = {}
    for name, p in model.rnn.named_parameters():
        part, layer = name.rsplit("_l", 1)
        out[f"rnn/layer{layer}.{part}"] = of(p)
    for part in ("weight", "bias"):
        rows = [of(getattr(model.param_proj.proj[i], part)) for i in order]
        out[f"out.{part}"] = torch.cat(rows)
    return out


def make_inputs(rng, kind, h, length, futr, stat, holes):
    """A window as GluonTS takes it: unobserved values are 0. The embedding of the one category is `stat`'s first."""
    mask = torch.ones(BATCH, length)
    for row, (pad, hole) in enumerate(holes):
        mask[row, :pad] = 0
        if hole is not None:
            mask[row, hole] = 0
    if kind == "poisson":
        y, target = (torch.from_numpy(rng.poisson(6, (BATCH, n)).astype(float)) for n in (length, h))
    else:
        level = torch.tensor([1.0, 300.0, 0.01])[:, None]
        y, target = ((level * (3 + drawn(rng, BATCH, n))).float().double() for n in (length, h))
    return {
        "feat_static_cat": torch.zeros(BATCH, 1, dtype=torch.long),
        "feat_static_real": drawn(rng, BATCH, stat - 1),
        "past_time_feat": drawn(rng, BATCH, length, futr),
        "past_target": y * mask,
        "past_observed_values": mask,
        "future_time_feat": drawn(rng, BATCH, h, futr),
    }, target


def predict(model, x, target, order):
    """Raw numbers and parameters of every learnt step in Vane's order, the loss and its gradients."""
    raw = {}
    handles = [proj.register_forward_hook(lambda _m, _i, out, i=i: raw.__setitem__(i, out))
               for i, proj in enumerate(model.param_proj.proj)]
    params, scale, _, _, _ = model.unroll_lagged_rnn(**x, future_target=target)
    y_hat = torch.cat([raw[i] for i in order], dim=-1)
    for handle in handles:
        handle.remove()
    theirs = [p.clone() for p in params]  # GluonTS multiplies a Poisson rate in place
    params = [params[i] * scale if moved else params[i] for i, moved in zip(order, (True, True, False))]
    distr = model.output_distribution(theirs, scale=scale)
    assert torch.allclose(distr.mean, params[0]), "the parameters are not those of the distribution"
    observed = x["past_observed_values"][:, 1 - model.context_length:]
    n = observed.sum() + target.numel()
    loss = model.loss(**x, future_target=target, future_observed_values=torch.ones_like(target),
                      aggregate_by=torch.sum).sum() / n
    model.zero_grad()
    loss.backward()
    return {"y_hat": y_hat, "params": torch.stack(params, -1), "loss": loss.reshape(1), "scale": scale.reshape(-1)}


def sample(model, x, seed):
    """What the reference's sampler draws: quantiles of every step, and how often two neighbouring steps of a path
    both lie below their medians, a fourth where steps did not depend on each other."""
    torch.manual_seed(seed)
    with torch.no_grad():
        paths = torch.cat([model(**x, num_parallel_samples=CHUNK) for _ in range(PATHS // CHUNK)], dim=1)
    quantiles = torch.quantile(paths, torch.tensor(LEVELS), dim=1).permute(1, 2, 0).float().double()
    below = paths <= quantiles[:, None, :, LEVELS.index(0.5)]
    return {
        "paths.quantiles": quantiles,
        "paths.share": (paths[..., None] <= quantiles[:, None]).double().mean(1),
        "paths.both": (below[..., 1:] & below[..., :-1]).double().mean(1),
    }


def case(folder, name, kind, seed, h, context, lags, units, layers=2, futr=1, stat=2, holes=()):
    torch.manual_seed(seed)
    output, order = KINDS[kind][0](), KINDS[kind][1]
    model = DeepARModel(freq="D", context_length=context, prediction_length=h, num_feat_dynamic_real=futr,
                        num_feat_static_real=stat - 1, num_feat_static_cat=1, cardinality=[1],
                        embedding_dimension=[1], num_layers=layers, hidden_size=units, dropout_rate=0.0,
                        distr_output=output, lags_seq=lags).eval()
    model.scaler = FlooredMeanScaler(dim=-1, keepdim=True)
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_((p + drawn(rng, *p.shape, scale=0.2)).float().double())
        # So that what is drawn is felt in the next steps: the lags' weights and the location's.
        model.rnn.weight_ih_l0[:, :len(lags)] *= 3
        model.param_proj.proj[order[0]].weight *= 8
    length = context - 1 + max(lags)
    assert length == model.past_length
    x, target = make_inputs(rng, kind, h, length, futr, stat, holes)
    out = predict(model, x, target, order)
    grads = vane_tensors(model, order, lambda p: p.grad)
    weights = vane_tensors(model, order, lambda p: p)
    paths = sample(model, x, seed)
    embedded = model.embedder(x["feat_static_cat"])
    tensors = {
        **weights, **{f"grad.{k}": v for k, v in grads.items()}, **out, **paths,
        "insample_y": x["past_target"], "insample_mask": x["past_observed_values"], "target": target,
        "futr_exog": torch.cat((x["past_time_feat"], x["future_time_feat"]), 1),
        "stat_exog": torch.cat((embedded, x["feat_static_real"]), 1),
    }
    options = dict(context_length=context, lags=f"[{', '.join(map(str, lags))}]", num_layers=layers, hidden_size=units)
    meta = dict(case=name, model="deepar", dist=kind, h=h, input_size=length, batch=BATCH, hist_exog_size=0,
                futr_exog_size=futr, stat_exog_size=stat, n_paths=PATHS,
                options=";".join(f"{k}={v}" for k, v in options.items()))
    write(folder / f"{name}.safetensors", tensors, meta)


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent
    padded = [(0, None), (3, 9), (8, None)]
    case(folder, "deepar_studentt", "studentt", 61, 5, 6, [1, 2, 3, 7], 10, futr=2, stat=3, holes=padded)
    case(folder, "deepar_normal", "normal", 62, 9, 4, [1, 5, 6], 12, layers=1)
    case(folder, "deepar_poisson", "poisson", 63, 4, 7, [2, 3], 7, layers=3, futr=3, holes=[(0, 7)])


if __name__ == "__main__":
    main()
