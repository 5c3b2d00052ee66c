#!/usr/bin/env python3
"""Turn a neuralforecast model into a Vane model file.

    python3 tools/import_nixtla.py SAVED OUT [--vane build/vane]

SAVED is a folder of NeuralForecast.save, or one of its model files (.safetensors, or a legacy .ckpt); OUT the
.vane file, or a folder where SAVED holds several models. Forecasts of the file agree with the original's to
1e-5 of their size (tests/import/check.sh).

Models: NHITS, NBEATS, LSTM and GRU (recurrent=False), TCN, VanillaTransformer, with point losses, QuantileLoss,
MQLoss and the DistributionLoss Normal, StudentT, NegativeBinomial and Poisson, every kind of exogenous input, and any
window scaler but revin (with a distribution: identity, standard, robust or minmax). Quantiles that cross come out
sorted. A distribution has the parameters it has there (dist_compat=nixtla); its forecast is the distribution's own
mean, median and intervals, where the original draws them at random. What cannot be carried over is refused by name.
Among it are local scalers (of whole series), other distributions and the mixtures GMM, PMM and NBMM.

Legacy .ckpt files and folders are pickles: reading one can run whatever code its author put into it. This tool
does so only with --allow-pickle; Vane itself never reads a pickle, and its model files hold numbers and text.

Needs neuralforecast (made with 3.3.0), torch, numpy, pandas; nothing of it is part of Vane's build. The tool
lets `vane train` make a model of the same shape from a few made-up rows, and puts the weights into it: so every
option, default and parameter of the version at hand is Vane's own. docs/model_file.md describes the file.
"""

import argparse
import json
import logging
import re
import struct
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)


class Refusal(Exception):
    """What is said to the user, in one sentence."""


# ---------------------------------------------------------------- the model file

MASK = (1 << 64) - 1
P1, P2, P3, P4, P5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63,
                      0x27D4EB2F165667C5)
DTYPES = {"F32": 0, "F64": 1, "I32": 2, "I64": 3}


def turn(x, by):
    return (x << by | x >> (64 - by)) & MASK


def mix(acc, x):
    return turn((acc + x * P2) & MASK, 31) * P1 & MASK


def xxh64(data, seed=0):
    """XXH64 after its specification."""
    n, at = len(data), 0
    h = (seed + P5) & MASK
    if n >= 32:
        acc = [(seed + P1 + P2) & MASK, (seed + P2) & MASK, seed, (seed - P1) & MASK]
        whole = n // 32 * 32
        for lanes in struct.iter_unpack("<4Q", memoryview(data)[:whole]):
            acc = [mix(a, x) for a, x in zip(acc, lanes)]
        h = sum(turn(a, by) for a, by in zip(acc, (1, 7, 12, 18))) & MASK
        for a in acc:
            h = ((h ^ mix(0, a)) * P1 + P4) & MASK
        at = whole
    h = (h + n) & MASK
    for (x,) in struct.iter_unpack("<Q", memoryview(data)[at:at + (n - at) // 8 * 8]):
        h = (turn(h ^ mix(0, x), 27) * P1 + P4) & MASK
    at += (n - at) // 8 * 8
    if n - at >= 4:
        h = (turn(h ^ struct.unpack_from("<I", data, at)[0] * P1 & MASK, 23) * P2 + P3) & MASK
        at += 4
    for x in data[at:]:
        h = turn(h ^ x * P5 & MASK, 11) * P1 & MASK
    h = (h ^ h >> 33) * P2 & MASK
    h = (h ^ h >> 29) * P3 & MASK
    return h ^ h >> 32


def checksum(meta, tensors):
    total = 0
    for key, value in meta.items():
        if key != "checksum":
            total += xxh64(value.encode(), xxh64(key.encode()))
    for name, (dtype, shape, data) in tensors.items():
        h = xxh64(name.encode(), DTYPES[dtype] + 1)
        for dim in shape:
            h = (h * 31 + dim) & MASK
        total += xxh64(data, h)
    return f"{total & MASK:016x}"


def read_model(path):
    data = path.read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + size])
    meta = header.pop("__metadata__")
    tensors = {}
    for name, t in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = (8 + size + at for at in t["data_offsets"])
        tensors[name] = (t["dtype"], t["shape"], data[begin:end])
    if meta["checksum"] != checksum(meta, tensors):
        raise Refusal(f'"{path}": the checksum is wrong')
    return meta, tensors


