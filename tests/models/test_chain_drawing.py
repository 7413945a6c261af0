"""What makes a chain fast says the same as what it stands for: tables of weights, and tables of leaves."""

import numpy as np
import pytest
import torch
import xgboost

from models.chain.conditional import Conditional
from models.chain.drawing import Chain
from models.chain.leaves import Leaves
from models.columns import axis_of, features_of, frequencies, widths
from models.encoding import Encoded, Span

SPANS = (
    Span("word", 0, 5),
    Span("constant", 1, 1),
    Span("spikes and a curve", 2, 4, 0, 2, ordered=True, null=3),
    Span("rank", 3, 9, ordered=True),
    Span("curve", 4, 1, 1, 0, ordered=True),
    Span("many", 5, 1_000),
    Span("label", 6, 2),
)


def rows(count=600):
    """Every code, and scores far out."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.stack([torch.randint(span.size, (count,), generator=generator) for span in SPANS], 1)
    values = 2 * torch.randn(count, 2, generator=generator)
    values[codes[:, 2] != 2, 0] = torch.nan
    return Encoded(codes, values)


def axes_of(x):
    return [axis_of(span, x, *((16, 3, 8) if span.value is not None else (0, 0, 8))) for span in SPANS]


@pytest.mark.parametrize("place", range(len(SPANS)), ids=[span.column for span in SPANS])
def test_a_few_rows_of_the_table_are_all_features_times_their_weights(place):
    x = rows()
    axis = axes_of(x)[place]
    weights = torch.randn(7, axis.width, generator=torch.Generator().manual_seed(1))
    table, places, shares = axis.table(weights), torch.zeros(len(x), 0).long(), torch.zeros(len(x), 0)
    if axis.lookups:
        places, shares = axis.looked_up(x)

    assert len(table) == axis.table_rows
    assert places.shape == (len(x), axis.lookups)
    torch.testing.assert_close((table[places] * shares[:, :, None]).sum(1), axis.features(x) @ weights.T)


@pytest.mark.parametrize(("half", "error"), [(False, 1e-4), (True, 0.1)])
def test_a_reader_returns_what_its_network_does(half, error):
    x, generator = rows(), torch.Generator().manual_seed(2)
    axes, networks = axes_of(x), []
    for axis, inputs in zip(axes, widths(axes), strict=False):
        share = frequencies(axis, axis.target(x)[0])
        network = Conditional(axis, inputs, hidden=16, curve=4, log_share=share, generator=generator)
        for one in (*network.parameters(), network.offset):
            one.data += 0.2 * torch.randn(one.shape, generator=generator)
        networks.append(network)
    drawing, features = Chain(tuple(networks), half=half).ready(), features_of(axes, x, half=False)
    filled = drawing.blank(len(x))

    for network, width, (reader, places, weights) in zip(networks, widths(axes), drawing.columns(filled), strict=False):
        with torch.no_grad():
            wanted = network.read(features[:, :width], x)
        torch.testing.assert_close(reader(places, weights, filled), wanted, atol=error, rtol=error)
        span = network.axis.span
        filled.codes[:, span.code] = x.codes[:, span.code]
        if span.value is not None:
            filled.values[:, span.value] = x.values[:, span.value]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("depth", [1, 5, 6])
def test_tables_of_leaves_give_the_sums_of_the_trees(classes, depth):
    random = np.random.default_rng(0)
    numbers, codes = random.normal(size=(3_000, 2)), random.integers(0, [9, 40], (3_000, 2))
    data = np.concatenate([numbers, codes], 1).astype(np.float32)
    label = ((numbers[:, 0] > codes[:, 0] % 3 - 1) + (codes[:, 1] % 2) * (numbers[:, 1] > 0)).clip(max=classes - 1)
    data[random.random(data.shape) < 0.1] = np.nan
    booster = _learned(data, label, classes=classes, max_depth=depth)
    new = data[::-1].copy()
    new[:, 0] += 0.01
    wanted = booster.predict(_matrix(new), output_margin=True).reshape(len(new), -1)

    got = Leaves.of(booster)(torch.from_numpy(new))

    assert got.std() > 0.5
    np.testing.assert_allclose(got.numpy() - wanted, (got.numpy() - wanted)[:1].repeat(len(got), 0), atol=1e-4)


def test_trees_without_a_split_give_each_row_the_same():
    booster = _learned(np.ones((20, 4), np.float32), np.arange(20) % 2, classes=2, max_depth=3)

    assert Leaves.of(booster)(torch.ones(20, 4)).unique(dim=0).shape == (1, 1)


def _matrix(data, label=None):
    return xgboost.DMatrix(data, label=label, feature_types=["q", "q", "c", "c"], enable_categorical=True)


def _learned(data, label, *, classes, **parameters):
    objective = (
        {"objective": "multi:softprob", "num_class": classes} if classes > 2 else {"objective": "binary:logistic"}
    )
    return xgboost.train({**objective, **parameters, "nthread": 1, "seed": 0}, _matrix(data, label), 40)
