"""What all tests share."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def _few_threads():
    """Two threads at most: results on CPU must not hang on how many cores there are, and CI has two."""
    import torch

    torch.set_num_threads(2)
