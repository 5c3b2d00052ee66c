"""Golden vectors of the recurrent models: neuralforecast's LSTM and GRU, and PyTorch on the formulas of attention.

Imports neuralforecast and PyTorch and never Vane; drawing, comparing and writing are make_golden.py's, and so
are the versions and the way to run it:

    .venv/bin/python tests/golden/make_recurrent.py [output folder]

Tensors carry the names that Vane gives its parameters (vane_name below), so the tests need no map. The options
of a case are in its metadata as `name=value;...`. README.md beside this file names the rest.
"""

import re
import sys
from pathlib import Path

import numpy as np
import torch
from make_golden import BATCH, check, drawn, losses, make_inputs, perturb, write
from neuralforecast.models import GRU, LSTM
from torch import nn


def vane_name(name):
    """hist_encoder.weight_ih_l0 -> encoder/layer0.weight_ih, attention.query.weight -> attention/query.weight."""
    recurrent = re.fullmatch(r"(?:hist_)?(encoder|decoder)\.(\w+)_l(\d+)", name)
    if recurrent:
        return f"{recurrent[1]}/layer{recurrent[3]}.{recurrent[2]}"
    if name.startswith("upsample_sequence."):
        return name.replace("upsample_sequence", "upsample")
    return name.replace("attention.", "attention/")


def vane_names(model):
    """Every parameter's name; the decoder's linear layers are fc1, fc2, ..., out in their order."""
    names = {n: vane_name(n) for n, _ in model.named_parameters()}
    linears = sorted({int(n.split(".")[2]) for n in names if n.startswith("mlp_decoder.")})
    for place, index in enumerate(linears):
        layer = "out" if index == linears[-1] else f"fc{place + 1}"
        for kind in ("weight", "bias"):
            names[f"mlp_decoder.layers.{index}.{kind}"] = f"decoder/{layer}.{kind}"
    return names


# ---------------------------------------------------------------- attention, by formula


class Luong(nn.Module):
    """Luong et al. 2015: a = softmax(score(d, h)), tanh(W_c [sum a h; d])."""

    def __init__(self, units, additive):
        super().__init__()
        self.query = nn.Linear(units, units, bias=False)
        if additive:
            self.key = nn.Linear(units, units, bias=False)
            self.score = nn.Linear(units, 1, bias=False)
        self.combine = nn.Linear(2 * units, units, bias=False)
        self.additive = additive

    def forward(self, d, h, mask):
        if self.additive:
            both = torch.tanh(self.query(d)[:, :, None] + self.key(h)[:, None])
            scores = self.score(both).squeeze(-1)
        else:
            scores = torch.einsum("bkd,btd->bkt", self.query(d), h)
        a = torch.softmax(scores.masked_fill(mask[:, None] == 0, -torch.inf), -1)
        return torch.tanh(self.combine(torch.cat([torch.einsum("bkt,btd->bkd", a, h), d], -1))), a


class Interpretable(nn.Module):
    """Lim et al. 2021, section 4.4: heads share their values; gate, sum and normalisation around them."""

    def __init__(self, units, heads):
        super().__init__()
        width = units // heads
        self.heads, self.width = heads, width
        self.query = nn.Linear(units, units, bias=False)
        self.key = nn.Linear(units, units, bias=False)
        self.value = nn.Linear(units, width, bias=False)
        self.out = nn.Linear(width, units, bias=False)
        self.gate = nn.Linear(units, 2 * units)
        self.norm = nn.LayerNorm(units, eps=1e-3)

    def forward(self, d, h, mask):
        values, heads, weights = self.value(h), [], []
        for m in range(self.heads):
            own = slice(m * self.width, (m + 1) * self.width)
            scores = torch.einsum("bkd,btd->bkt", self.query(d)[..., own], self.key(h)[..., own])
            scores = scores / self.width**0.5
            a = torch.softmax(scores.masked_fill(mask[:, None] == 0, -torch.inf), -1)
            weights.append(a)
            heads.append(torch.einsum("bkt,btd->bkd", a, values))
        context = self.out(torch.stack(heads).mean(0))
        return self.norm(d + nn.functional.glu(self.gate(context))), torch.stack(weights).mean(0)


