"""The benchmark's splits, its results on disk, its report, and the peer that runs on what the project has."""

import argparse
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from benchmarks import report, tabular
from benchmarks.contenders import PEERS, Contender, contenders
from benchmarks.datasets import TABLES, contract, cut, find
from benchmarks.measures import measure
from benchmarks.peers import cart
from benchmarks.peers.harness import cpu_seconds
from benchmarks.results import write
from data_contracts.arrow import arrow_schema
from models import MODELS

ADULT = Path(__file__).parents[2] / "datasets" / "adult.parquet"
BROKEN = "benchmarks.no_such_module"
SHARED = {"contender": "cart-leaf60", "table": "adult", "commit": "abc", "date": "2026-01-01", "cores": 2, "load": 0.5}


@pytest.fixture
def made():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=300), "n": rng.integers(0, 9, 300)})
    return cut(frame.assign(c=np.where(frame.x > 0, "up", "down")), "c")


@pytest.fixture
def asked(tmp_path, made, monkeypatch):
    monkeypatch.setitem(TABLES, "adult", lambda _: made)
    flags = {"quick": False, "again": False, "keep": True, "rate_rows": 100, "limit": 60.0, "environments": tmp_path}
    return argparse.Namespace(results=tmp_path / "results", work=tmp_path / "work", **flags)


def entry(asked, module="benchmarks.peers.cart", name="trees"):
    return tabular.Entry(Contender(name, module, None, {"least_rows": 20}), "adult", 0, asked)


def result(seed, *, two_sample, **others):
    figures = {figure.key: 0.25 for figure in report.FIGURES}
    measures = {**figures, "two_sample_train": two_sample, "copies_holdout": 0.001, "tstr_real": 0.9}
    costs = {**figures, "versions": {"python": "3.11"}}
    rows = {"train": 9, "holdout": 1, "synthetic": 9}
    return {**SHARED, "seed": seed, "threads": "1", "rows": rows, "costs": costs, "measures": measures, **others}


def test_a_cut_keeps_every_row_once_and_nine_in_ten_for_train():
    parts = cut(pd.DataFrame({"x": np.arange(1_005)}), "x")

    assert (len(parts.train), len(parts.test)) == (904, 101)
    assert sorted([*parts.train.x, *parts.test.x]) == list(range(1_005))


def test_a_cut_shuffles_on_with_the_next_seed_until_train_holds_every_category():
    first = np.random.RandomState(1234).permutation(200)
    second = np.random.RandomState(1235).permutation(200)
    frame = pd.DataFrame({"c": "common", "x": np.arange(200)})
    frame.loc[first[-1], "c"] = "rare"

    parts = cut(frame, "x")

    assert "rare" in set(parts.train.c)
    np.testing.assert_array_equal(parts.train.x, first[second][:180])


def test_the_tables_are_found_in_their_folder_and_in_the_one_above(tmp_path):
    (tmp_path / "tabular" / "adult").mkdir(parents=True)

    assert find(tmp_path) == find(tmp_path / "tabular") == tmp_path / "tabular"


def test_a_contender_that_fails_is_recorded_and_the_next_one_runs(asked):
    tabular.run([entry(asked, BROKEN, "broken"), entry(asked)], folder=Path())

    failed, ended = (json.loads(entry(asked, name=name).result.read_text()) for name in ("broken", "trees"))
    assert failed["failed"] == "exit status 1"
    assert ended["rows"] == {"train": 270, "holdout": 30, "synthetic": 270}
    assert ended["costs"]["fit_cpu_seconds"] > 0
    assert 0 <= ended["measures"]["two_sample_train"] <= 1


def test_what_has_a_result_is_not_done_again_and_what_was_drawn_is_only_measured(asked):
    tabular.run([entry(asked)], folder=Path())
    path = entry(asked).result
    first = path.read_bytes()

    tabular.run([entry(asked, BROKEN)], folder=Path())
    again = path.read_bytes()
    path.unlink()
    tabular.run([entry(asked, BROKEN)], folder=Path())
    measured = path.read_bytes()
    asked.again = True
    tabular.run([entry(asked, BROKEN)], folder=Path())

    assert first == again == measured
    assert "failed" in json.loads(path.read_text())


