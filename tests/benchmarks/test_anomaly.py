"""The benchmark of detectors: its splits, its measures, and one detector from end to end."""

import numpy as np
import pytest

from benchmarks import anomaly
from benchmarks.anomaly_sets import adbench, names


@pytest.fixture
def data(tmp_path):
    """A data folder with one set: usual rows about a line, odd ones off it."""
    rng = np.random.default_rng(0)
    along = rng.normal(size=400)
    usual = np.column_stack([along, along + rng.normal(0, 0.1, 400)])
    odd = np.column_stack([rng.uniform(-1, 1, 40), rng.choice([-3, 3], 40)])
    (tmp_path / "anomaly").mkdir()
    labels = np.repeat([0, 1], [400, 40])
    np.savez(tmp_path / "anomaly" / "99_line.npz", X=np.concatenate([usual, odd]), y=labels)
    return tmp_path


def test_half_of_the_usual_rows_are_learned_from_and_all_odd_ones_are_judged(data):
    assert names(data) == ["99_line"]
    split = adbench(data, "99_line", seed=0)
    assert (len(split.train), len(split.test), int(split.odd.sum())) == (200, 240, 40)
    both = np.concatenate([split.train, split.test[~split.odd]])
    assert len(np.unique(both, axis=0)) == 400
    assert not split.train.equals(adbench(data, "99_line", seed=1).train)


def test_false_alarms_are_counted_among_usual_rows_and_found_among_odd_ones():
    odd = np.array([False] * 4 + [True] * 2)
    told = anomaly.measures(np.arange(6.0), odd, np.array([0.5, 0.5, 0.5, 0.01, 0.005, 0.5]))
    assert told == {"auroc": 1.0, "auprc": 1.0, "false_alarms": 0.25, "found": 0.5}


def test_what_overflowed_in_single_precision_is_the_oddest():
    scores = np.array([0.0, 1.0, np.inf, np.nan], np.float32)
    assert anomaly.measures(scores, np.array([False, False, True, False]), None) == {"auroc": 1.0, "auprc": 1.0}


def test_a_detector_runs_once_and_the_page_tells_of_it(data, tmp_path, monkeypatch, capsys):
    places = {"results": tmp_path / "results", "page": tmp_path / "page.md", "work": tmp_path / "work"}
    asked = [f"--{name}={place}" for name, place in places.items()]
    monkeypatch.setattr(
        "sys.argv", ["anomaly", f"--data={data}", "--detectors", "gmm", "--only=99_line", "--seeds=1", *asked]
    )
    anomaly.main()
    page = places["page"].read_text()
    assert "Over 1 sets: 99_line." in page
    assert float(page.split("| gmm | ")[1].split(" |")[0]) > 0.9
    capsys.readouterr()
    anomaly.main()
    assert capsys.readouterr().out == ""  # nothing is done again


def test_the_page_compares_on_seeds_that_all_have():
    def record(contender, seed, auroc):
        rows = {"train": 10, "test": 20, "odd": 5}
        told = {"measures": {"auroc": auroc, "auprc": auroc}, "costs": {"cpu_seconds": 1.0}, "rows": rows}
        return {"table": "9_set", "contender": contender, "seed": seed, "date": "a day", "commit": "c", **told}

    page = anomaly.page_of([record("likeness", 0, 0.8), record("pyod-knn", 0, 0.6), record("pyod-knn", 1, 1.0)])

    assert "| likeness | 0.8000 | 0.8000 | 1 |" in page
    assert "| pyod-knn | 0.6000 | 0.6000 | 1 |" in page
