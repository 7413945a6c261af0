"""The Gaussian mixture: p(x) = mean over members of Σ_k w_k · Π_c table_k(code_c) · N(values; mean_k, covariance_k).

Given its component, a row's codes and values are independent (or, where all is numeric, jointly Gaussian); all
dependence comes from the choice among hundreds of components.  Fitted by expectation-maximisation (Dempster, Laird,
Rubin: Maximum likelihood from incomplete data via the EM algorithm, 1977).

When to choose it: always first.  It fits in seconds, its density is exact, and it is honest about small tables.
How it fails, and what is done about it:

- singular covariances and empty tables: each component shrinks to its family, a coarser component of the same
  mixture, and each family to the whole (empirical Bayes; Carlin, Louis 2000);
- memorising: sizes, and the number of passes, are chosen by the likelihood of held-out training rows;
- local optima: k-means++ starts (Arthur, Vassilvitskii 2007), and several members from different starts, averaged:
  their average is a mixture too, and a better one (Breiman: Bagging predictors, 1996);
- very many codes: beyond 256 of a column, the rarest share tokens, and are drawn by frequency within them;
- dying components: they fall back on their family with next to no weight, and are left out at the end.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Self, final

import torch
from torch import Tensor

from models.encoding import Allowed, Encoded, Span
from models.life import FREELY, Course, Fitted, Terms, learned
from models.mixture.components import Components, Layout, log_likelihood
from models.mixture.fitting import PLAN, Plan, passes
from models.mixture.grouping import Grouping
from models.mixture.sampling import Sampler
from models.processors import one_thread

__all__ = ["GaussianMixture"]

_TENSORS = ("family", "log_weight", "tables", "mean", "scale")  # of the components


@final
class GaussianMixture:
    """A mixture of products of Gaussians and categorical tables.

    Args:
        plan: sizes to try, shrinkage, members.
    """

    def __init__(self, plan: Plan = PLAN) -> None:
        self.plan = plan
        self.components: Components | None = None
        self.grouping = Grouping((), {})
        self.fitted = Fitted()
        self._drawn: Sampler | None = None

    @one_thread()
    def fit(
        self,
        x: Encoded,
        spans: Sequence[Span],
        *,
        generator: torch.Generator,
        terms: Terms = FREELY,
    ) -> Self:
        """Learn (N,) rows; a step is a pass over them.

        It takes seconds, and keeps no checkpoint: begun again it comes to the same bytes.

        Args:
            x: (N,) encoded rows, on any device.
            spans: of the encoding.
            generator: all randomness.
            terms: what bounds the fit beside the plan.

        Raises:
            ModelError: there are no rows, or the likelihood is not finite.
        """
        course, cut = Course(terms), False
        grouping = self.grouping = Grouping.of(spans, x)
        course.ready(planned=self.plan.most_passes)
        for state in passes(grouping.merge(x), Layout(grouping.spans), plan=self.plan, generator=generator):
            self.components = state.best
            if not course.passed(-state.score, state.note):
                cut = not state.last
                break
        self.fitted = course.ended(cut=cut)
        return self

    @one_thread()
    def sample(self, n: int, *, generator: torch.Generator) -> Encoded:
        """Draw n rows: (n,) encoded, in random order."""
        return self.grouping.part(self._sampler.draw(n, generator=generator), generator=generator)

    @one_thread()
    def sample_where(self, n: int, *, allowed: Sequence[Allowed | None], generator: torch.Generator) -> Encoded:
        """Draw n rows of what is allowed of each column: (n,) encoded, in random order.

        A component is chosen with its probability of what is allowed, and each of its columns drawn from that: exact.

        Raises:
            ModelError: none can be drawn.
        """
        grouping = self.grouping.within(allowed)
        drawn = Sampler(self._learned, self.grouping.allowed(allowed)).draw(n, generator=generator)
        return grouping.part(drawn, generator=generator)

    @one_thread()
    def log_prob(self, x: Encoded) -> Tensor:
        """Return the (N,) log-densities of (N,) rows on the encoded scale; unknown codes are passed over."""
        return log_likelihood(self._learned, self.grouping.merge(x)) + self.grouping.log_share_of(x)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the weights as tensors, and the configuration as JSON holds it."""
        kept = self._learned
        tensors = {name: getattr(kept, name).cpu().contiguous() for name in _TENSORS}
        spans = [asdict(span) for span in kept.layout.spans]
        config = {"members": kept.members, "full": kept.layout.full, "spans": spans}
        return {**tensors, **self.grouping.state()}, config

    @classmethod
    def from_state(cls, tensors: dict[str, Tensor], config: dict[str, Any]) -> Self:
        """Return the model that `state` described."""
        layout = Layout(tuple(Span(**span) for span in config["spans"]), config["full"])
        model = cls()
        model.grouping = Grouping.from_state(tensors, layout.spans)
        model.components = Components(layout, config["members"], **{name: tensors[name] for name in _TENSORS})
        return model

    @property
    def _learned(self) -> Components:
        return learned(self.components)

    @property
    def _sampler(self) -> Sampler:
        if self._drawn is None or self._drawn.learned is not self._learned:
            self._drawn = Sampler(self._learned)
        return self._drawn