class Seq2Seq(nn.Module):
    def __init__(self, h, length, exog, units, layers, attention):
        super().__init__()
        hist, futr, stat = exog
        self.h, self.length = h, length
        self.encoder = nn.LSTM(1 + hist + stat + futr, units, layers, batch_first=True)
        self.decoder = nn.LSTM(1 + stat + futr, units, layers, batch_first=True)
        self.attention = attention
        self.out = nn.Linear(units, 1)

    def forward(self, x):
        y, futr, stat = x["insample_y"][..., None], x.get("futr_exog"), x.get("stat_exog")
        position = torch.arange(1, self.h + 1, dtype=y.dtype).div(self.h).expand(len(y), -1)[..., None]
        past, ahead = [y], [position]
        if "hist_exog" in x:
            past.append(x["hist_exog"])
        if stat is not None:
            past.append(stat[:, None].expand(-1, self.length, -1))
            ahead.append(stat[:, None].expand(-1, self.h, -1))
        if futr is not None:
            past.append(futr[:, : self.length])
            ahead.append(futr[:, self.length :])
        h, state = self.encoder(torch.cat(past, -1))
        d, _ = self.decoder(torch.cat(ahead, -1), state)
        top, weights = self.attention(d, h, x["insample_mask"])
        return self.out(top).squeeze(-1), weights


# ---------------------------------------------------------------- cases


def forward(model, x):
    if isinstance(model, Seq2Seq):
        return model(x)
    batch = {k: x.get(k) for k in ("hist_exog", "futr_exog", "stat_exog")}
    batch["insample_y"] = x["insample_y"].unsqueeze(-1)
    batch["insample_mask"] = x["insample_mask"].unsqueeze(-1)
    return model(batch).squeeze(-1), None


def run_model(model, x, target):
    """Forward, loss and gradients; how near a ReLU or the loss's corner came."""
    margins, handles = [], []
    for layer in model.modules():
        if isinstance(layer, nn.ReLU):
            handles.append(layer.register_forward_pre_hook(
                lambda _m, inputs: margins.append(inputs[0].abs().min().item())))
    model.zero_grad()
    y_hat, attention = forward(model, x)
    loss = losses.MAE()(y=target, y_hat=y_hat)
    loss.backward()
    for handle in handles:
        handle.remove()
    margins.append((y_hat - target).abs().min().item())
    out = {"y_hat": y_hat, "loss": loss.reshape(1)}
    if attention is not None:
        out["attention"] = attention
    names = vane_names(model)
    out |= {f"grad.{names[n]}": p.grad for n, p in model.named_parameters()}
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


def nixtla(folder, name, cls, seed, h, length, units, decoder=(2, 10), layers=2, exog=(0, 0, 0), **more):
    lists = {f"{k}_exog_list": [f"{k}{i}" for i in range(n)] for k, n in zip(("hist", "futr", "stat"), exog) if n}
    model = cls(h=h, input_size=length, random_seed=seed, encoder_n_layers=layers, encoder_hidden_size=units,
                decoder_layers=decoder[0], decoder_hidden_size=decoder[1], **lists)
    options = dict(encoder_n_layers=layers, encoder_hidden_size=units, decoder_layers=decoder[0],
                   decoder_hidden_size=decoder[1])
    if cls is LSTM:
        options |= dict(attention="none", compat="nixtla")
    case(folder, name, model, "gru" if cls is GRU else "lstm-attention", seed, h, length, options, exog, **more)


def attention(folder, name, seed, h, length, units, options, layers=2, exog=(0, 0, 0), **more):
    torch.manual_seed(seed)
    heads = options.get("n_heads")
    part = Interpretable(units, heads) if heads else Luong(units, options["score"] == "additive")
    model = Seq2Seq(h, length, exog, units, layers, part)
    options = dict(options, encoder_n_layers=layers, encoder_hidden_size=units)
    case(folder, name, model, "lstm-attention", seed, h, length, options, exog, **more)


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent
    padded = [(0, None), (3, 8), (5, None)]
    for cls, name in ((LSTM, "lstm"), (GRU, "gru")):
        nixtla(folder, f"{name}_default", cls, 41, 5, 14, 12)
        nixtla(folder, f"{name}_exog_mask", cls, 42, 4, 12, 10, exog=(2, 3, 2), pattern=padded)
        nixtla(folder, f"{name}_long_horizon", cls, 43, 9, 6, 8, exog=(0, 2, 0), zero_masked=False)
        nixtla(folder, f"{name}_deep", cls, 44, 3, 10, 7, decoder=(3, 6), layers=3)
        nixtla(folder, f"{name}_linear_head", cls, 45, 3, 10, 17, decoder=(1, 1), layers=1, exog=(1, 0, 0))
    luong = {"attention": "luong", "score": "general"}
    attention(folder, "attention_general", 51, 5, 14, 12, luong)
    attention(folder, "attention_exog_mask", 52, 4, 12, 10, luong, exog=(2, 3, 2), pattern=padded)
    attention(folder, "attention_additive", 53, 5, 12, 9, dict(luong, score="additive"), pattern=padded)
    shared = {"attention": "interpretable", "n_heads": 4}
    attention(folder, "attention_interpretable", 54, 4, 12, 12, shared, exog=(0, 2, 1), pattern=padded)
    attention(folder, "attention_long_horizon", 55, 9, 6, 8, luong, layers=1)


if __name__ == "__main__":
    main()