def write_model(path, meta, tensors):
    meta = {"checksum": checksum(meta, tensors), **{k: v for k, v in meta.items() if k != "checksum"}}
    header, at = {"__metadata__": meta}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(t[2] for t in tensors.values()))


# ---------------------------------------------------------------- options and names, a map a model


def need(hp, reasons, **wanted):
    """Hyperparameters that only these values of can be carried over."""
    for name, values in wanted.items():
        if hp.get(name, values[0]) not in values:
            reasons.append(f"{name}={hp[name]}")


def listed(values):
    return "[" + ", ".join(str(v) for v in values) + "]"


def mlp_options(hp, reasons):
    """Blocks of fully connected layers: NF's first one has no activation."""
    units = hp["mlp_units"]
    widths = [units[0][0]] + [layer[1] for layer in units]
    if any(layer[0] != width for layer, width in zip(units, widths)) or units[0][0] != units[0][1]:
        reasons.append(f"mlp_units={units}")
    names = {"ReLU": "relu", "Softplus": "softplus", "Tanh": "tanh", "SELU": "selu", "LeakyReLU": "lrelu",
             "Sigmoid": "sigmoid"}
    need(hp, reasons, activation=list(names))
    return {"n_blocks": listed(hp["n_blocks"]), "mlp_units": listed(layer[1] for layer in units),
            "activation": names.get(hp["activation"], "relu"), "compat": "nixtla"}


def mlp_name(name, hp):
    """stack1/block0/fc2.weight -> blocks.1.layers.3.weight"""
    stack, block, layer, kind = re.fullmatch(r"stack(\d+)/block(\d+)/(\w+)\.(\w+)", name).groups()
    index = sum(hp["n_blocks"][:int(stack)]) + int(block)
    j = len(hp["mlp_units"]) + 1 if layer == "theta" else int(layer[2:])
    return f"blocks.{index}.layers.{2 * j - 1 if j else 0}.{kind}"


def nhits_options(hp, reasons):
    return mlp_options(hp, reasons) | {
        "n_pool_kernel_size": listed(hp["n_pool_kernel_size"]),
        "n_freq_downsample": listed(hp["n_freq_downsample"]),
        "pooling_mode": {"MaxPool1d": "max", "AvgPool1d": "avg"}[hp["pooling_mode"]],
        "interpolation_mode": re.sub("cubic-?.*", "cubic", hp["interpolation_mode"]),
        "dropout_prob_theta": hp["dropout_prob_theta"]}


def nbeats_options(hp, reasons):
    need(hp, reasons, basis=["polynomial"])
    return mlp_options(hp, reasons) | {
        "stack_types": listed(hp["stack_types"]), "n_polynomials": hp["n_basis"], "n_harmonics": hp["n_harmonics"],
        "shared_weights": str(hp["shared_weights"]).lower()}


def decoder_options(hp, reasons):
    need(hp, reasons, decoder_activation=[None, "ReLU"])
    return {key: hp[key] for key in ("encoder_hidden_size", "decoder_layers", "decoder_hidden_size")}


def recurrent_options(hp, reasons):
    need(hp, reasons, recurrent=[False], encoder_bias=[True])
    return decoder_options(hp, reasons) | {key: hp[key] for key in ("encoder_n_layers", "encoder_dropout")}


def lstm_options(hp, reasons):
    return recurrent_options(hp, reasons) | {"attention": "none", "compat": "nixtla"}


def decoder_name(name, hp):
    """decoder/fc2.weight -> mlp_decoder.layers.3.weight: Linear, activation and dropout in turn."""
    layer, kind = re.fullmatch(r"decoder/(\w+)\.(\w+)", name).groups()
    place = hp["decoder_layers"] - 1 if layer == "out" else int(layer[2:]) - 1
    return f"mlp_decoder.layers.{3 * place}.{kind}"


