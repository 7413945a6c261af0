"""The variational autoencoder of images: p(x | row) = ∫ p(z | row) N(x; decoder(z, row), s²) dz.

    log p(x) >= E_q(z|x) [ log p(x|z) ] - beta · KL( q(z|x) | N(0, 1) )

Kingma, Welling: Auto-encoding variational Bayes, 2014.  The pixels' spread s is what the decoder leaves on average
(Rybkin, Daniilidis, Levine: Simple and effective VAE training with calibrated decoders, 2021).  Codes are drawn from a
mixture that is fitted to the training images' own codes, a class at a time (Ghosh et al.: From variational to
deterministic autoencoders, 2020).

When to choose it: where images are wanted as points of a space (`encode`, `decode`), or fast draws after a short fit.
How it fails, and what is done about it:

- blur: a mean over what codes do not tell; `beta` below 1 lets codes tell more, and so sharpens reconstruction, while
  draws become harder to get right, and above 1 the reverse.  The dial;
- holes between the codes: the mixture follows the codes as they are;
- memorising: images held in judge each round, and no component of the mixture is of fewer than a hundred images.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, final

import torch
from torch import Tensor, nn

from models.columns import widths
from models.encoding import Encoded
from models.images.frame import Frame
from models.images.joint import Joint
from models.images.mixture import Fitting, Mixture
from models.images.networks import Decoder, Reader
from models.images.training import Learner, Plan, Rows, Trainer
from models.life import State, learned
from models.processors import accelerator
from models.states import part, prefixed

__all__ = ["Latent", "VariationalImages"]


_TRAINING = Plan(shown=300_000, passes=30, blocks=2)


@dataclass(frozen=True, slots=True)
class Latent:
    """What is learned.

    Args:
        training: the networks and their descent.
        codes: Z.
        beta: the weight of the divergence: less reconstructs more sharply, more draws more safely.
        warmth: of draws: the spread of the codes about their components' means.
        components: of the codes' mixture, for a class, at most.
        rows_a_component: images for each, at least.
        passes: of the mixture.
        samples: of an image's codes, for the bound.
    """

    training: Plan = _TRAINING
    codes: int = 32
    beta: float = 1.0
    warmth: float = 1.0
    components: int = 20
    rows_a_component: int = 100
    passes: int = 10
    samples: int = 8


LATENT = Latent()
_LEAST_LOG_SCALE, _GREATEST_LOG_SCALE = -5.0, 1.0  # of a posterior
_LEAST_SPREAD = 1 / (127.5 * math.sqrt(12))  # of a pixel that is rounded to a byte
_NOISE_SEED = 0  # of the bound's samples: an image's bound is the same at each call


class Autoencoder(nn.Module):
    """Encoder and decoder.

    Args:
        frame: of the images.
        plan: their sizes.
        features: P.
        generator: for the parameters at the start.
    """

    spread: Tensor

    def __init__(self, frame: Frame, plan: Latent, features: int, *, generator: torch.Generator) -> None:
        super().__init__()
        size = plan.training
        self.reader = Reader(frame, 2 * plan.codes, size.channels, size.blocks, generator=generator)
        self.decoder = Decoder(frame, plan.codes, size.channels, size.blocks, features, generator=generator)
        self.register_buffer("spread", torch.ones(()))

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the (n, Z) means and log-scales of the codes of (n, c, h, w) images."""
        mean, log_scale = self.reader(images).chunk(2, 1)
        return mean, log_scale.clamp(_LEAST_LOG_SCALE, _GREATEST_LOG_SCALE)


