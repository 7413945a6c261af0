"""What all tests share."""

import pytest
from object_store import object_store


@pytest.fixture(scope="session", autouse=True)
def _few_threads():
    """One thread a process: tests run in two processes, and CI has two cores, which their threads would fight for."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def store():
    """A server of the S3 protocol, to which `s3://` leads in this process and in those that it starts."""
    import fsspec

    with object_store() as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        fsspec.filesystem("s3").clear_instance_cache()
        yield
