"""The variational autoencoder: p(x) = ∫ p(z) Π_c p(x_c | z) dz, learned by the evidence lower bound.

    log p(x) >= E_q(z|x) [ log p(x|z) + log p(z) - log q(z|x) ]

(Kingma, Welling: Auto-encoding variational Bayes, 2014).  A few latent codes z hold all that columns say of each
other; given them, each column is drawn on its own from tokens and Gaussians, so that its likelihood is exact.  The
prior p(z) is learned with the rest (Chen et al.: Variational lossy autoencoder, 2017).

When to choose it: where rows are wanted as points of a space — to compare, to cluster, to move between (`encode`,
`decode`) — or as another opinion beside the autoregressive model, which is the more faithful.
How it fails, and what is done about it:

- holes: draws from a fixed N(0, 1) fall where no row was encoded; here the prior follows the rows' own codes;
- latent codes that say nothing: the weight of the divergence rises slowly (Bowman et al.: Generating sentences from a
  continuous space, 2016), and a code that is not needed is left unused;
- memorising: the bound on held-in rows judges each pass, and later weights are kept only where they are better by more
  than the judgement's own error;
- sharp relations between two columns: each must pass through z, with a posterior of some width.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Self, final

import torch
from torch import Tensor

from models.columns import Axis, Head, axis_by, axis_of, edged, features_of, frequencies, shares_by, widths
from models.encoding import Encoded, Span
from models.latent.fitting import PLAN, Learner, Plan
from models.latent.networks import Autoencoder, Rows, Size
from models.latent.private import DISCREET, descent, smaller
from models.life import FREELY, Course, Fitted, State, Terms, learned, require_rows
from models.privacy import Descent, Privacy, PrivatePlan, noisy_rows
from models.processors import half_is_fast, in_chunks, one_thread, together
from models.states import part

__all__ = ["VariationalAutoencoder"]

_EDGE_ROWS = 100_000  # drawn to see where a column's outermost draws lie
_ENDING = 1.0  # passes' worth of time, that drawing them takes: on Adult .8, on one thread
_CHUNK = 8_192  # rows that one thread draws or weighs at a time
_SAMPLES = 32  # of a row's latent codes: on Adult 16 tighten the bound by .24 nats
_NOISE_SEED = 0  # of these samples: a row's bound is the same at each call


@final
class VariationalAutoencoder:
    """Encoder, decoder and learned prior of latent codes.

    Args:
        plan: what is trained and how long.
        private: the same under differential privacy.
    """

    def __init__(self, plan: Plan = PLAN, private: PrivatePlan = DISCREET) -> None:
        self.plan, self.private = plan, private
        self.model: Autoencoder | None = None
        self.half = False
        self.fitted = Fitted()

    def fit(
        self,
        x: Encoded,
        spans: Sequence[Span],
        *,
        generator: torch.Generator,
        terms: Terms = FREELY,
    ) -> Self:
        """Learn (N,) rows; a step is a pass over them.

        Args:
            x: (N,) encoded rows, on any device.
            spans: of the encoding.
            generator: all randomness.
            terms: what bounds the fit beside the plan.

        Raises:
            ModelError: there are no rows, or the bound is not finite.
        """
        if terms.privacy is not None:
            return self._fit_privately(x, spans, privacy=terms.privacy, generator=generator, terms=terms)
        course, state = Course.begin(terms)
        with one_thread():
            learner = self._learner(x, spans, generator=generator)
            course.ready(planned=self.plan.passes_over(len(learner.rows)), ending=_ENDING)
            if state is not None:
                learner.load(state)
            while not learner.done:
                learner.pass_over()
                if not course.passed(learner.loss, f"held-in bound {-learner.loss:.3f}"):
                    break
                course.keep(learner.state)
            learner.settle()
        self._find_edges(len(x), generator=generator)
        self.fitted = course.ended(cut=not learner.done)
        return self

    def _fit_privately(
        self, x: Encoded, spans: Sequence[Span], *, privacy: Privacy, generator: torch.Generator, terms: Terms
    ) -> Self:
        """Learn (N,) rows of which none is told more than the promise allows; a step is a pass over them."""
        course, left = Course.begin(terms)
        with one_thread():
            learner = self._descent(x, spans, privacy=privacy, generator=generator)
            course.ready(planned=self.private.passes)
            if left is not None:
                learner.take_up(left)
            while not learner.done:
                learner.pass_over()
                if not course.passed(math.nan, learner.note):
                    break
                course.keep(learner.state)
            learner.settle()
        self._learned.cpu()
        self.fitted = course.ended(cut=not learner.done, epsilon=learner.spent)
        return self

    def sample(self, n: int, *, generator: torch.Generator) -> Encoded:
        """Draw n rows: (n,) encoded, in random order."""
        model = self._learned

        def drawn(rows: int, own: torch.Generator) -> Encoded:
            with torch.no_grad():
                z = model.prior.draw(rows, generator=own)
            return self.decode(z, generator=own)

        return Encoded.join(in_chunks(n, drawn, size=_CHUNK, generator=generator))

    @torch.no_grad()
    def decode(self, z: Tensor, *, generator: torch.Generator) -> Encoded:
        """Return (n,) rows drawn given (n, Z) latent codes."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            return self._learned.decode(z, generator=generator)

    def encode(self, x: Encoded) -> tuple[Tensor, Tensor]:
        """Return the (N, Z) means and log-scales of the latent codes of (N,) rows."""
        model = self._learned

        @torch.no_grad()
        def encoded(part: Encoded) -> tuple[Tensor, Tensor]:
            return model.posterior(features_of(model.axes, part, half=False))

        means, scales = zip(*together(encoded, _chunks(x)), strict=True)
        return torch.cat(means), torch.cat(scales)

    def log_prob(self, x: Encoded, *, samples: int = _SAMPLES) -> Tensor:
        """Return (N,) lower bounds of the log-densities of (N,) rows on the encoded scale.

        Unknown codes are passed over.

        The importance-weighted bound: the log of the mean of p(x, z) / q(z|x) over latent codes drawn from q(z|x)
        (Burda, Grosse, Salakhutdinov: Importance weighted autoencoders, 2015), at noise of a fixed seed: the same rows
        in the same places have the same bounds.

        Args:
            x: (N,) rows.
            samples: latent codes of a row; more tighten the bound on average.
        """
        return torch.cat([weights.logsumexp(0) - math.log(samples) for weights in self._log_weights(x, samples)])

    def elbo(self, x: Encoded, *, samples: int = _SAMPLES) -> Tensor:
        """Return the (N,) evidence lower bounds of (N,) rows, each the mean over latent codes drawn from q(z|x)."""
        return torch.cat([weights.mean(0) for weights in self._log_weights(x, samples)])

    def state(self) -> State:
        """Return the weights as tensors, and the configuration as JSON holds it."""
        model = self._learned
        tensors = {f"networks.{name}": tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
        for place, axis in enumerate(model.axes):
            tensors |= {f"{place}.{name}": getattr(axis, name).cpu().contiguous() for name in _KEPT}
        edges = [{"ends": list(axis.ends), "outer": list(axis.outer)} for axis in model.axes]
        spans = [asdict(axis.span) for axis in model.axes]
        sizes = {"plan": asdict(self.plan), "size": asdict(model.size), "half": self.half}
        return tensors, {**sizes, "spans": spans, "edges": edges}

    @classmethod
    def from_state(cls, tensors: dict[str, Tensor], config: dict[str, Any]) -> Self:
        """Return the model that `state` described."""
        pairs = {name: tuple(config["plan"][name]) for name in ("hidden", "passes")}
        model, axes = cls(Plan(**{**config["plan"], **pairs})), []
        for place, (kept, edge) in enumerate(zip(config["spans"], config["edges"], strict=True)):
            token, log_share, rank = (tensors[f"{place}.{name}"] for name in _KEPT)
            ends, outer, span = tuple(edge["ends"]), tuple(edge["outer"]), Span(**kept)
            axes.append(Axis(span, *_counts(model.plan, span), token, log_share, rank, ends, outer))
        shares = [torch.zeros(axis.tokens) for axis in axes]
        model.model = Autoencoder(axes, size=Size(**config["size"]), log_shares=shares, generator=torch.Generator())
        model.model.load_state_dict(part("networks", tensors))
        model.half = config["half"]
        return model

    @property
    def _learned(self) -> Autoencoder:
        return learned(self.model)

    def _log_weights(self, x: Encoded, samples: int) -> list[Tensor]:
        """Return, chunk by chunk, the (samples, n) log-weights p(x, z) / q(z|x) of rows, in float32."""
        model = self._learned

        @torch.no_grad()
        def weighed(part: Encoded) -> Tensor:
            own = torch.Generator().manual_seed(_NOISE_SEED)
            rows = Rows.of(model.axes, part, half=False)
            noise = (torch.randn(len(part), model.size.latent, generator=own) for _ in range(samples))
            shares = torch.stack([axis.log_share_of(part) for axis in model.axes]).sum(0)
            return shares - torch.stack([model.losses(rows, one) for one in noise])

        return together(weighed, _chunks(x))

    def _find_edges(self, rows: int, *, generator: torch.Generator) -> None:
        """Draw as many rows as were learned, and see where the outermost of each column lie."""
        drawn = self.sample(min(rows, _EDGE_ROWS), generator=generator)
        model = self._learned
        model.heads = tuple(Head(edged(axis, drawn, rows=rows)) for axis in model.axes)

    def _learner(self, x: Encoded, spans: Sequence[Span], *, generator: torch.Generator) -> Learner:
        """Make the networks, and return their learner.

        Raises:
            ModelError: there are no rows.
        """
        require_rows(x)
        device = x.codes.device
        self.half = half_is_fast() or x.codes.is_cuda
        axes = [axis_of(span, x, *_counts(self.plan, span)) for span in spans]
        most = max(1, self.plan.feature_cells // widths(axes)[-1])
        x = x[torch.randperm(len(x), generator=generator)[:most].to(device)]
        rows = Rows.of(axes, x, half=self.half)
        shares = [frequencies(axis, rows.tokens[:, place]) for place, axis in enumerate(axes)]
        size = self.plan.size(len(x), len(spans))
        self.model = Autoencoder(axes, size=size, log_shares=shares, generator=generator).to(device)
        seed = int(torch.randint(2**62, (1,), generator=generator))
        return Learner(self.model, rows, plan=self.plan, seed=seed, half=self.half)

    def _descent(self, x: Encoded, spans: Sequence[Span], *, privacy: Privacy, generator: torch.Generator) -> Descent:
        """Make the networks from noisy counts, and return what learns them.

        Raises:
            ModelError: there are no rows.
        """
        require_rows(x)
        device, plan = x.codes.device, smaller(self.plan, hidden=self.private.hidden)
        self.half, self.plan = half_is_fast() or x.codes.is_cuda, plan
        counts = noisy_rows(x.codes, [span.size for span in spans], privacy=privacy, generator=generator)
        axes = [axis_by(span, rows, *_counts(plan, span)) for span, rows in zip(spans, counts, strict=True)]
        x = x[: max(1, plan.feature_cells // widths(axes)[-1])]
        shares = [shares_by(axis, rows) for axis, rows in zip(axes, counts, strict=True)]
        size = plan.size(len(x), len(spans))
        self.model = Autoencoder(axes, size=size, log_shares=shares, generator=generator).to(device)
        rows = Rows.of(axes, x, half=False)
        return descent(self.model, rows, warm=plan.warm, privacy=privacy, plan=self.private, generator=generator)


_KEPT = ("token", "log_share", "rank")  # of an axis, as tensors


def _counts(plan: Plan, span: Span) -> tuple[int, int, int]:
    """Return how finely a column is told apart."""
    valued = span.value is not None
    return plan.bins if valued else 0, plan.bells if valued else 0, plan.knots


def _chunks(x: Encoded) -> list[Encoded]:
    """Return the rows in pieces that a thread takes at a time, one at least."""
    return [x[low : low + _CHUNK] for low in range(0, max(1, len(x)), _CHUNK)]
