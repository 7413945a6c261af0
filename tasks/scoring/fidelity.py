"""How like the synthetic rows are: SDMetrics' reports and the two-sample test.  The one door to SDMetrics.

The reports are held to the literature's form: no pair of columns is skipped for being weakly related, no rows
are drawn behind our back.  One thing is stricter than SDMetrics: a column or pair that only the synthetic table
makes impossible to compare (it became constant, or null throughout) counts as 0 instead of being left out.

Two-sample test: Lopez-Paz, Oquab: Revisiting Classifier Two-Sample Tests, 2017, https://arxiv.org/abs/1610.06545
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from data_contracts import Contract
from tasks.references import Score
from tasks.scoring import trees
from tasks.scoring.details import ColumnDetail, Details, PairDetail
from tasks.scoring.frames import Frame, Tables, generator, join, sample, spanning_sample

__all__ = ["Compared", "compare", "diagnostic", "quality", "two_sample"]

_MOST_ROWS = 100_000  # of a table: SDMetrics counts pairs in pandas, 15 columns of that size take 15 s
_MOST_PAIRS = 1_500  # of columns, 55 columns whole: SDMetrics takes 5 to 10 ms a pair of 30,000 rows
_FOLDS = 3
_SHAPES, _TRENDS, _VALIDITY, _STRUCTURE = "Column Shapes", "Column Pair Trends", "Data Validity", "Data Structure"
_PROPERTIES = {"QualityReport": (_SHAPES, _TRENDS), "DiagnosticReport": (_VALIDITY, _STRUCTURE)}


@dataclass(frozen=True, slots=True)
class Compared:
    """Columns and pairs of columns against train's.

    Args:
        details: one by one.
        luck: how far from 1 the means of columns and of pairs are for as many rows as train's, drawn from synthetic.
        rows: how many rows of each table went in.
        left_out: which pairs were not compared, in words; empty: none.
    """

    details: Details
    luck: tuple[float, float]
    rows: dict[str, int]
    left_out: str


def compare(tables: Tables, seed: int) -> Compared:
    """Compare each column and each pair of synthetic, and of held-out, rows with train's.

    Where there are more pairs of columns than `_MOST_PAIRS`, the columns are dealt at random into groups, and pairs
    within a group are compared: every column is looked at with several others, and each pair is as likely.

    A perfect model, too, is as far from few real rows as these are from what they were drawn from.  How far that is
    say as many rows drawn with replacement from the synthetic ones (the bootstrap: Efron, Bootstrap methods, 1979).
    """
    rng = generator(seed, "quality")
    train, holdout, synthetic = (spanning_sample(frame, _MOST_ROWS, rng=rng) for frame in tables)
    groups = _groups(train.features.names, rng)
    rows = {"train": len(train), "holdout": len(holdout), "synthetic": len(synthetic)}
    details = _details(_quality(train, synthetic, groups), _quality(train, holdout, groups))
    drawn = synthetic.take(rng.integers(len(synthetic), size=len(train)))
    had, total = len(details.pairs), len(train.features.names) * (len(train.features.names) - 1) // 2
    left_out = "" if had == total else f"{had:,} of {total:,} pairs of columns, drawn at random"
    return Compared(details, _luck(_quality(drawn, synthetic, groups)), rows, left_out)


def quality(compared: Compared, seed: int) -> tuple[Score, ...]:
    """Return SDMetrics' Column Shapes and Column Pair Trends against train, beside the holdout's own."""
    import sdmetrics

    scores = []
    for name, label, details, luck in (
        ("column_shapes", _SHAPES, compared.details.columns, compared.luck[0]),
        ("column_pair_trends", _TRENDS, compared.details.pairs, compared.luck[1]),
    ):
        value, floor = (_mean([getattr(each, figure) for each in details]) for figure in ("value", "floor"))
        scores.append(
            Score(
                name,
                value,
                f"sdmetrics.reports.QualityReport: {label}",
                version=f"sdmetrics {sdmetrics.__version__}",
                seed=seed,
                rows=compared.rows,
                floor=floor,
                note=(compared.left_out if label == _TRENDS else "") or _undefined(value, label),
                interval=None if np.isnan(value + luck) else (value, min(1.0, value + luck)),
            )
        )
    return tuple(scores)


def diagnostic(
    contract: Contract, *, train: pa.Table, holdout: pa.Table, synthetic: pa.Table, seed: int
) -> tuple[Score, ...]:
    """Return SDMetrics' Data Validity and Data Structure, ids and keys included, beside the holdout's own."""
    import sdmetrics

    rng = generator(seed, "diagnostic")
    frames = [_plain(contract, _some(table, rng)) for table in (train, holdout, synthetic)]
    values, floors = (_diagnostic(contract, frames[0], other) for other in (frames[2], frames[1]))
    rows = dict(zip(("train", "holdout", "synthetic"), map(len, frames), strict=True))
    return tuple(
        Score(
            name,
            values[label],
            f"sdmetrics.reports.DiagnosticReport: {label}",
            version=f"sdmetrics {sdmetrics.__version__}",
            seed=seed,
            rows=rows,
            floor=floors[label],
            note=_undefined(values[label], label),
        )
        for name, label in (("data_validity", _VALIDITY), ("data_structure", _STRUCTURE))
    )


def two_sample(tables: Tables, seed: int) -> tuple[Score, ...]:
    """Return how well boosted trees fail to tell synthetic rows from real ones: 1 not at all told apart, 0 always.

    1 - mean over three folds of (2 max(.5, AUC) - 1), on as many rows of either table.  Beside it as floor: the same
    for the holdout in the synthetic rows' place.
    """
    floor, _ = _indistinguishable(tables.train, tables.holdout, seed=seed)
    scores = []
    for name in ("train", "holdout"):
        value, rows = _indistinguishable(getattr(tables, name), tables.synthetic, seed=seed)
        scores.append(
            Score(
                f"two_sample_{name}",
                value,
                "tasks.scoring.fidelity.two_sample",
                version=trees.version(),
                seed=seed,
                rows={name: rows, "synthetic": rows},
                floor=floor,
                note=_undefined(value, "the two-sample test"),
            )
        )
    return tuple(scores)


def _indistinguishable(real: Frame, other: Frame, *, seed: int) -> tuple[float, int]:
    """Return the two-sample figure, NaN for fewer rows than folds, and the rows of either side."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    rng = generator(seed, "two_sample")
    size = min(len(real), len(other), trees.rows_within(real))
    if size < _FOLDS or not real.features.names:
        return np.nan, size
    both = join(sample(real, size, rng=rng), sample(other, size, rng=rng))
    truth = np.repeat([0, 1], size)
    told = []
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=int(rng.integers(2**32)))
    for learn, judge in folds.split(truth, truth):
        guess = trees.predict(
            both.take(learn), truth[learn], both.take(judge), objective={"objective": "binary:logistic"}, seed=seed
        )
        told.append(2 * max(0.5, float(roc_auc_score(truth[judge], guess))) - 1)
    return 1 - float(np.mean(told)), size


