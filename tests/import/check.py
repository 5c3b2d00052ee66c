"""Train small neuralforecast models, import them, and compare Vane's forecasts with theirs.

    python tests/import/check.py path/to/vane FOLDER

One line a model: the largest |difference| over the largest |forecast|, which must not exceed 1e-5.
"""

import logging
import re
import subprocess
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import numpy as np
import pandas as pd
import torch
from scipy import stats
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import DistributionLoss, HuberMQLoss, MQLoss, QuantileLoss
from neuralforecast.models import GRU, LSTM, NBEATS, NHITS, TCN, VanillaTransformer

torch.set_num_threads(1)
ROOT = Path(__file__).resolve().parents[2]
LIMIT = 1e-5
H = 12
QUIET = dict(logger=False, enable_progress_bar=False, enable_model_summary=False, accelerator="cpu")


def airline():
    df = pd.read_csv(ROOT / "data" / "airline.csv")
    df["ds"] = pd.to_datetime(df["ds"])
    return df


def shop():
    """Three daily series with a column of every kind."""
    rng = np.random.default_rng(3)
    parts = []
    for i, region in enumerate(["south", "north", "south"]):
        n = 150 + H
        promo = rng.choice(["none", "half", "double"], n)
        price = rng.uniform(1, 3, n)
        y = 20 + 5 * i + 8 * (promo == "half") - 3 * price + rng.normal(0, 1, n)
        parts.append(pd.DataFrame({
            "unique_id": f"s{i}", "ds": pd.date_range("2021-03-04", periods=n, freq="D"), "y": y,
            "visits": y + rng.normal(0, 2, n), "price": price, "promo": promo, "sky": rng.choice(["rain", "sun"], n),
            "size": float(i + 1), "region": region}))
    return pd.concat(parts, ignore_index=True)


def plain_models():
    shape = dict(h=H, input_size=24, max_steps=5, **QUIET)
    mlp = dict(mlp_units=3 * [[16, 16]], **shape)
    return [
        NHITS(scaler_type="robust", **mlp),
        NHITS(scaler_type="standard", pooling_mode="AvgPool1d", interpolation_mode="cubic", n_blocks=[2, 1, 1],
              n_pool_kernel_size=[4, 2, 1], alias="NHITS_cubic", **mlp),
        NBEATS(scaler_type="minmax", **mlp),
        NBEATS(stack_types=["trend", "seasonality"], n_blocks=[2, 2], shared_weights=True, scaler_type="invariant",
               alias="NBEATS_shared", **mlp),
        LSTM(encoder_hidden_size=16, decoder_hidden_size=12, decoder_layers=3, **shape),
        GRU(encoder_hidden_size=16, **dict(shape, input_size=8)),
        TCN(encoder_hidden_size=16, **shape),
        VanillaTransformer(hidden_size=16, n_head=2, scaler_type="standard", **shape),
    ]


def quantile_models():
    """Levels come as .5, .1, .9, ... there; three of the models mix them with the steps in ways of their own."""
    shape = dict(h=H, input_size=24, max_steps=5, **QUIET)
    mlp = dict(mlp_units=3 * [[16, 16]], **shape)
    many = dict(encoder_hidden_size=16, loss=MQLoss(level=[80, 90]), **shape)
    return [
        NHITS(loss=MQLoss(level=[80, 90]), scaler_type="standard", **mlp),
        NBEATS(loss=MQLoss(quantiles=[0.9, 0.2, 0.5]), scaler_type="robust", **mlp),
        LSTM(**many), GRU(**many), TCN(**many),
        VanillaTransformer(hidden_size=16, n_head=2, scaler_type="standard", loss=MQLoss(level=[80]), **shape),
        NHITS(loss=QuantileLoss(0.9), scaler_type="standard", alias="NHITS9", **mlp),
    ]


