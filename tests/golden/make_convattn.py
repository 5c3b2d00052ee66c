"""Golden vectors of the TCN and the Transformer: neuralforecast's, and PyTorch on the papers' formulas.

Imports neuralforecast and PyTorch and never Vane; drawing, comparing and writing are make_golden.py's, and so
are the versions and the way to run it:

    .venv/bin/python tests/golden/make_convattn.py [output folder]

Tensors carry the names that Vane gives its parameters (vane_name below), so the tests need no map. The options
of a case are in its metadata as `name=value;...`. README.md beside this file names the rest.
"""

import math
import re
import sys
from pathlib import Path

import numpy as np
import torch
from make_golden import BATCH, check, losses, make_inputs, perturb, write
from neuralforecast.models import TCN, VanillaTransformer
from torch import nn
from torch.nn import functional

PADDED = [(0, None), (3, 8), (5, None)]

REFERENCE = (
    (r"hist_encoder\.tcn\.(\d+)\.conv\.", r"level\1/conv."),
    (r"context_adapter\.", r"adapter."),
    (r"(enc|dec)_embedding\.value_embedding\.tokenConv\.", r"\1oder/embedding/token."),
    (r"(enc|dec)_embedding\.temporal_embedding\.embed\.", r"\1oder/embedding/features."),
    (r"encoder\.attn_layers\.(\d+)\.attention\.(\w+)_projection\.", r"encoder/layer\1/self/\2."),
    (r"decoder\.layers\.(\d+)\.(self|cross)_attention\.(\w+)_projection\.", r"decoder/layer\1/\2/\3."),
    (r"encoder\.attn_layers\.(\d+)\.conv(\d)\.", r"encoder/layer\1/fc\2."),
    (r"decoder\.layers\.(\d+)\.conv(\d)\.", r"decoder/layer\1/fc\2."),
    (r"encoder\.attn_layers\.(\d+)\.norm(\d)\.", r"encoder/layer\1/norm\2."),
    (r"decoder\.layers\.(\d+)\.norm(\d)\.", r"decoder/layer\1/norm\2."),
    (r"(encoder|decoder)\.norm\.", r"\1/norm."),
    (r"decoder\.projection\.", r"decoder/out."),
)


def vane_name(name):
    """Of neuralforecast's parameters by the table, of ours by turning all but the last dot into a slash."""
    for pattern, ours in REFERENCE:
        if re.match(pattern, name):
            return re.sub(pattern, ours, name)
    *path, kind = name.split(".")
    return "/".join(path) + "." + kind


def vane_names(model):
    """Every parameter's name; the decoder's linear layers are fc1, fc2, ..., out in their order."""
    names = {n: vane_name(n) for n, _ in model.named_parameters()}
    linears = sorted({int(n.split(".")[2]) for n in names if n.startswith("mlp_decoder.")})
    for place, index in enumerate(linears):
        layer = "out" if index == linears[-1] else f"fc{place + 1}"
        for kind in ("weight", "bias"):
            names[f"mlp_decoder.layers.{index}.{kind}"] = f"decoder/{layer}.{kind}"
    return names


# ---------------------------------------------------------------- TCN, by the paper's formulas


class Normed(nn.Module):
    """A causal convolution with weights g v / |v|, the length taken per output channel."""

    def __init__(self, n_in, n_out, kernel, dilation):
        super().__init__()
        conv = nn.Conv1d(n_in, n_out, kernel)
        self.weight_v, self.bias = conv.weight, conv.bias
        self.weight_g = nn.Parameter(conv.weight.detach().flatten(1).norm(dim=1))
        self.dilation = dilation

    def forward(self, x):
        v = self.weight_v
        w = v * (self.weight_g / v.flatten(1).norm(dim=1))[:, None, None]
        x = functional.pad(x, ((v.shape[2] - 1) * self.dilation, 0))
        return functional.conv1d(x, w, self.bias, dilation=self.dilation)