class _Bound:
    """The objective: the negative bound by the number, at the best spread of the pixels.

    Args:
        network: encoder and decoder.
        plan: how many codes, and the divergence's weight.
        numbers: of an image.
    """

    def __init__(self, network: Autoencoder, plan: Latent, *, numbers: int) -> None:
        self.network, self.codes, self.beta, self.numbers = network, plan.codes, plan.beta, numbers

    def draws(self, images: Tensor, features: Tensor, *, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Return images, features, and the codes' noise."""
        return images, features, torch.randn(len(images), self.codes, generator=generator).to(images.device)

    def loss(self, *batch: Tensor) -> Tensor:
        """Return the mean loss: with the best spread, the likelihood is the logarithm of the mean square."""
        images, features, noise = batch
        mean, log_scale = self.network.posterior(images)
        drawn: Tensor = self.network.decoder(mean + log_scale.exp() * noise, features)
        square = (drawn - images).square().mean() + _LEAST_SPREAD**2
        divergence = 0.5 * (mean.square() + (2 * log_scale).exp() - 1) - log_scale
        loss: Tensor = 0.5 * square.log() + self.beta * divergence.sum(1).mean() / self.numbers
        return loss


@final
class VariationalImages(Joint):
    """Encoder, decoder, and the mixture of their codes.

    Args:
        plan: what is learned.
    """

    ending = 2.0

    def __init__(self, plan: Latent = LATENT) -> None:
        super().__init__()
        self.plan = plan
        self.network: Autoencoder | None = None
        self.mixture: Mixture | None = None

    def encode(self, x: Encoded) -> tuple[Tensor, Tensor]:
        """Return the (N, Z) means and log-scales of the codes of (N,) rows' images."""
        network = learned(self.network)

        def encoded(images: Tensor, _: Tensor) -> Tensor:
            with torch.no_grad():
                return torch.cat(network.posterior(images), 1)

        mean, log_scale = self._each(x, encoded).tensor_split(2, 1)
        return mean, log_scale

    def decode(self, z: Tensor, x: Encoded) -> Encoded:
        """Return (n,) rows with the images that (n, Z) codes stand for beside the rows' other columns."""
        return self._drawn(x, lambda features, rows: self._decoded(z[rows], features))

    def code_scale(self) -> tuple[Tensor, Tensor]:
        """Return the (Z,) means and spreads of codes that are drawn, which are those of images learned from."""
        own = torch.Generator().manual_seed(_NOISE_SEED)
        features = self._learned.features(self._learned.draw(_LOOKED, generator=own))
        z = learned(self.mixture).draw(features, generator=own)
        return z.mean(0), z.std(0)

    def log_prob(self, x: Encoded) -> Tensor:
        """Return (N,) lower bounds of the log-densities of (N,) rows, of pixels as numbers from -1 to 1.

        The importance-weighted bound (Burda, Grosse, Salakhutdinov: Importance weighted autoencoders, 2015).
        """
        learned(self.mixture)
        return self._weighed(x, self._bound)

    def _learner(self, rows: Rows, *, seed: int) -> Learner:
        self.mixture = None
        self.network = self._made(torch.Generator().manual_seed(seed))
        objective = _Bound(self.network, self.plan, numbers=self.frame.numbers)
        return Trainer(self.network, rows, objective, plan=self.plan.training, seed=seed, half=self.half)

    def _end(self, rows: Rows, *, seed: int) -> None:
        """Fit the mixture to the codes of the training images, and the pixels' spread to what they leave."""
        own, network = torch.Generator().manual_seed(seed), learned(self.network)
        mean, log_scale = self.encode(rows.x)
        z = mean + log_scale.exp() * torch.randn(mean.shape, generator=own)
        fitting = Fitting(
            z,
            self._learned.features(rows.x),
            widths(self._learned.axes),
            components=self.plan.components,
            floor=self.plan.rows_a_component,
            generator=own,
        )
        for _ in range(self.plan.passes):
            fitting.pass_over()
        self.mixture = fitting.mixture()
        some = torch.arange(len(rows))[:_LOOKED]
        images, features = rows.at(some)
        left = (self._decoded(z[some], features) - images).square().mean() + _LEAST_SPREAD**2
        network.spread.copy_(left.sqrt())

    def _draw(self, features: Tensor, *, generator: torch.Generator) -> Tensor:
        if self.mixture is None:  # while it is learned
            z = torch.randn(len(features), self.plan.codes, generator=generator)
        else:
            z = self.mixture.draw(features.cpu(), generator=generator, warmth=self.plan.warmth).float()
        return self._decoded(z, features)

    @torch.no_grad()
    def _decoded(self, z: Tensor, features: Tensor) -> Tensor:
        with torch.autocast(features.device.type, torch.bfloat16, enabled=self.half):
            drawn: Tensor = learned(self.network).decoder(z.to(features.device), features)
        return drawn

    @torch.no_grad()
    def _bound(self, images: Tensor, features: Tensor) -> Tensor:
        """Return (n,) bounds of the log-densities of (n, c, h, w) numbers given (n, P) features."""
        network, own, weights = learned(self.network), torch.Generator().manual_seed(_NOISE_SEED), []
        mean, log_scale = network.posterior(images)
        for _ in range(self.plan.samples):
            noise = torch.randn(1, self.plan.codes, generator=own).to(mean.device)  # the same for all images
            z = mean + log_scale.exp() * noise
            square = (network.decoder(z, features) - images).flatten(1).square().sum(1) / network.spread**2
            fits = -0.5 * square - self.frame.numbers * (network.spread.log() + _HALF_LOG_TAU)
            comes = learned(self.mixture).log_prob(z.cpu(), features.cpu()).to(fits.device)
            lies = -(0.5 * noise.square() + log_scale + _HALF_LOG_TAU).sum(1)
            weights.append(fits + comes - lies)
        return torch.stack(weights).logsumexp(0) - math.log(self.plan.samples)

    def _made(self, generator: torch.Generator) -> Autoencoder:
        return Autoencoder(self.frame, self.plan, self._learned.width, generator=generator).to(accelerator())

    def _own(self) -> State:
        tensors = prefixed("network", learned(self.network).state_dict())
        return tensors | prefixed("mixture", learned(self.mixture).state()), asdict(self.plan)

    def _take(self, tensors: dict[str, Tensor], config: dict[str, Any]) -> None:
        self.plan = Latent(**{**config, "training": Plan(**config["training"])})
        self.network = self._made(torch.Generator())
        self.network.load_state_dict(part("network", tensors))
        self.mixture = Mixture.from_state(part("mixture", tensors))


_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)
_LOOKED = 2_048  # images that the spreads of pixels and codes are seen from
