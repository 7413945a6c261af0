"""Anomalies: the detectors of Likeness beside PyOD's, on 22 sets of ADBench and on two real uses.

    python benchmarks/anomaly.py --data DIR [--detectors likeness knn] [--only 6_cardio nsl-kdd] [--seeds 5]

DIR holds `anomaly/` with ADBench's files, and `tabular/` with `nsl-kdd/` and `online_retail/`.  What has a result in
`benchmarks/results/anomaly` is not done again; then `benchmarks/ANOMALIES.md` is written anew.
"""

import argparse
import json
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import mean, stdev
from string import Template

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

if not __package__:  # run as a file: imports begin at the root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.anomaly_sets import USES, Split, adbench, names
from benchmarks.contenders import ROOT, Contender
from benchmarks.peers.harness import FIGURES, TASK, TRAIN
from benchmarks.results import Record, circumstances, path_of, read_all, write

_LEVEL = 0.01  # of the false alarms
_SURE = 10_000  # usual rows judged, from which on a false-alarm rate is told
_CACHE = Path.home() / ".cache" / "likeness-benchmark"

DETECTORS = {
    each.name: each
    for each in (
        Contender("likeness", "benchmarks.detectors", settings={"by": "rows"}),
        Contender("autoregressive", "benchmarks.detectors", settings={"by": "autoregressive"}),
        Contender("gmm", "benchmarks.detectors", settings={"by": "gmm"}),
        *(
            Contender(f"pyod-{name.lower()}", "benchmarks.peers.pyod", "pyod", {"module": module, "class": name})
            for module, name in (
                ("knn", "KNN"),
                ("iforest", "IForest"),
                ("ecod", "ECOD"),
                ("lof", "LOF"),
                ("mcd", "MCD"),
                ("gmm", "GMM"),
                ("vae", "VAE"),
            )
        ),
    )
}
"""The detectors by name."""


def main() -> None:
    """Do what has no result yet, and write the page."""
    asked = _parse()
    for seed in range(asked.seeds):
        for name in asked.only or [*names(asked.data), *USES]:
            split: Split | None = None
            for detector in (DETECTORS[one] for one in asked.detectors):
                path = path_of(asked.results, table=name, contender=detector.name, seed=seed)
                if not path.exists():
                    split = split or _read(asked.data, name, seed=seed)
                    write(path, _done(detector, name, seed, split, asked))
                    print(path.read_text(), flush=True)
    asked.page.write_text(page_of(list(read_all(asked.results))), encoding="utf-8")


def _read(folder: Path, name: str, *, seed: int) -> Split:
    return USES[name](folder, seed=seed) if name in USES else adbench(folder, name, seed=seed)


def _done(detector: Contender, name: str, seed: int, split: Split, asked: argparse.Namespace) -> Record:
    """Run one detector, and measure its scores."""
    folder = asked.work / name / detector.name / str(seed)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for frame, file in ((split.train, TRAIN), (split.test, "test.parquet")):
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), folder / file)
    (folder / TASK).write_text(json.dumps({"seed": seed, "settings": detector.settings}))
    record = {"contender": detector.name, "table": name, "seed": seed, **circumstances()}
    record |= {"rows": {"train": len(split.train), "test": len(split.test), "odd": int(split.odd.sum())}}
    failed = detector.run(folder, python=detector.python(asked.environments), limit_seconds=asked.limit)
    if failed:
        return record | {"failed": failed}
    p_values = folder / "p_values.npy"
    told = np.load(p_values) if p_values.exists() else None
    found = measures(np.load(folder / "scores.npy"), split.odd, told)
    return record | {"costs": json.loads((folder / FIGURES).read_text()), "measures": found}


def measures(
    scores: NDArray[np.float64], odd: NDArray[np.bool_], p_values: NDArray[np.float64] | None
) -> dict[str, float]:
    """Return how well scores tell odd rows; and, by p-values, how many usual ones are called odd and odd ones found."""
    scores = np.nan_to_num(scores.astype(np.float64), nan=0.0, posinf=np.finfo(np.float64).max)
    found = {"auroc": float(roc_auc_score(odd, scores)), "auprc": float(average_precision_score(odd, scores))}
    if p_values is not None:
        alarms = p_values <= _LEVEL
        found |= {"false_alarms": float(alarms[~odd].mean()), "found": float(alarms[odd].mean())}
    return found


def page_of(records: list[Record]) -> str:
    """Return the tables as a page."""
    good = _alike([record for record in records if "failed" not in record])
    runs = sorted({f"{record['date']}, {record['commit']}" for record in good})
    parts = {
        "MEANS": "\n".join(_means(good)),
        "SETS": "\n".join(_sets(good)),
        "ALARMS": "\n".join(_alarms(good)),
        "USES": "\n".join(_uses(good)),
        "FAILED": "\n".join(_failures(records)),
        "RUNS": "; ".join(runs),
    }
    return Template((ROOT / "benchmarks" / "anomaly.md.template").read_text(encoding="utf-8")).substitute(parts)