def distribution_models():
    """With their parameters as columns: the quantiles there are of random draws, ours are the distribution's own."""
    shape = dict(h=H, input_size=24, max_steps=20, **QUIET)
    mlp = dict(mlp_units=3 * [[16, 16]], **shape)

    def dist(name):
        return DistributionLoss(name, level=[80, 90], return_params=True)

    return [
        NHITS(loss=dist("Normal"), scaler_type="standard", **mlp),
        NBEATS(loss=dist("StudentT"), scaler_type="robust", **mlp),
        LSTM(encoder_hidden_size=16, loss=dist("NegativeBinomial"), scaler_type="robust", **shape),
        GRU(encoder_hidden_size=16, loss=dist("Poisson"), scaler_type="minmax", **shape),
        TCN(encoder_hidden_size=16, loss=dist("StudentT"), **shape),
        VanillaTransformer(hidden_size=16, n_head=2, loss=dist("NegativeBinomial"), **shape),
        NBEATS(loss=dist("Poisson"), scaler_type="standard", alias="NBEATS_poisson", **mlp),
        NHITS(loss=dist("NegativeBinomial"), scaler_type="minmax", alias="NHITS_negbin", **mlp),
    ]


def distribution_of(table, alias):
    """scipy's distribution with the parameters of a forecast there."""
    p = {c.split("-", 1)[1]: table[c].to_numpy(dtype=float) for c in table.columns if c.startswith(f"{alias}-")}
    if "total_count" in p:  # the column called logits holds the probability of a success there
        return stats.nbinom(p["total_count"], 1 - p["-logits".strip("-")])
    if "df" in p:
        return stats.t(p["df"], p["loc"], p["scale"])
    return stats.norm(p["loc"], p["scale"]) if "scale" in p else stats.poisson(p["loc"])


def distribution_gap(got, alias, table):
    """Of the mean and of every quantile; a count is right if it is one at a level moved by 1e-5."""
    d = distribution_of(table, alias)
    mean = d.mean()
    worst = np.abs(got.iloc[:, 2].to_numpy() - mean).max() / np.abs(mean).max()
    for part in (0.05, 0.1, 0.5, 0.9, 0.95):
        tail = "median" if part == 0.5 else f"{'lo' if part < 0.5 else 'hi'}-{round(abs(200 * part - 100))}"
        ours = got[[c for c in got.columns if c.endswith(tail)][0]].to_numpy()
        if hasattr(d.dist, "pmf"):
            fine = (ours >= d.ppf(part - LIMIT)) & (ours <= d.ppf(part + LIMIT))
            worst = max(worst, 0 if fine.all() else np.inf)
        else:
            worst = max(worst, np.abs(ours - d.ppf(part)).max() / np.abs(mean).max())
    return float(worst)


def exog_models():
    """neuralforecast's N-BEATS takes no exogenous input, its VanillaTransformer that of the future alone."""
    lists = dict(futr_exog_list=["promo", "price"], stat_exog_list=["size", "region"], h=H, input_size=24, max_steps=5,
                 cat_exog_list=["promo", "region"], categorical_cardinalities={"promo": 3, "region": 2}, **QUIET)
    hist = dict(hist_exog_list=["visits"], scaler_type="robust", **lists)
    coded = dict(hist, hist_exog_list=["visits", "sky"], cat_exog_list=["promo", "region", "sky"],
                 categorical_cardinalities={"promo": 3, "region": 2, "sky": 2})
    return [
        GRU(encoder_hidden_size=16, **coded),
        NHITS(mlp_units=2 * [[16, 16]], **hist),
        NHITS(mlp_units=2 * [[16, 16]], loss=MQLoss(level=[80]), alias="NHITS_levels", **hist),
        LSTM(encoder_hidden_size=16, **hist),
        TCN(encoder_hidden_size=16, **hist),
        VanillaTransformer(hidden_size=16, n_head=2, h=H, input_size=24, max_steps=5, futr_exog_list=["price", "promo"],
                           cat_exog_list=["promo"], categorical_cardinalities={"promo": 3}, **QUIET),
    ]


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr}")


def levels(table, alias):
    """The point forecasts of a model, or all its quantiles, ascending: Vane sorts those that cross."""
    table = table.sort_values(["unique_id", "ds"], kind="stable").drop(columns=["unique_id", "ds"])
    columns = [c for c in table.columns if alias is None or re.fullmatch(f"{alias}(-.*|_ql.*)?", c)]
    if alias is None:  # beside quantiles the point and its median say what one of them says
        columns = [c for c in columns if "-ql" in c] or columns[len(columns) > 1:]
    return np.sort(table[columns].to_numpy(dtype=float), axis=1)


