"""A model learns a table: encoded tensors in, encoded tensors out.

Shapes, in every docstring:

    N  rows                    K  components of a mixture
    C  columns with codes      M  members of an ensemble
    V  columns with values     G  families of components
    W  codes of all columns    P  features of a row's values

Every model has one life: `fit`, `sample`, `log_prob` where there is a density, `state` and `from_state`.
"""

from models.autoregressive import Autoregressive
from models.gmm import GaussianMixture
from models.life import Model

__all__ = ["DEFAULT", "MODELS", "PRIVATE", "Model"]

MODELS: dict[str, type[Model]] = {"gmm": GaussianMixture, "autoregressive": Autoregressive}
"""The models by the name that contracts and the command line use."""

DEFAULT = "gmm"

PRIVATE = ("autoregressive",)
"""The models that can be trained under differential privacy."""