def recurrent_name(name, hp):
    if name.startswith("decoder/"):
        return decoder_name(name, hp)
    if name.startswith("upsample."):
        return name.replace("upsample", "upsample_sequence")
    layer, kind = re.fullmatch(r"encoder/layer(\d+)\.(\w+)", name).groups()
    return f"hist_encoder.{kind}_l{layer}"


def tcn_options(hp, reasons):
    need(hp, reasons, encoder_activation=["ReLU", "relu"])
    return decoder_options(hp, reasons) | {"variant": "nixtla", "kernel_size": hp["kernel_size"],
                                           "dilations": listed(hp["dilations"])}


def tcn_name(name, hp):
    if name.startswith("decoder/"):
        return decoder_name(name, hp)
    if name.startswith("adapter."):
        return "context_" + name
    return re.sub(r"level(\d+)/", r"hist_encoder.tcn.\1.", name)


def transformer_options(hp, reasons):
    need(hp, reasons, activation=["gelu", "relu"])
    keys = ("hidden_size", "n_head", "conv_hidden_size", "encoder_layers", "decoder_layers", "dropout",
            "activation", "decoder_input_size_multiplier")
    return {key: hp[key] for key in keys} | {"compat": "nixtla", "norm": "post"}


def transformer_name(name, hp):
    name = re.sub(r"^(enc|dec)oder/embedding/token", r"\1_embedding.value_embedding.tokenConv", name)
    name = re.sub(r"^(enc|dec)oder/embedding/features", r"\1_embedding.temporal_embedding.embed", name)
    name = re.sub(r"^encoder/layer(\d+)/self/", r"encoder.attn_layers.\1.attention.", name)
    name = re.sub(r"^encoder/layer(\d+)/", r"encoder.attn_layers.\1.", name)
    name = re.sub(r"^decoder/layer(\d+)/(self|cross)/", r"decoder.layers.\1.\2_attention.", name)
    name = re.sub(r"^decoder/layer(\d+)/", r"decoder.layers.\1.", name)
    name = re.sub(r"attention\.(query|key|value|out)", r"attention.\1_projection", name)
    name = re.sub(r"\.fc(\d)\.", r".conv\1.", name)
    return name.replace("decoder/out", "decoder.projection").replace("/", ".")


# class of neuralforecast: Vane's name, our options from its hyperparameters, its parameter for one of ours
MODELS = {
    "NHITS": ("nhits", nhits_options, mlp_name),
    "NBEATS": ("nbeats", nbeats_options, mlp_name),
    "LSTM": ("lstm-attention", lstm_options, recurrent_name),
    "GRU": ("gru", recurrent_options, recurrent_name),
    "TCN": ("tcn", tcn_options, tcn_name),
    "VanillaTransformer": ("transformer", transformer_options, transformer_name),
}

def nbeats_order(name, hp, rows, perm):
    """Rows of a block's numbers: those of the backcast, then the levels of each number in turn."""
    stack = int(re.match(r"stack(\d+)/", name)[1])
    back = hp["input_size"] if hp["stack_types"][stack] == "identity" else rows // (len(perm) + 1)
    return list(range(back)) + [back + i + q for i in range(0, rows - back, len(perm)) for q in perm]


def nhits_order(_, hp, rows, perm):
    """Backcast, then the knots of one level after those of another."""
    back, knots = hp["input_size"], (rows - hp["input_size"]) // len(perm)
    return list(range(back)) + [back + q * knots + k for q in perm for k in range(knots)]


def rows_of(name, class_name, hp, rows, perm):
    """Where each row of a layer that gives quantiles comes from: ours ascend. None: as they are."""
    if re.search(r"/theta\.", name):
        return (nhits_order if class_name == "NHITS" else nbeats_order)(name, hp, rows, perm)
    return perm if name.startswith("decoder/out.") else None


# class of torch: our loss, and the places of our numbers among its
DISTRIBUTIONS = {"Normal": ("normal", [0, 1]), "StudentT": ("studentt", [1, 2, 0]),
                 "NegativeBinomial": ("negbin", [0, 1]), "Poisson": ("poisson", [0])}
