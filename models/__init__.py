"""A model learns a table, or images with their labels: encoded tensors in, encoded tensors out.

Shapes, in every docstring:

    N  rows                    K  components of a mixture
    C  columns with codes      M  members of an ensemble
    V  columns with values     G  families of components
    W  codes of all columns    P  features of a row's values
    Z  latent codes of a row   D  numbers of an image

Every model has one life: `fit`, `sample`, `log_prob` where there is a density, `state` and `from_state`.
"""

from data_contracts import ModelError
from models.auto import Auto
from models.autoregressive import Autoregressive
from models.gan import Gan
from models.gmm import GaussianMixture
from models.images.flow_matching import FlowMatching
from models.images.gan import AdversarialImages
from models.images.gmm import GaussianImages
from models.images.vae import VariationalImages
from models.life import Model
from models.trees import Trees
from models.vae import VariationalAutoencoder

__all__ = ["IMAGE_MODELS", "MODELS", "PRIVATE", "Model", "named"]

MODELS: dict[str, type[Model]] = {
    "gmm": GaussianMixture,
    "vae": VariationalAutoencoder,
    "gan": Gan,
    "autoregressive": Autoregressive,
    "trees": Trees,
    "auto": Auto,
}
"""The models of tables by the name that contracts and the command line use."""

IMAGE_MODELS: dict[str, type[Model]] = {
    "flow_matching": FlowMatching,
    "vae": VariationalImages,
    "gan": AdversarialImages,
    "gmm": GaussianImages,
}
"""The models of images, the same way; the first is the default."""

PRIVATE = ("vae", "autoregressive")
"""The models of tables that can be trained under differential privacy."""


def named(name: str, *, images: bool) -> type[Model]:
    """Return the class of a model by its name.

    Args:
        name: that contracts and the command line use.
        images: of a contract with an image column.

    Raises:
        ModelError: there is none of that name for such data.
    """
    models, what = (IMAGE_MODELS, "images") if images else (MODELS, "tables")
    if name not in models:
        remedy = f"Choose one of: {', '.join(models)}"
        raise ModelError(f"a model of {what} is one of those that there are", f"{name!r} is not", remedy)
    return models[name]