def test_the_report_has_mean_spread_and_seeds_and_marks_what_is_not_reached():
    section = report.section([result(0, two_sample=0.9), result(1, two_sample=0.8), result(2, two_sample=0.7)])

    (row,) = [line for line in section.splitlines() if line.startswith("| cart-leaf60 | **")]
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert cells[1] == "**.800 ± .100**"
    assert cells[2] == ".250 ± .000"
    assert cells[-1] == "3"


def test_the_report_tells_what_failed_and_what_is_missing():
    failed = {**SHARED, "contender": "ctgan", "seed": 0, "failed": "exit status 1"}

    section = report.section([result(0, two_sample=0.9), failed])

    assert "- ctgan on adult, seed 0: exit status 1" in section
    assert "- cart-leaf60: adult (1, 2), default (0, 1, 2)" in section
    assert "- tvae: all, seeds 0 to 2" in section


def test_what_other_benchmarks_left_beside_the_results_is_no_part_of_the_report(tmp_path):
    pytest.importorskip("matplotlib")
    write(tmp_path / "results" / "adult" / "cart-leaf60-0.json", result(0, two_sample=0.9))
    write(tmp_path / "results" / "scale" / "autoregressive-100.json", {"rows": 100, "model": "autoregressive"})

    report.write(tmp_path / "results", to=tmp_path / "RESULTS.md")

    assert "cart-leaf60" in (tmp_path / "RESULTS.md").read_text()


def test_the_report_leaves_what_stands_around_its_section():
    once = report.spliced("# Results\n\nmine\n", "old")

    twice = report.spliced(once + "\n## After\n", "new")

    assert [word in twice for word in ("mine", "## After", "new", "old")] == [True, True, True, False]
    assert report.spliced(twice, "new") == twice


def test_the_same_results_give_the_same_pictures(tmp_path):
    plots = pytest.importorskip("benchmarks.plots")
    pytest.importorskip("matplotlib")
    groups = {("adult", "cart-leaf60"): [result(0, two_sample=0.9)]}

    for name in ("once", "twice"):
        plots.write(groups, folder=tmp_path / name)

    pictures = [sorted((tmp_path / name).iterdir()) for name in ("once", "twice")]
    assert [path.stem for path in pictures[0]] == sorted(plots.TITLES)
    assert [path.read_bytes() for path in pictures[0]] == [path.read_bytes() for path in pictures[1]]


def test_everybody_contends_once_a_budget():
    names = [each.name for each in contenders([*MODELS, *PEERS], budgets=[60, 300])]

    assert len(set(names)) == len(names) == 2 * len(MODELS) + len(PEERS)


def test_a_copy_of_train_loses_no_utility_and_gives_every_member_away(made):
    terms = contract("made", made)
    train, holdout = (
        pa.Table.from_pandas(frame, preserve_index=False).cast(arrow_schema(terms)) for frame in (made.train, made.test)
    )

    figures = measure(terms, train=train, holdout=holdout, synthetic=train)

    assert figures["tstr_lost"] == figures["trend_error"] == 0
    assert figures["membership_auc"] == figures["copies"] == 1


def test_sequential_trees_draw_real_values_and_the_same_ones_for_a_seed():
    frame = pd.read_parquet(ADULT).head(500)
    categories = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
    frame = frame.astype(dict.fromkeys(categories, object))

    once, twice = (cart.learn(frame, categories, least_rows=5, seed=3).sample(700) for _ in range(2))

    pd.testing.assert_frame_equal(once, twice)
    assert len(once) == 700
    assert all(set(once[name].dropna()) <= set(frame[name].dropna()) for name in frame)


def test_sequential_trees_keep_what_columns_say_of_each_other():
    letters = np.array(list("abcd") * 100)
    frame = pd.DataFrame({"letter": letters, "place": np.searchsorted(list("abcd"), letters), "noise": range(400)})

    drawn = cart.learn(frame, ["letter"], least_rows=5, seed=0).sample(1_000)

    pairs = set(zip(frame.letter, frame.place, strict=True))
    assert set(zip(drawn.letter, drawn.place, strict=True)) == pairs


def test_a_child_that_runs_counts_to_the_processor_time():
    before = cpu_seconds()
    busy = "import time, sys\nwhile time.process_time() < .5: pass\nprint(1, flush=True)\nsys.stdin.read()"
    child = subprocess.Popen([sys.executable, "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603

    child.stdout.readline()
    running = cpu_seconds()
    child.communicate()
    ended = cpu_seconds()

    assert all(later >= earlier for earlier, later in pairwise([before + 0.45, running, ended + 0.05]))