class Block(nn.Module):
    """Bai et al. 2018, figure 1b; dropout left out."""

    def __init__(self, n_in, n_out, kernel, dilation):
        super().__init__()
        self.conv1 = Normed(n_in, n_out, kernel, dilation)
        self.conv2 = Normed(n_out, n_out, kernel, dilation)
        self.skip = nn.Linear(n_in, n_out) if n_in != n_out else None
        self.relu = nn.ReLU()

    def forward(self, x):
        y = self.relu(self.conv2(self.relu(self.conv1(x))))
        if self.skip is not None:
            x = self.skip(x.transpose(1, 2)).transpose(1, 2)
        return self.relu(y + x)


class ResidualTCN(nn.Module):
    def __init__(self, h, length, exog, width, kernel, dilations, decoder):
        super().__init__()
        self.length, n_in = length, 1 + sum(exog)
        self.n_levels, self.n_layers = len(dilations), decoder[0]
        for i, d in enumerate(dilations):
            setattr(self, f"level{i}", Block(n_in, width, kernel, d))
            n_in = width
        self.adapter = nn.Linear(length, h)
        self.decoder, n_in = nn.Module(), width + exog[1]
        for i in range(1, decoder[0]):
            setattr(self.decoder, f"fc{i}", nn.Linear(n_in, decoder[1]))
            n_in = decoder[1]
        self.decoder.out = nn.Linear(n_in, 1)
        self.relu = nn.ReLU()

    def forward(self, x):
        parts = [x["insample_y"][..., None]]
        if "hist_exog" in x:
            parts.append(x["hist_exog"])
        if "stat_exog" in x:
            parts.append(x["stat_exog"][:, None].expand(-1, self.length, -1))
        if "futr_exog" in x:
            parts.append(x["futr_exog"][:, : self.length])
        z = torch.cat(parts, -1).transpose(1, 2)
        for i in range(self.n_levels):
            z = getattr(self, f"level{i}")(z)
        z = self.adapter(z).transpose(1, 2)
        if "futr_exog" in x:
            z = torch.cat([z, x["futr_exog"][:, self.length :]], -1)
        for i in range(1, self.n_layers):
            z = self.relu(getattr(self.decoder, f"fc{i}")(z))
        return self.decoder.out(z).squeeze(-1)


# ---------------------------------------------------------------- Transformer, by the paper's formulas


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        for name in ("query", "key", "value", "out"):
            setattr(self, name, nn.Linear(width, width))
        self.heads = heads

    def split(self, x):
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x, source, seen, causal):
        q, k, v = self.split(self.query(x)), self.split(self.key(source)), self.split(self.value(source))
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        if seen is not None:
            scores = scores.masked_fill(seen[:, None, None, :] == 0, -torch.inf)
        if causal:
            ahead = torch.ones(scores.shape[-2:]).triu(1).bool()
            scores = scores.masked_fill(ahead, -torch.inf)
        return self.out((torch.softmax(scores, -1) @ v).transpose(1, 2).flatten(2))


class Layer(nn.Module):
    def __init__(self, width, heads, inner, relu, pre, decoder):
        super().__init__()
        self.self = Attention(width, heads)
        self.cross = Attention(width, heads) if decoder else None
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.n_norms = 3 if decoder else 2
        for i in range(self.n_norms):
            setattr(self, f"norm{i + 1}", nn.LayerNorm(width))
        self.act = nn.ReLU() if relu else nn.GELU()
        self.pre = pre

    def around(self, i, x, part):
        norm = getattr(self, f"norm{i}")
        return x + part(norm(x)) if self.pre else norm(x + part(x))

    def forward(self, x, source, seen):
        if self.cross is None:
            x = self.around(1, x, lambda z: self.self(z, z, seen, False))
        else:
            x = self.around(1, x, lambda z: self.self(z, z, None, True))
            x = self.around(2, x, lambda z: self.cross(z, source, seen, False))
        return self.around(self.n_norms, x, lambda z: self.fc2(self.act(self.fc1(z))))