DISTRIBUTION_SCALERS = ["identity", "standard", "robust", "minmax", None]
LOSSES = {"MAE": "mae", "MSE": "mse", "HuberLoss": "huber", "SMAPE": "smape", "MAPE": "mape", "MASE": "mase"}
SCALERS = ["identity", "standard", "robust", "minmax", "minmax1", "invariant"]


# ---------------------------------------------------------------- what the model needs


def features_of(model):
    """Columns by Vane's kinds, in neuralforecast's order."""
    cats = model.cat_exog_list
    return {
        "hist_exog_list": [c for c in model.hist_exog_list if c not in cats],
        "futr_exog_list": [c for c in model.futr_exog_list if c not in cats],
        "cat_exog_list": list(model.futr_cat_exog_list),
        "hist_cat_list": list(model.hist_cat_exog_list),
        "stat_exog_list": [c for c in model.stat_exog_list if c not in cats],
        "stat_cat_list": list(model.stat_cat_exog_list),
    }


def vocabulary_of(nf, columns, reasons):
    """The texts of every categorical column in the order of their codes."""
    out = {}
    for column in columns:
        vocab = (getattr(nf, "categorical_vocab_", None) or {}).get(column)
        if not vocab:
            reasons.append(f"no vocabulary of '{column}' (import the folder of NeuralForecast.save)")
        out[column] = [str(text) for text, _ in sorted((vocab or {}).items(), key=lambda item: item[1])]
    return out


def levels_of(loss):
    """The quantiles it gives, in its order; none of other losses. They are kept in f32 there."""
    if type(loss).__name__ == "MQLoss":
        return [round(float(q), 6) for q in loss.quantiles]
    return [loss.q] if type(loss).__name__ == "QuantileLoss" else []


def distribution_options(loss, hp, reasons):
    if loss.distribution not in DISTRIBUTIONS:
        reasons.append(f"DistributionLoss {loss.distribution}, which Vane lacks (it has {', '.join(DISTRIBUTIONS)})")
    elif hp.get("scaler_type") not in DISTRIBUTION_SCALERS:
        reasons.append(f"scaler_type={hp['scaler_type']} beside a DistributionLoss")
    levels = [round(float(q), 6) for q in loss.quantiles]
    level = sorted(round(100 - 200 * q, 4) for q in levels if q < 0.5)
    return {"loss": DISTRIBUTIONS.get(loss.distribution, ("normal",))[0], "dist_compat": "nixtla",
            "level": listed(f"{p:g}" for p in level)}


def order_of(loss):
    """The place of each of our numbers of a step among the original's; empty for one number."""
    if type(loss).__name__ == "DistributionLoss":
        return DISTRIBUTIONS[loss.distribution][1]
    levels = levels_of(loss)
    return sorted(range(len(levels)), key=lambda i: levels[i])


def loss_options(model, hp, reasons):
    name, levels = type(model.loss).__name__, levels_of(model.loss)
    if name == "DistributionLoss":
        return distribution_options(model.loss, hp, reasons)
    if name == "QuantileLoss":
        return {"loss": "quantile", "quantile": levels[0]}
    if name == "MQLoss":
        level = sorted(round(100 - 200 * q, 4) for q in levels if q < 0.5)
        ends = [0.5] + [round(0.5 + sign * p / 200, 6) for p in level for sign in (-1, 1)]
        if sorted(ends) == sorted(levels):  # the median and whole intervals: columns lo-80, hi-80
            return {"loss": "mqloss", "level": listed(f"{p:g}" for p in level)}
        return {"loss": "mqloss", "quantiles": listed(sorted(levels))}
    if name not in LOSSES:
        reasons.append(f"loss {name}, which gives {model.loss.outputsize_multiplier} numbers a step")
    return {"loss": LOSSES.get(name, "mae"), "huber_delta": getattr(model.loss, "delta", 1.0)}


