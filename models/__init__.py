"""A model learns a table: encoded tensors in, encoded tensors out.

Shapes, in every docstring:

    N  rows                    K  components of a mixture
    C  columns with codes      M  members of an ensemble
    V  columns with values     G  families of components
    W  codes of all columns    P  features of a row's values
    Z  latent codes of a row

Every model has one life: `fit`, `sample`, `log_prob` where there is a density, `state` and `from_state`.
"""

from models.auto import Auto
from models.autoregressive import Autoregressive
from models.gan import Gan
from models.gmm import GaussianMixture
from models.life import Model
from models.trees import Trees
from models.vae import VariationalAutoencoder

__all__ = ["MODELS", "PRIVATE", "Model"]

MODELS: dict[str, type[Model]] = {
    "gmm": GaussianMixture,
    "vae": VariationalAutoencoder,
    "gan": Gan,
    "autoregressive": Autoregressive,
    "trees": Trees,
    "auto": Auto,
}
"""The models by the name that contracts and the command line use."""

PRIVATE = ("vae", "autoregressive")
"""The models that can be trained under differential privacy."""