class Embedding(nn.Module):
    def __init__(self, n, width):
        super().__init__()
        self.token = nn.Conv1d(1, width, 3, padding=1, padding_mode="circular", bias=False)
        self.features = nn.Linear(n, width, bias=False) if n else None

    def forward(self, y, z):
        x = self.token(y[:, None]).transpose(1, 2)
        width = x.shape[-1]
        rate = torch.exp(torch.arange(0, width, 2).float() * -(math.log(10000.0) / width))
        angle = (torch.arange(y.shape[1]).float()[:, None] * rate).to(x.dtype)
        x = x + torch.stack([angle.sin(), angle.cos()], -1).flatten(1)
        return x + self.features(z) if self.features is not None else x


class Stack(nn.Module):
    def __init__(self, n_features, n_layers, width, *layer):
        super().__init__()
        self.embedding = Embedding(n_features, width)
        for i in range(n_layers):
            setattr(self, f"layer{i}", Layer(width, *layer))
        self.norm = nn.LayerNorm(width)
        self.n_layers = n_layers

    def forward(self, y, z, source, seen):
        x = self.embedding(y, torch.cat(z, -1) if z else None)
        for i in range(self.n_layers):
            x = getattr(self, f"layer{i}")(x, source, seen)
        return self.norm(x)


class Transformer(nn.Module):
    """Causal decoder; steps that are not observed are no keys."""

    def __init__(self, h, length, exog, width, heads, inner, layers, part, relu, pre):
        super().__init__()
        hist, futr, stat = exog
        self.h, self.length, self.label = h, length, math.ceil(part * length)
        self.encoder = Stack(hist + futr + stat, layers[0], width, heads, inner, relu, pre, False)
        self.decoder = Stack(futr + stat, layers[1], width, heads, inner, relu, pre, True)
        self.decoder.out = nn.Linear(width, 1)

    def forward(self, x):
        y, seen = x["insample_y"], x["insample_mask"]
        known = torch.cat([y[:, self.length - self.label :], torch.zeros(len(y), self.h, dtype=y.dtype)], 1)
        past, ahead = [], []
        if "futr_exog" in x:
            past.append(x["futr_exog"][:, : self.length])
            ahead.append(x["futr_exog"][:, self.length - self.label :])
        if "hist_exog" in x:
            past.append(x["hist_exog"])
        if "stat_exog" in x:
            past.append(x["stat_exog"][:, None].expand(-1, self.length, -1))
            ahead.append(x["stat_exog"][:, None].expand(-1, self.label + self.h, -1))
        encoded = self.encoder(y, past, None, seen)
        return self.decoder.out(self.decoder(known, ahead, encoded, seen)[:, -self.h :]).squeeze(-1)


class PatchEmbedding(nn.Module):
    def __init__(self, n_patches, n_in, width):
        super().__init__()
        self.patch, self.position = nn.Linear(n_in, width), nn.Embedding(n_patches, width)

    def forward(self, x, _):
        return self.patch(x) + self.position.weight


