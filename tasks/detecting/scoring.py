"""What scores rows by a released model: tables by their cells, images less what pictures as intricate usually have.

A density of images is highest where they are smooth, whatever they show: that of one set calls pictures of a plainer
set usual (Nalisnick, Matsukawa, Teh, Gorur, Lakshminarayanan: Do deep generative models know what they don't know?,
2019).  So an image's score is taken less a share of its complexity, the nats that a compressor spends on it:

    score(x) = -log p(x) - weight · 8 ln 2 · bytes of x as PNG

Serrà, Álvarez, Gómez, Slizovskaia, Núñez, Luque (Input complexity and out-of-distribution detection with
likelihood-based generative models, 2020) have it so, with a weight of 1: a ratio of likelihoods.  Here it is that of
least squares among usual images, by which their score does not hang on their complexity.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts import Contract
from tasks.learning.modelfiles import load_model
from tasks.learning.rawimages import to_raw
from tasks.pictures import pixels_of, png_of
from tasks.progress import Advance, counted

if TYPE_CHECKING:
    from models.distance import Distance
    from models.surprise import Odd, Surprise

__all__ = ["Scorer"]

_NATS_A_BYTE = 8 * math.log(2)


@dataclass(frozen=True, slots=True)
class Scorer:
    """What scores rows by a model.

    Args:
        contract: of the rows.
        surprise: scores their cells.
        by: the name of what does: a model's, of `auto` that of the candidate which it has picked for it; "rows".
        weighs: complexity is taken off, as of a density of images it is; a critic is blind to it.
        weight: of an image's complexity.
    """

    contract: Contract
    surprise: "Surprise | Distance"
    by: str
    weighs: bool = False
    weight: float = 0.0

    @classmethod
    def load(cls, contract: Contract, folder: Path) -> "Scorer":
        """Return what scores rows by the model in a folder.

        Raises:
            ModelError: the model cannot be read.
        """
        return cls.each(contract, folder)[-1]

    @classmethod
    def each(cls, contract: Contract, folder: Path) -> "tuple[Scorer, ...]":
        """Return what scores rows by each model in a folder: by the one that draws, and by the detector, if another.

        Raises:
            ModelError: the model cannot be read.
        """
        from models.auto import Auto
        from models.encoding import Encoder
        from models.surprise import Judge, Surprise, Weighing

        model, described = load_model(folder)
        judges = model.published if isinstance(model, Auto) else {described["model"]: model}
        encoder, found = Encoder.from_state(contract.columns, described["columns"]), []
        for name, judge in judges.items():
            assert isinstance(judge, Judge)  # noqa: S101 - all models have a density or a critic
            weighs = contract.image is not None and isinstance(judge, Weighing)
            found.append(cls(contract, Surprise(judge, encoder, rows=described["rows"]), name, weighs))
        return tuple(found)

    def scores(self, table: pa.Table, *, advance: Advance | None = None) -> NDArray[np.float64]:
        """Return a table's (N,) scores; how far it is, is told batch by batch."""
        batches = iter(table.combine_chunks().to_batches(_BATCH_ROWS))
        counting = counted(batches, advance) if advance is not None else batches
        return np.concatenate([np.zeros(0), *(self.of(batch).scores for batch in counting)])

    def of(
        self, batch: pa.RecordBatch, *, unfit: NDArray[np.bool_] | None = None, ruled: NDArray[np.bool_] | None = None
    ) -> "Odd[Any]":
        """Return a batch's (N,) rows scored.

        Args:
            batch: with the contract's columns.
            unfit: (N, C) cells that are not what their column holds; None: none.
            ruled: (N, C) cells between which a rule is broken; None: none.
        """
        if self.contract.image is None:
            return self.surprise.of(batch, unfit=unfit, ruled=ruled)
        odd = self.surprise.of(to_raw(batch, self.contract.image), unfit=unfit, ruled=ruled)
        return replace(odd, scores=odd.scores - self.weight * self._complexity(batch)) if self.weight else odd

    def weighed(self, table: pa.Table) -> "tuple[Scorer, pa.Table]":
        """Return it with the weight of least squares among a fifth of some usual images, and the others; of rows, all.

        The others are, to the score, as new ones.
        """
        some = table.num_rows // _OF_IMAGES
        if not self.weighs or some < 2:  # noqa: PLR2004 - a slope needs two points
            return self, table
        (batch,) = table.slice(0, some).combine_chunks().to_batches()
        complexity = self._complexity(batch)
        apart = complexity - complexity.mean()
        slope = float(apart @ replace(self, weight=0.0).of(batch).scores) / max(float(apart @ apart), 1e-9)
        return replace(self, weight=round(slope, _DIGITS)), table.slice(some)

    def _complexity(self, batch: pa.RecordBatch) -> NDArray[np.float64]:
        """Return the (N,) nats that images take as PNG files that hold nothing but their pixels."""
        image = self.contract.image
        files = map(png_of, pixels_of(batch.column(image.name), image)) if image is not None else ()
        return _NATS_A_BYTE * np.fromiter(map(len, files), np.float64, batch.num_rows)


_BATCH_ROWS = 10_000
_OF_IMAGES = 5  # one in so many says what complexity weighs
_DIGITS = 4  # of a weight: of a thousand nats, a tenth of one
