"""pythae's variational autoencoder with its own convolutional networks for images of 28 x 28, its own settings."""

import time
from pathlib import Path

import numpy as np
import torch
from pythae.models import VAE, VAEConfig
from pythae.models.nn.benchmarks.mnist import Decoder_Conv_AE_MNIST, Encoder_Conv_VAE_MNIST
from pythae.pipelines import TrainingPipeline
from pythae.samplers import NormalSampler
from pythae.trainers import BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback

from benchmarks.peers.harness import Task, contend
from benchmarks.peers.pictures import pixels, write

_LATENT = 16  # what its own benchmark on MNIST takes
_ROWS = 1_000  # drawn at a time


class _TimeUpError(Exception):
    """The budget is spent."""


class _Until(TrainingCallback):
    """End the training when the budget is spent: pythae counts epochs only."""

    def __init__(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds

    def on_train_step_end(self, training_config: object, **_: object) -> None:  # noqa: ARG002 - its signature
        """Ask the clock after each step."""
        if time.monotonic() > self.until:
            raise _TimeUpError


def fit(task: Task) -> VAE:
    """Return the model as it stands when the budget is spent."""
    torch.manual_seed(task.seed)
    np.random.seed(task.seed)  # noqa: NPY002 - pythae draws from it
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=_LATENT)
    model = VAE(model_config=config, encoder=Encoder_Conv_VAE_MNIST(config), decoder=Decoder_Conv_AE_MNIST(config))
    training = BaseTrainerConfig(output_dir=str(task.folder / "pythae"), num_epochs=10_000, no_cuda=True)
    images = torch.from_numpy(pixels(task.train)).float() / 255
    try:
        TrainingPipeline(model, training)(images, callbacks=[_Until(task.settings["budget_seconds"])])
    except _TimeUpError:
        model.eval()
    return model


def draw(model: VAE, rows: int, path: Path) -> None:
    """Write images drawn from its normal prior."""
    sampler = NormalSampler(model)
    drawn = sampler.sample(num_samples=rows, batch_size=_ROWS, return_gen=True)
    write(drawn.cpu().numpy(), path)


if __name__ == "__main__":
    contend(fit, draw, packages=("pythae", "torch", "numpy"))