def _undefined(value: float, what: str) -> str:
    return f"{what} could not be had: too few rows, or no column for it" if np.isnan(value) else ""


def _groups(names: Sequence[str], rng: np.random.Generator) -> list[list[str]]:
    """Deal the columns into groups of equal size with at most `_MOST_PAIRS` pairs within them; one if that holds."""
    count = next(
        groups for groups in range(1, len(names) + 2) if len(names) * (-(-len(names) // groups) - 1) / 2 <= _MOST_PAIRS
    )
    order = rng.permutation(len(names)) if count > 1 else np.arange(len(names))
    return [[names[position] for position in np.sort(part)] for part in np.array_split(order, count)]


def _quality(real: Frame, other: Frame, groups: list[list[str]]) -> dict[tuple[str, ...], tuple[str, float]]:
    """Return metric and figure of each column, and of the pairs of each group, by their names."""
    left, right = _coded(real), _coded(other)
    kinds = {name: "numerical" if name in real.features.numbers else "categorical" for name in real.features.names}
    found: dict[tuple[str, ...], tuple[str, float]] = {}
    for group in groups:
        metadata = {"columns": {name: {"sdtype": kinds[name]} for name in group}}
        details = _report("QualityReport", left[group], right[group], metadata)
        for name, metric, score in details[_SHAPES][["Column", "Metric", "Score"]].itertuples(index=False):
            found[name,] = (metric, _strict(score, left[[name]]))
        for one, two, metric, score in details[_TRENDS][["Column 1", "Column 2", "Metric", "Score"]].itertuples(
            index=False
        ):
            numbers = [name for name in (one, two) if kinds[name] == "numerical"]
            # only a correlation needs two values of each; shares of combinations are always defined
            found[one, two] = (metric, _strict(score, left[numbers], varied=len(numbers) == len((one, two))))
    return found


def _luck(figures: dict[tuple[str, ...], tuple[str, float]]) -> tuple[float, float]:
    """Return how far the mean figure of columns, and that of pairs, is from 1."""
    columns = [value for names, (_, value) in figures.items() if len(names) == 1]
    pairs = [value for names, (_, value) in figures.items() if len(names) > 1]
    return 1 - _mean(columns), 1 - _mean(pairs)


def _details(
    values: dict[tuple[str, ...], tuple[str, float]], floors: dict[tuple[str, ...], tuple[str, float]]
) -> Details:
    columns, pairs = [], []
    for names, (metric, value) in values.items():
        if len(names) == 1:
            columns.append(ColumnDetail(names[0], "", metric, value=value, floor=floors[names][1]))
        else:
            pairs.append(PairDetail(names[0], names[1], metric, value=value, floor=floors[names][1]))
    return Details(tuple(columns), tuple(pairs))


def _strict(score: float, real: Any, *, varied: bool = False) -> float:  # noqa: ANN401  # pandas is imported late
    """Return the score; 0 where there is none although the real columns allow one."""
    known = real.dropna()
    defined = (known.nunique() > 1).all() if varied else len(known) > 0
    return 0.0 if np.isnan(score) and defined else float(score)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else np.nan


def _coded(frame: Frame) -> Any:  # noqa: ANN401  # pandas is imported late
    """Return a data frame of numbers and of codes: SDMetrics' figures do not depend on the categories' names."""
    import pandas as pd

    values = dict(zip(frame.features.numbers, frame.numbers.T, strict=True))
    codes = dict(zip(frame.features.categories, np.where(frame.codes < 0, np.nan, frame.codes).T, strict=True))
    return pd.DataFrame({**values, **codes}, columns=list(frame.features.names))


def _diagnostic(contract: Contract, real: Any, other: Any) -> dict[str, float]:  # noqa: ANN401
    from data_contracts.metadata import sdmetrics_metadata

    (metadata,) = sdmetrics_metadata(contract)["tables"].values()
    for name in [column.name for column in contract.columns if column.kind in ("date", "timestamp")]:
        metadata["columns"][name] = {"sdtype": "numerical"}  # as numbers, since SDMetrics knows no day before 1677
    details = _report("DiagnosticReport", real, other, metadata)
    for table in details.values():
        if "Error" in table:  # what could not be checked does not hold
            table.loc[table["Error"].notna(), "Score"] = 0.0
    return {label: _mean(table["Score"]) for label, table in details.items()}


def _report(name: str, real: Any, other: Any, table: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    """Return the details of each property of one of SDMetrics' reports on one table, whose metadata is given."""
    from sdmetrics import reports

    report = getattr(reports, name)()
    report.real_correlation_threshold = report.real_association_threshold = 0
    report.num_rows_subsample = None
    metadata = {"tables": {"table": table}, "relationships": []}
    with _quiet():
        report.generate({"table": real}, {"table": other}, metadata, verbose=False)
    return {label: report.get_details(label, table_name="table") for label in _PROPERTIES[name]}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's warnings to itself: they speak of its own code, and some quote values."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _plain(contract: Contract, table: pa.Table) -> Any:  # noqa: ANN401  # pandas is imported late
    """Return a data frame whose types depend on the table's types alone, not on where its nulls are."""
    import pandas as pd

    columns = {}
    for name in contract.names:
        if name not in table.column_names:
            continue
        values = table.column(name)
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        elif pa.types.is_temporal(values.type):
            values = (
                values.cast(pa.int32()).cast(pa.int64()) if pa.types.is_date32(values.type) else values.cast(pa.int64())
            )
        if pa.types.is_boolean(values.type):
            columns[name] = pd.Series(values.to_pylist(), dtype=object)
        elif pa.types.is_integer(values.type):
            columns[name] = values.to_pandas(types_mapper={values.type: pd.Int64Dtype()}.get)
        else:
            columns[name] = values.to_pandas()
    return pd.DataFrame(columns)


def _some(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    if len(table) <= _MOST_ROWS:
        return table
    return table.take(np.sort(rng.choice(len(table), _MOST_ROWS, replace=False)))
