"""Golden vectors of Prophet: design matrices, objectives, fitted coefficients, forecasts and components, all from
the prophet package (1.5.0), never from Vane. See README.md.

    .venv/bin/pip install prophet==1.5.0
    .venv/bin/python tests/golden/make_prophet.py      # rewrites tests/golden/prophet_*.safetensors
"""
import json
import logging
import pathlib
import struct

import numpy as np
import pandas as pd
import prophet
from prophet import Prophet

logging.getLogger("cmdstanpy").disabled = True
HERE = pathlib.Path(__file__).parent


def save(name, tensors, meta):
    head, blob = {"__metadata__": {k: str(v) for k, v in meta.items()}}, b""
    for key, value in tensors.items():
        a = np.ascontiguousarray(value, "<f8")
        head[key] = {"dtype": "F64", "shape": list(a.shape), "data_offsets": [len(blob), len(blob) + a.nbytes]}
        blob += a.tobytes()
    text = json.dumps(head, sort_keys=True).encode()
    text += b" " * (-len(text) % 8)
    (HERE / f"{name}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + blob)


def objective(m, k, off, delta, beta, sigma):
    h = m.history
    X, prior, cols, _ = m.make_all_seasonality_features(h)
    t, y = h["t"].to_numpy(), h["y_scaled"].to_numpy()
    if m.growth == "linear":
        g = Prophet.piecewise_linear(t, delta, k, off, m.changepoints_t)
    elif m.growth == "logistic":
        g = Prophet.piecewise_logistic(t, h["cap_scaled"].to_numpy(), delta, k, off, m.changepoints_t)
    else:
        g = np.full_like(t, off)
    xb = X.to_numpy() * beta
    yhat = g * (1 + xb @ cols["multiplicative_terms"].to_numpy()) + xb @ cols["additive_terms"].to_numpy()
    f = len(y) * np.log(sigma) + ((y - yhat) ** 2).sum() / (2 * sigma**2) + 2 * sigma**2
    f += k**2 / 50 + off**2 / 50 + (beta**2 / (2 * np.asarray(prior) ** 2)).sum()
    return f + np.abs(delta).sum() / m.changepoint_prior_scale


def order_of(m, columns):
    """Positions of Vane's columns (seasonalities, holidays as the file names them, regressors) in Prophet's."""
    wanted = [f"{s}_delim_{i + 1}" for s, v in m.seasonalities.items() for i in range(2 * v["fourier_order"])]
    if m.holidays is not None:
        seen = []
        for row in m.holidays.itertuples():
            for k in range(int(row.lower_window), int(row.upper_window) + 1):
                key = f"{row.holiday}_delim_{'+' if k >= 0 else '-'}{abs(k)}"
                if key not in seen:
                    seen.append(key)
        wanted += seen
    wanted += list(m.extra_regressors)
    return [list(columns).index(c) for c in wanted]


def case(name, df, horizon, options, build, every, futr=(), holidays=None):
    """df: ds, y (NaN ahead) and features, history and horizon; `options`: Vane's words for the same model."""
    df["y"] = df["y"].astype(np.float32).astype(float)
    for f in futr:
        df[f] = df[f].astype(np.float32).astype(float)
    m = build()
    m.fit(df[df.y.notna()].copy())
    p = {k: v.reshape(-1) for k, v in m.params.items() if k in ("k", "m", "delta", "beta", "sigma_obs")}
    rows = np.arange(0, len(df), every)
    future = m.setup_dataframe(df.drop(columns="y").copy())
    X, prior, cols, modes = m.make_all_seasonality_features(future)
    at = order_of(m, X.columns)
    pred = m.predict(df.drop(columns="y"))
    parts = list(m.seasonalities) + (["holidays"] if holidays else []) + list(m.extra_regressors)
    rng = np.random.default_rng(5)
    K, S = len(at), len(m.changepoints_t)
    theta = np.concatenate([rng.normal(0.4, 0.1, 2), rng.normal(0, 0.05, K), rng.normal(0, 0.1, S)])
    beta = np.empty(K)
    beta[at] = theta[2 : 2 + K]
    tensors = {
        "y": df["y"].fillna(0), "mask": df["y"].notna(), "rows": rows, "X": X.to_numpy()[rows][:, at],
        "prior": np.asarray(prior)[at], "changepoints": m.changepoints_t, "theta": theta,
        "theta.objective": [objective(m, theta[0], theta[1], theta[2 + K :], beta, 0.1)],
        "k": p["k"], "m": p["m"], "delta": p["delta"], "beta": p["beta"][at], "sigma": p["sigma_obs"],
        "objective": [objective(m, p["k"][0], p["m"][0], p["delta"], p["beta"], p["sigma_obs"][0])],
        "yhat": pred["yhat"].to_numpy()[rows], "trend": pred["trend"].to_numpy()[rows],
        "parts": np.stack([pred[c].to_numpy()[rows] for c in parts]),
        "scale": [m.y_scale, m.y_min if m.scaling == "minmax" else 0.0],
    }
    if futr:
        tensors["futr"] = df[list(futr)].to_numpy()
    meta = {"prophet": prophet.__version__, "options": options, "futr": ",".join(futr), "h": horizon,
            "start": df["ds"].iloc[0].date(), "freq": "M" if (df.ds.dt.day == 1).all() else "D",
            "parts": ",".join(parts), "holidays": holidays or ""}
    save(f"prophet_{name}", tensors, meta)
    print(f"{name}: T={m.history.shape[0]} K={K} S={S} objective {tensors['objective'][0]:.6f}")


def airline():
    df = pd.read_csv(HERE.parent.parent / "data" / "airline.csv")
    df = pd.DataFrame({"ds": pd.to_datetime(df["ds"]), "y": df["y"].astype(float)})
    ahead = pd.date_range(df.ds.iloc[-1], periods=13, freq="MS")[1:]
    return pd.concat([df, pd.DataFrame({"ds": ahead, "y": np.nan})], ignore_index=True)


def daily(T=800, h=30):
    rng = np.random.default_rng(11)
    t = np.arange(T + h)
    ds = pd.date_range("2019-03-01", periods=T + h, freq="D")
    warm, promo = (np.sin(2 * np.pi * t / 365.25) > 0).astype(float), (rng.random(T + h) < 0.1).astype(float)
    price = 5 + 0.3 * rng.standard_normal(T + h)
    trend = 20 + 0.02 * t - 0.03 * np.maximum(0, t - 400)
    y = trend + 3 * np.sin(2 * np.pi * t / 7) * warm + 2 * promo - 1.5 * (price - 5) + rng.standard_normal(T + h)
    y += 6 * np.isin(ds.strftime("%m-%d"), ["12-25", "12-26"])
    y[T:] = np.nan
    y[rng.choice(T, 40, replace=False)] = np.nan
    y[[0, T - 1]] = [20.0, 24.0]
    return pd.DataFrame({"ds": ds, "y": y, "warm": warm, "promo": promo, "price": price})


HOLIDAYS = "holiday,ds,lower_window,upper_window,prior_scale\n" + "".join(
    f"xmas,{y}-12-25,-1,1,10\nnewyear,{y + 1}-01-01,0,0,5\n" for y in (2019, 2020, 2021))


def rich():
    import io
    h = pd.read_csv(io.StringIO(HOLIDAYS))
    h["ds"] = pd.to_datetime(h["ds"])
    m = Prophet(holidays=h, weekly_seasonality=False, uncertainty_samples=0)
    m.add_seasonality("hot_week", 7, 3, prior_scale=4, condition_name="warm")
    m.add_regressor("promo")
    m.add_regressor("price", prior_scale=2, mode="multiplicative")
    return m


def main():
    def plain(**options):
        return lambda: Prophet(uncertainty_samples=0, **options)
    case("airline", airline(), 12, "", plain(), 5)
    case("airline_multiplicative", airline(), 12, "seasonality_mode=multiplicative",
         plain(seasonality_mode="multiplicative"), 5)
    df = airline()
    df["cap"] = 900.0
    case("airline_logistic", df, 12, "growth=logistic cap=900 scaling=minmax",
         plain(growth="logistic", scaling="minmax"), 5)
    case("daily", daily(), 30, "seasonalities=hot_week:7:3:4:additive:warm weekly_seasonality=false "
         "regressors=price:2:multiplicative", rich, 20, ("warm", "promo", "price"), HOLIDAYS)
    case("daily_flat", daily()[["ds", "y"]], 30, "growth=flat scaling=minmax", plain(growth="flat", scaling="minmax"), 20)


main()
