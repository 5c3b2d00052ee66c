"""Prophet's own fit beside Vane's, on the same table: objective, forecast, time for a series.

    python3 -m venv .venv && .venv/bin/pip install prophet==1.5.0
    .venv/bin/python bench/peers/prophet_fit.py TABLE H build/release/vane [name=value ...]

TABLE has columns ds and y. Options (seasonality_mode=multiplicative, ...) go to both. Vane's coefficients
are read from its model file and put into the same formula of the objective, on Prophet's own design matrix,
so neither program scores itself. Last, Prophet's optimiser goes on from Vane's coefficients.
Times: Prophet's `fit`, best of 3, in a warm process; the seconds of fitting that `vane train` reports, best of
5."""
import json
import logging
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np
import pandas as pd
from prophet import Prophet

logging.getLogger("cmdstanpy").disabled = True
logging.getLogger("prophet").setLevel(logging.ERROR)


def objective(model, k, m, delta, beta, sigma):
    """T ln sigma + ... of prophet.stan, without its constants, and yhat (scaled)."""
    h = model.history
    X, prior, cols, _ = model.make_all_seasonality_features(h)
    t, y, cp = h["t"].to_numpy(), h["y_scaled"].to_numpy(), model.changepoints_t
    if model.growth == "linear":
        g = Prophet.piecewise_linear(t, delta, k, m, cp)
    elif model.growth == "logistic":
        g = Prophet.piecewise_logistic(t, h["cap_scaled"].to_numpy(), delta, k, m, cp)
    else:
        g = np.full_like(t, m)
    xb = X.to_numpy() * beta
    yhat = g * (1 + xb @ cols["multiplicative_terms"].to_numpy()) + xb @ cols["additive_terms"].to_numpy()
    f = len(y) * np.log(sigma) + ((y - yhat) ** 2).sum() / (2 * sigma**2) + 2 * sigma**2
    f += k**2 / 50 + m**2 / 50 + (beta**2 / (2 * np.asarray(prior) ** 2)).sum()
    return f + np.abs(delta).sum() / model.changepoint_prior_scale, yhat


def read_model(path):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8 : 8 + n])
    out = {}
    for name, v in head.items():
        if name != "__metadata__":
            a, b = v["data_offsets"]
            out[name] = np.frombuffer(raw[8 + n + a : 8 + n + b], "<f8").reshape(v["shape"])
    return out


def main():
    table, horizon, vane, options = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]
    named = dict(o.split("=", 1) for o in options)
    df = pd.read_csv(table)
    df["y"] = df["y"].astype(float)
    if "cap" in named:
        df["cap"] = float(named["cap"])
    keep = {k: v if k in ("growth", "seasonality_mode", "scaling") else float(v) for k, v in named.items() if k != "cap"}
    best = 1e9
    flags = [x for k, v in named.items() for x in ("--" + k, v)]
    for _ in range(3):
        m = Prophet(uncertainty_samples=0, **keep)
        start = time.perf_counter()
        m.fit(df)
        best = min(best, time.perf_counter() - start)
    p = m.params
    theirs, yhat0 = objective(m, p["k"].item(), p["m"].item(), p["delta"].reshape(-1), p["beta"].reshape(-1), p["sigma_obs"].item())
    with tempfile.TemporaryDirectory() as d:
        command = [vane, "train", table, "--model", "prophet", "--h", str(horizon), "-o", d + "/m", "--json", *flags]
        seconds = 1e9
        for _ in range(5):
            seconds = min(seconds, json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["seconds"])
        f = read_model(d + "/m")
        csv = subprocess.run([vane, "forecast", table, "-m", d + "/m", "-q"], check=True, capture_output=True, text=True).stdout
    n = dict(zip(["start", "span", "scale", "floor", "k", "m", "sigma", "changes", "step", "objective", "iterations"], f["series"][0]))
    used = f["beta"][0]
    _, _, cols, _ = m.make_all_seasonality_features(m.history)
    order = {"yearly": 20, "weekly": 6, "daily": 8}
    beta, at = [], 0
    for name in ("yearly", "weekly", "daily"):
        if name in m.seasonalities:
            beta.append(used[at : at + order[name]])
        at += order[name]
    beta = np.concatenate(beta) if beta else np.zeros(cols.shape[0])
    ours, yhat1 = objective(m, n["k"], n["m"], f["delta"][0][: int(n["changes"])] if "delta" in f else np.zeros(25), beta, n["sigma"])
    start = {"k": n["k"], "m": n["m"], "sigma_obs": n["sigma"], "beta": beta, "delta": f["delta"][0][: int(n["changes"])] if "delta" in f else np.zeros(25)}
    w = Prophet(uncertainty_samples=0, **keep)
    w.fit(df, init=start)
    p = w.params
    again, yhat2 = objective(w, p["k"].item(), p["m"].item(), p["delta"].reshape(-1), p["beta"].reshape(-1), p["sigma_obs"].item())
    lines = [line.split(",") for line in csv.splitlines()[1:]]
    future = pd.DataFrame({"ds": pd.to_datetime([x[1] for x in lines])})
    if "cap" in df:
        future["cap"] = float(named["cap"])
    ahead = m.predict(future)["yhat"].to_numpy()
    mine = np.array([float(x[2]) for x in lines])
    sd = df["y"].std()
    print(f"{table.split('/')[-1]} {' '.join(options)}")
    print(f"  objective  prophet {theirs:.6f}  vane {ours:.6f} (its own figure {n['objective']:.6f})  lower by {theirs - ours:.6f}")
    rms = np.sqrt(((yhat0 - yhat1) ** 2).mean()) * n["scale"] / sd
    print(f"  in-sample yhat: root mean square {rms:.5f}, largest {np.abs(yhat0 - yhat1).max() * n['scale'] / sd:.5f} of the deviation of y")
    print(f"  prophet started from vane's coefficients: objective {again:.6f}, yhat moves by {np.abs(yhat2 - yhat1).max() * n['scale'] / sd:.6f} of the deviation at most")
    print(f"  {horizon} steps ahead: root mean square {np.sqrt(((ahead - mine) ** 2).mean()) / sd:.5f}, largest {np.abs(ahead - mine).max() / sd:.5f}")
    print(f"  seconds a series: prophet {best:.4f}  vane {seconds:.6f}  ratio {best / seconds:.0f}")


main()
