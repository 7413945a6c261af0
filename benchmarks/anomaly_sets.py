"""Tables of usual and odd rows, split as one who looks for anomalies meets them.

22 of ADBench (Han, Hu, Huang, Jiang, Zhao: ADBench: Anomaly detection benchmark, 2022) by the protocol of DTE
(Livernoche, Jain, Hezaveh, Ravanbakhsh: On diffusion modeling for anomaly detection, 2024): at most 50,000 rows; half
of the usual rows are learned from, the other half and all odd ones are judged.  Two more are split by time: network
traffic (NSL-KDD), whose test file has attacks that train's labels do not know; and the lines of a shop's last whole
month (Online Retail), of which those are odd that sell nothing: postage, bank charges, samples, corrections by hand.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["USES", "Split", "adbench", "names"]

_MOST = 50_000  # rows of a set, as in DTE
_LABEL, _MONTH = 41, "2011-11"  # NSL-KDD's column of the label; the last whole month of the shop


@dataclass(frozen=True)
class Split:
    """Rows to learn from, all usual, and rows to judge.

    Args:
        train: columns of texts are categories, all others numbers.
        test: the same columns.
        odd: of each row of test, whether it is an anomaly.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    odd: NDArray[np.bool_]


def names(folder: Path) -> list[str]:
    """Return the sets of ADBench in the data folder, the smallest first."""
    files = sorted((folder / "anomaly").glob("*.npz"), key=lambda path: path.stat().st_size)
    return [path.stem for path in files]


def adbench(folder: Path, name: str, *, seed: int) -> Split:
    """Return a set split by a seed."""
    with np.load(folder / "anomaly" / f"{name}.npz", allow_pickle=True) as held:
        x, odd = held["X"].astype(np.float64), held["y"].astype(bool)
    rng = np.random.default_rng(seed)
    if len(x) > _MOST:
        kept = rng.choice(len(x), _MOST, replace=False)
        x, odd = x[kept], odd[kept]
    usual = rng.permutation(np.flatnonzero(~odd))
    half = len(usual) // 2
    judged = np.concatenate([usual[half:], np.flatnonzero(odd)])
    columns = [f"c{place}" for place in range(x.shape[1])]
    train, test = (pd.DataFrame(x[rows], columns=columns) for rows in (usual[:half], judged))
    return Split(train, test, odd[judged])


def traffic(folder: Path, *, seed: int) -> Split:
    """Return NSL-KDD: normal traffic of the train file, and the whole test file."""
    train, test = (
        pd.read_csv(folder / "tabular" / "nsl-kdd" / f"KDD{part}+.txt", header=None) for part in ("Train", "Test")
    )
    usual = train[train[_LABEL] == "normal"].sample(_MOST, random_state=seed)
    return Split(_named(usual), _named(test), (test[_LABEL] != "normal").to_numpy())


def shop(folder: Path, *, seed: int) -> Split:
    """Return Online Retail: products sold before a month, and all lines of the month."""
    lines = pd.read_parquet(folder / "tabular" / "online_retail" / "online_retail.parquet")
    when, product = lines.InvoiceDate, lines.StockCode.str.fullmatch(r"\d{5}[A-Za-z]*")
    facts = pd.DataFrame(
        {
            "quantity": lines.Quantity.astype(float),
            "unit_price": lines.UnitPrice.astype(float),
            "known_customer": lines.CustomerID.notna().map({True: "yes", False: "no"}),
            "country": lines.Country.astype(str),
            "weekday": when.dt.day_name(),
            "hour": when.dt.hour.astype(float),
            "lines_of_invoice": lines.groupby("InvoiceNo").InvoiceNo.transform("size").astype(float),
            "words": lines.Description.fillna("").str.split().str.len().astype(float),
        }
    )
    before, during = when < _MONTH, when.dt.strftime("%Y-%m") == _MONTH
    return Split(
        facts[before & product].sample(_MOST, random_state=seed).reset_index(drop=True),
        facts[during].reset_index(drop=True),
        (~product[during]).to_numpy(),
    )


def _named(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the features of NSL-KDD, numbers as floats."""
    features = rows.iloc[:, :_LABEL].rename(columns=lambda place: f"c{place}").reset_index(drop=True)
    return features.astype(dict.fromkeys(features.select_dtypes("number"), float))


USES: dict[str, Callable[..., Split]] = {"nsl-kdd": traffic, "online_retail": shop}
"""The readers of those that are no set of ADBench."""