class PatchTransformer(nn.Module):
    """Tokens of `patch` steps, the oldest filled up in front; no decoder; a patch with one step seen is a key."""

    def __init__(self, h, length, exog, width, heads, inner, n_layers, patch):
        super().__init__()
        hist, futr, stat = exog
        self.h, self.length, self.size = h, length, patch
        n = -(-length // patch)
        self.encoder = Stack(0, n_layers, width, heads, inner, False, False, False)
        self.encoder.embedding = PatchEmbedding(n, patch * (1 + hist + futr + stat), width)
        self.flatten = nn.Linear(n * width, h * (8 if futr else 1))
        if futr:
            self.decoder = nn.Module()
            self.decoder.fc1, self.decoder.out = nn.Linear(8 + futr, width), nn.Linear(width, 1)
            self.relu = nn.ReLU()

    def patches(self, x):
        x = functional.pad(x, (0, 0, -self.length % self.size, 0))
        return x.unflatten(1, (-1, self.size)).flatten(2)

    def forward(self, x):
        parts = [x["insample_y"][..., None]]
        if "hist_exog" in x:
            parts.append(x["hist_exog"])
        if "stat_exog" in x:
            parts.append(x["stat_exog"][:, None].expand(-1, self.length, -1))
        if "futr_exog" in x:
            parts.append(x["futr_exog"][:, : self.length])
        seen = self.patches(x["insample_mask"][..., None]).amax(-1)
        z = self.encoder(self.patches(torch.cat(parts, -1)), [], None, seen)
        z = self.flatten(z.flatten(1)).unflatten(1, (self.h, -1))
        if "futr_exog" in x:
            z = self.relu(self.decoder.fc1(torch.cat([z, x["futr_exog"][:, self.length :]], -1)))
            z = self.decoder.out(z)
        return z.squeeze(-1)


# ---------------------------------------------------------------- cases


def forward(model, x):
    if isinstance(model, (ResidualTCN, Transformer, PatchTransformer)):
        return model(x)
    batch = {k: x.get(k) for k in ("hist_exog", "futr_exog", "stat_exog")}
    batch["insample_y"] = x["insample_y"].unsqueeze(-1)
    batch["insample_mask"] = x["insample_mask"].unsqueeze(-1)
    return model(batch).squeeze(-1)


def run_model(model, x, target):
    """Forward, loss and gradients; how near a ReLU or the loss's corner came. A sum of two zeros that a ReLU made
    is 0 in any arithmetic, and so is its gradient.
    """
    margins, handles = [], []
    for layer in model.modules():
        if isinstance(layer, nn.ReLU):
            handles.append(layer.register_forward_pre_hook(
                lambda _m, inputs: margins.append(inputs[0][inputs[0] != 0].abs().min().item())))
    model.zero_grad()
    y_hat = forward(model, x)
    loss = losses.MAE()(y=target, y_hat=y_hat)
    loss.backward()
    for handle in handles:
        handle.remove()
    margins.append((y_hat - target).abs().min().item())
    names = vane_names(model)
    out = {"y_hat": y_hat, "loss": loss.reshape(1)}
    out |= {f"grad.{names[n]}": p.grad for n, p in model.named_parameters()}
    for name in [n for n in out if n.endswith("key.bias")]:
        # It moves all scores of a query alike, which the softmax does not see: only rounding is left.
        assert out[name].abs().max() < 1e-6
        out[name] = torch.zeros_like(out[name])
    return {k: v.detach().clone() for k, v in out.items()}, min(margins)


def case(folder, name, model, vane, seed, h, length, options, exog=(0, 0, 0), pattern=None, zero_masked=True):
    model.eval()
    perturb(model, seed)
    x, target = make_inputs(np.random.default_rng(1000 + seed), h, length, exog, pattern, zero_masked)
    out32, _ = run_model(model, {k: v.float() for k, v in x.items()}, target.float())
    model.double()
    out, margin = run_model(model, x, target)
    check(name, out, margin, out32)
    names = vane_names(model)
    weights = {names[n]: p for n, p in model.named_parameters()}
    hist, futr, stat = exog
    meta = dict(case=name, model=vane, options=";".join(f"{k}={v}" for k, v in options.items()), h=h,
                input_size=length, batch=BATCH, loss="mae", hist_exog_size=hist, futr_exog_size=futr,
                stat_exog_size=stat)
    write(folder / f"{name}.safetensors", {**x, **weights, **out, "target": target}, meta)


def exog_lists(exog):
    return {f"{k}_exog_list": [f"{k}{i}" for i in range(n)] for k, n in zip(("hist", "futr", "stat"), exog) if n}


def tcn_nixtla(folder, name, seed, h, length, width, kernel, dilations, decoder=(2, 10), exog=(0, 0, 0), **more):
    model = TCN(h=h, input_size=length, random_seed=seed, kernel_size=kernel, dilations=dilations,
                encoder_hidden_size=width, decoder_layers=decoder[0], decoder_hidden_size=decoder[1],
                **exog_lists(exog))
    options = dict(variant="nixtla", kernel_size=kernel, dilations=dilations, encoder_hidden_size=width,
                   decoder_layers=decoder[0], decoder_hidden_size=decoder[1])
    case(folder, name, model, "tcn", seed, h, length, options, exog, **more)


def tcn_residual(folder, name, seed, h, length, width, kernel, dilations, decoder=(2, 10), exog=(0, 0, 0), **more):
    torch.manual_seed(seed)
    model = ResidualTCN(h, length, exog, width, kernel, dilations or [1, 2], decoder)
    options = dict(kernel_size=kernel, dilations=dilations, encoder_hidden_size=width, decoder_layers=decoder[0],
                   decoder_hidden_size=decoder[1])
    case(folder, name, model, "tcn", seed, h, length, options, exog, **more)


def vanilla(folder, name, seed, h, length, width, heads, inner, layers=(2, 1), part=0.5, act="gelu", futr=0, **more):
    exog = (0, futr, 0)
    model = VanillaTransformer(h=h, input_size=length, random_seed=seed, hidden_size=width, n_head=heads,
                               conv_hidden_size=inner, encoder_layers=layers[0], decoder_layers=layers[1],
                               decoder_input_size_multiplier=part, activation=act, **exog_lists(exog))
    options = dict(compat="nixtla", hidden_size=width, n_head=heads, conv_hidden_size=inner,
                   encoder_layers=layers[0], decoder_layers=layers[1], decoder_input_size_multiplier=part,
                   activation=act)
    case(folder, name, model, "transformer", seed, h, length, options, exog, **more)


def causal(folder, name, seed, h, length, width, heads, inner, layers=(2, 1), part=0.5, act="gelu", norm="post",
           exog=(0, 0, 0), **more):
    torch.manual_seed(seed)
    model = Transformer(h, length, exog, width, heads, inner, layers, part, act == "relu", norm == "pre")
    options = dict(hidden_size=width, n_head=heads, conv_hidden_size=inner, encoder_layers=layers[0],
                   decoder_layers=layers[1], decoder_input_size_multiplier=part, activation=act, norm=norm)
    case(folder, name, model, "transformer", seed, h, length, options, exog, **more)


def flattened(folder, name, seed, h, length, width, heads, inner, layers, patch, exog=(0, 0, 0), **more):
    torch.manual_seed(seed)
    model = PatchTransformer(h, length, exog, width, heads, inner, layers, patch)
    options = dict(hidden_size=width, n_head=heads, conv_hidden_size=inner, encoder_layers=layers, head="flatten",
                   patch_len=patch)
    case(folder, name, model, "transformer", seed, h, length, options, exog, **more)


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent
    tcn_nixtla(folder, "tcn_nixtla", 61, 5, 14, 12, 2, [1, 2, 4])
    tcn_nixtla(folder, "tcn_nixtla_exog_mask", 62, 4, 12, 10, 3, [1, 3], exog=(2, 3, 2), pattern=PADDED)
    tcn_nixtla(folder, "tcn_nixtla_long_horizon", 63, 9, 6, 17, 2, [1, 2, 4, 8], decoder=(1, 1), zero_masked=False)
    tcn_residual(folder, "tcn_residual", 64, 5, 13, 12, 3, [])
    tcn_residual(folder, "tcn_residual_exog_mask", 65, 4, 12, 9, 2, [1, 2, 5], decoder=(3, 7), exog=(2, 3, 2),
                 pattern=PADDED)
    vanilla(folder, "transformer_nixtla", 71, 5, 14, 12, 2, 6)
    vanilla(folder, "transformer_nixtla_futr", 77, 4, 12, 8, 4, 5, layers=(1, 2), part=0.3, futr=3, pattern=PADDED,
            zero_masked=False)
    vanilla(folder, "transformer_nixtla_relu", 73, 9, 7, 16, 1, 9, layers=(1, 1), act="relu")
    causal(folder, "transformer_causal", 74, 5, 14, 12, 2, 6)
    causal(folder, "transformer_exog_mask", 75, 4, 12, 12, 3, 7, exog=(2, 3, 2), pattern=PADDED)
    causal(folder, "transformer_pre", 76, 5, 11, 8, 2, 6, layers=(1, 2), norm="pre", act="relu", exog=(0, 1, 1),
           pattern=PADDED)
    flattened(folder, "transformer_patches", 78, 5, 12, 8, 2, 6, 2, 4)
    flattened(folder, "transformer_patches_exog_mask", 79, 4, 13, 8, 2, 6, 1, 5, exog=(2, 3, 2), pattern=PADDED)


if __name__ == "__main__":
    main()