def compare(vane, folder, what, nf, df, **future):
    saved, out = folder / f"{what}_saved", folder / f"{what}_vane"
    want = nf.predict(df=df, **future).reset_index()
    nf.save(str(saved), overwrite=True)  # 3.3.0 cannot copy a DistributionLoss between training and a forecast
    run(sys.executable, ROOT / "tools" / "import_nixtla.py", saved, out, "--vane", vane)
    table = folder / f"{what}.csv"
    df.to_csv(table, index=False)
    more = []
    if future:
        df = df.merge(future["static_df"], on="unique_id")
        df.to_csv(table, index=False)
        future["futr_df"].to_csv(folder / f"{what}_futr.csv", index=False)
        more = ["--futr", folder / f"{what}_futr.csv"]
    worst = 0
    files = sorted(out.iterdir(), key=lambda f: int(f.name.split("_")[0]))
    for path in files:
        alias = path.stem.split("_", 1)[1]
        run(vane, "forecast", table, "-m", path, "-o", folder / "f.csv", "--quiet", *more)
        got = pd.read_csv(folder / "f.csv")
        if any(c.startswith(f"{alias}-") and c.rsplit("-")[-1] in ("loc", "df", "total_count") for c in want.columns):
            gap = distribution_gap(got, alias, want)
            print(f"{what:8} {alias:20} {gap:.2g}{'' if gap <= LIMIT else '  TOO FAR'}")
            worst = max(worst, gap if np.isfinite(gap) else 1)
            continue
        got, ours = levels(got, None), levels(want, alias)
        gap = float(np.abs(got - ours).max() / np.abs(ours).max()) if got.shape == ours.shape else np.inf
        print(f"{what:8} {alias:20} {gap:.2g}{'' if gap <= LIMIT else '  TOO FAR'}")
        worst = max(worst, gap if np.isfinite(gap) else 1)
    return worst


def refused(vane, folder):
    """What cannot be carried is named, and nothing is written."""
    loss = HuberMQLoss(level=[80])
    nf = NeuralForecast([NHITS(h=H, input_size=24, max_steps=1, loss=loss, scaler_type="revin", **QUIET)],
                        freq="MS", local_scaler_type="standard")
    nf.fit(airline())
    nf.save(str(folder / "refused"), overwrite=True)
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "import_nixtla.py"), str(folder / "refused"),
                           str(folder / "refused.vane"), "--vane", vane], capture_output=True, text=True)
    words = ["local_scaler_type=standard", "HuberMQLoss, which gives 3 numbers", "scaler_type=revin"]
    fine = done.returncode == 1 and all(w in done.stderr for w in words) and not (folder / "refused.vane").exists()
    print("refusals", "named" if fine else f"NOT NAMED: {done.stderr}")
    return fine


def main():
    vane, folder = sys.argv[1], Path(sys.argv[2])
    nf = NeuralForecast(plain_models(), freq="MS")
    nf.fit(airline())
    worst = compare(vane, folder, "airline", nf, airline())
    nf = NeuralForecast(quantile_models(), freq="MS")
    nf.fit(airline())
    worst = max(worst, compare(vane, folder, "quantile", nf, airline()))
    nf = NeuralForecast(distribution_models(), freq="MS")
    nf.fit(airline())
    worst = max(worst, compare(vane, folder, "dist", nf, airline()))
    df = shop()
    past, static = df.groupby("unique_id").head(-H), df.groupby("unique_id").head(1)[["unique_id", "size", "region"]]
    columns = ["unique_id", "ds", "y", "visits", "price", "promo", "sky"]
    nf = NeuralForecast(exog_models(), freq="D")
    nf.fit(past[columns], static_df=static)
    worst = max(worst, compare(vane, folder, "shop", nf, past[columns], static_df=static,
                               futr_df=df.groupby("unique_id").tail(H)[["unique_id", "ds", "price", "promo"]]))
    return 0 if refused(vane, folder) and worst <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