def _alike(records: list[Record]) -> list[Record]:
    """Return those of each set by seeds that all its detectors have, which are then judged on the same splits."""
    seeds: dict[str, set[int]] = {}
    for found in _by(records).values():
        mine = {record["seed"] for record in found}
        seeds[found[0]["table"]] = seeds.get(found[0]["table"], mine) & mine
    return [record for record in records if record["seed"] in seeds[record["table"]]]


def _means(records: list[Record]) -> Iterator[str]:
    """Yield the table of means over the sets that every detector has, with as many seeds."""
    done, seen = _by(records), _seen(records)
    whole = [
        name for name in _tables(records) if name not in USES and all((name, one) in done for one in _seen(records))
    ]
    yield f"Over {len(whole)} sets: {', '.join(whole)}.\n"
    yield "| | AUROC | AUPRC | seeds | CPU seconds, median |\n|---|---|---|---|---|"
    rows = []
    for one in seen:
        found = [record for name in whole for record in done[name, one]]
        if found:
            seeds = min(len(done[name, one]) for name in whole)
            figures = [mean(_mean(done[name, one], key) for name in whole) for key in ("auroc", "auprc")]
            seconds = float(np.median([record["costs"]["cpu_seconds"] for record in found]))
            rows.append((figures[0], f"| {one} | {figures[0]:.4f} | {figures[1]:.4f} | {seeds} | {seconds:.1f} |"))
    yield from (line for _, line in sorted(rows, reverse=True))


def _sets(records: list[Record]) -> Iterator[str]:
    """Yield each set's mean AUROC by each detector."""
    done, detectors = _by(records), _seen(records)
    yield f"| | rows | {' | '.join(detectors)} |\n|---|---|{'---|' * len(detectors)}"
    for name in _tables(records):
        rows = next(record["rows"]["train"] for record in records if record["table"] == name)
        cells = [f"{_mean(done[name, one], 'auroc'):.3f}" if (name, one) in done else "" for one in detectors]
        yield f"| {name} | {rows:,} | {' | '.join(cells)} |"


def _alarms(records: list[Record]) -> Iterator[str]:
    """Yield which share of usual rows is called odd, where there are enough to tell."""
    yield "| | detector | usual rows called odd, % | by seed | odd rows found, % |\n|---|---|---|---|---|"
    for (name, one), found in _by(records).items():
        usual = found[0]["rows"]["test"] - found[0]["rows"]["odd"]
        if "false_alarms" in found[0]["measures"] and usual >= _SURE and name not in USES:
            rates = [100 * record["measures"]["false_alarms"] for record in found]
            each = ", ".join(f"{rate:.2f}" for rate in rates)
            yield f"| {name} | {one} | {mean(rates):.2f} | {each} | {100 * _mean(found, 'found'):.1f} |"


def _uses(records: list[Record]) -> Iterator[str]:
    yield "| | detector | AUROC | AUPRC | odd rows found, % | usual rows called odd, % |\n|---|---|---|---|---|---|"
    for (name, one), found in _by(records).items():
        if name in USES:
            spread = f" ± {stdev(record['measures']['auroc'] for record in found):.4f}" if len(found) > 1 else ""
            rates = [
                f"{100 * _mean(found, key):.1f}" if key in found[0]["measures"] else ""
                for key in ("found", "false_alarms")
            ]
            auroc, auprc = _mean(found, "auroc"), _mean(found, "auprc")
            yield f"| {name} | {one} | {auroc:.4f}{spread} | {auprc:.4f} | {' | '.join(rates)} |"


def _failures(records: list[Record]) -> Iterator[str]:
    for record in records:
        if "failed" in record:
            yield f"- {record['contender']} on {record['table']}, seed {record['seed']}: {record['failed']}"


def _by(records: list[Record]) -> dict[tuple[str, str], list[Record]]:
    found: Mapping[tuple[str, str], list[Record]] = defaultdict(list)
    for record in sorted(
        records, key=lambda one: (one["rows"]["train"], one["table"], list(DETECTORS).index(one["contender"]))
    ):
        found[record["table"], record["contender"]].append(record)
    return {each: sorted(mine, key=lambda one: one["seed"]) for each, mine in found.items()}


def _tables(records: list[Record]) -> list[str]:
    return list(dict.fromkeys(name for name, _ in _by(records)))


def _seen(records: list[Record]) -> list[str]:
    """Return the detectors that have results, in their order."""
    return [name for name in DETECTORS if any(record["contender"] == name for record in records)]


def _mean(records: list[Record], key: str) -> float:
    return mean(record["measures"][key] for record in records)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", type=Path, required=True)
    add("--detectors", choices=DETECTORS, nargs="*", default=list(DETECTORS))
    add("--only", nargs="*", default=[], help="sets by name")
    add("--seeds", type=int, default=5, help="how many, from 0")
    add("--limit", type=float, default=3_600.0, help="seconds after which a detector is given up")
    add("--results", type=Path, default=ROOT / "benchmarks" / "results" / "anomaly")
    add("--page", type=Path, default=ROOT / "benchmarks" / "ANOMALIES.md")
    add("--environments", type=Path, default=_CACHE / "environments")
    add("--work", type=Path, default=_CACHE / "work-anomaly")
    return parser.parse_args()


if __name__ == "__main__":
    main()