def train_options(model, hp, reasons):
    need(hp, reasons, scaler_type=SCALERS + [None], exclude_insample_y=[False])
    dims = {e.weight.shape[1] for group in ("hist", "futr", "stat") for e in getattr(model, f"{group}_cat_embeddings")}
    if hp.get("cat_emb_dim", "fastai") != "fastai" and len(dims) > 1:
        reasons.append(f"cat_emb_dim={hp['cat_emb_dim']} with embeddings of {sorted(dims)} numbers")
    return {
        "h": model.h, "input_size": model.input_size, "scaler_type": hp.get("scaler_type") or "identity",
        "learning_rate": hp["learning_rate"], "num_lr_decays": hp["num_lr_decays"], "seed": hp["random_seed"],
        "cat_emb_dim": 0 if hp.get("cat_emb_dim", "fastai") == "fastai" or not dims else dims.pop(),
    } | loss_options(model, hp, reasons)


def made_up_rows(path, freq, model, features, vocab):
    """A table with every column and level, long enough to draw one window from."""
    import pandas as pd

    n_series = max([1] + [len(vocab[c]) for c in features["stat_cat_list"]])
    rows = model.h + model.input_size + 1
    coded = features["cat_exog_list"] + features["hist_cat_list"]
    rows = max([rows] + [len(vocab[c]) for c in coded])
    steps = freq is None or isinstance(freq, int) or str(freq).isdigit()
    if steps:
        ds = [1 + i * int(freq or 1) for i in range(rows)]
    else:
        ds = pd.date_range("2000-01-01", periods=rows, freq=freq)
    tables = []
    for i in range(n_series):
        t = {"unique_id": f"series{i}", "ds": ds, "y": [float(k % 7) for k in range(rows)]}
        for name in features["hist_exog_list"] + features["futr_exog_list"]:
            t[name] = [float(k % 5) for k in range(rows)]
        for name in features["stat_exog_list"]:
            t[name] = float(i)
        for name in coded:
            t[name] = [vocab[name][k % len(vocab[name])] for k in range(rows)]
        for name in features["stat_cat_list"]:
            t[name] = vocab[name][i % len(vocab[name])]
        tables.append(pd.DataFrame(t))
    pd.concat(tables).to_csv(path, index=False)


def template(vane, name, options, features, freq, model, vocab):
    """A model of Vane's own of the same shape: metadata and tensors."""
    with tempfile.TemporaryDirectory() as folder:
        table, out = Path(folder) / "rows.csv", Path(folder) / "model.vane"
        made_up_rows(table, freq, model, features, vocab)
        command = [vane, "train", str(table), "-o", str(out), "--model", name, "--quiet", "--max_steps", "1",
                   "--windows_batch_size", "1"]
        for key, value in options.items():
            command += [f"--{key}", str(value)]
        for key, columns in features.items():
            if columns:
                command += [f"--{key}", ",".join(columns)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise Refusal(f"vane cannot make a model of this shape: {done.stderr.strip()}")
        return read_model(out)


# ---------------------------------------------------------------- weights


def reference_of(name, hp, to_name):
    """Its parameter for one of ours, and how many leading rows to leave out."""
    embedding = re.fullmatch(r"embedding\.(hist|futr|stat)(\d+)", name)
    if embedding:  # its row 0, never learnt, is the place of the mean
        return f"{embedding[1]}_cat_embeddings.{embedding[2]}.weight", 1
    return to_name(name, hp), 0


def carry_weights(tensors, model, hp, to_name):
    import numpy as np

    state, perm, used = model.state_dict(), order_of(model.loss), set()
    for name, (dtype, shape, _) in tensors.items():
        reference, skip = reference_of(name, hp, to_name)
        if reference not in state:
            raise Refusal(f"the model has no {reference}, which {name} is made from")
        value = state[reference].detach().cpu().numpy().astype("<f4")[skip:]
        if value.ndim == len(shape) + 1 and value.shape[-1] == 1:
            value = value[..., 0]  # a convolution over one step is a matrix
        order = rows_of(name, type(model).__name__, hp, len(value), perm) if len(perm) > 1 else None
        value = value if order is None else value[order]
        if list(value.shape) != shape:
            raise Refusal(f"{reference} is {list(value.shape)}, {name} needs {shape}")
        if not np.isfinite(value).all():
            raise Refusal(f"{reference} holds a number that is not finite")
        tensors[name] = (dtype, shape, np.ascontiguousarray(value).tobytes())
        used.add(reference)
    return used


def left_over(model, used):
    """Learnt parameters that went nowhere; views of one that was used are the same parameter."""
    state = dict(model.named_parameters(remove_duplicate=False))
    places = {state[name].data_ptr() for name in used if name in state}
    return sorted(name for name, p in state.items() if p.requires_grad and p.data_ptr() not in places)


def convert(model, nf, freq, vane, out):
    cls = type(model).__name__
    if cls not in MODELS:
        raise Refusal(f"{cls} is none of the models that can be imported: {', '.join(MODELS)}")
    name, to_options, to_name = MODELS[cls]
    hp, reasons = dict(model.hparams), []
    for scaler in ("local_scaler_type", "local_static_scaler_type"):
        if getattr(nf, scaler, None) is not None:
            reasons.append(f"{scaler}={getattr(nf, scaler)}")
    features = features_of(model)
    coded = features["cat_exog_list"] + features["hist_cat_list"] + features["stat_cat_list"]
    vocab = vocabulary_of(nf, coded, reasons)
    options = train_options(model, hp, reasons) | to_options(hp, reasons)
    if reasons:
        raise Refusal(f"{cls} cannot be imported with {', '.join(reasons)}")
    meta, tensors = template(vane, name, options, features, freq, model, vocab)
    used = carry_weights(tensors, model, hp, to_name)
    rest = left_over(model, used)
    if rest:
        raise Refusal(f"{cls} has parameters Vane's {name} lacks: {', '.join(rest)}")
    meta["train.max_steps"] = str(hp["max_steps"])
    meta["train.windows_batch_size"] = str(hp["windows_batch_size"])
    write_model(out, meta, tensors)


# ---------------------------------------------------------------- reading the original


def class_of(path, given):
    """The class of one model file, from its metadata, the option or its name."""
    import neuralforecast.models as models

    name = given
    with open(path, "rb") as f:
        head = f.read(8)
        size = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        if not name and 2 <= size < 1 << 27:
            try:
                name = json.loads(f.read(size)).get("__metadata__", {}).get("model_class")
            except ValueError:
                pass  # a legacy pickle
    name = name or re.split(r"[_.]", path.name)[0]
    classes = {c.lower(): c for c in MODELS}
    if name.lower() not in classes:
        raise Refusal(f'"{path}" is of class "{name}"; give --class, one of {", ".join(MODELS)}')
    return getattr(models, classes[name.lower()])


def load(args):
    """The models of SAVED, the NeuralForecast around them (or None), and the frequency."""
    from neuralforecast import NeuralForecast

    path = Path(args.saved)
    if not path.exists():
        raise Refusal(f'there is no "{path}"')
    try:
        if path.is_dir():
            nf = NeuralForecast.load(str(path), allow_pickle=args.allow_pickle)
            return nf.models, nf, args.freq or nf.freq
        model = class_of(path, args.cls).load(str(path), allow_pickle=args.allow_pickle)
    except Refusal:
        raise
    except Exception as e:
        hint = "" if args.allow_pickle else " (a legacy file needs --allow-pickle)"
        raise Refusal(f'"{path}" cannot be read: {e}{hint}')
    return [model], None, args.freq


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("saved", metavar="SAVED", help="folder of NeuralForecast.save, or one model file")
    p.add_argument("out", metavar="OUT", help="the model file to write; a folder for several models")
    p.add_argument("--vane", default="vane", help="the vane command (default: vane)")
    p.add_argument("--freq", help="step of time, a pandas alias such as MS, or an integer; a folder knows its own")
    p.add_argument("--class", dest="cls", help="class of a single file that does not name it")
    p.add_argument("--allow-pickle", action="store_true",
                   help="read legacy files, which can run code: only from people you trust")
    return p.parse_args()


def main():
    args = arguments()
    try:
        models, nf, freq = load(args)
        out = Path(args.out)
        if len(models) > 1:
            out.mkdir(exist_ok=True)
        for i, model in enumerate(models):
            path = out / f"{i}_{model}.vane" if len(models) > 1 else out
            convert(model, nf, freq, args.vane, path)
            print(path)
    except (Refusal, OSError) as e:
        print(f"import_nixtla: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
