"""Coding: images to latent codes by a release's model, and back.

    release, images -> open_coder -> ingest -> validate -> encode -> latents.parquet
    release, latents.parquet -> open_coder -> decode -> images.parquet

The images are held to the release's contract first, in the folder of a run, as those are that are learned from.
"""

from typing import Any

from prefect import flow

from flows.page import show_encoded
from flows.parameters import Decoding, Encoding, takes
from flows.runners import runner
from flows.sources import read_source
from tasks.decode import Decoded, decode
from tasks.encode import Coded, encode
from tasks.open_coder import open_coder
from tasks.open_run import open_run

__all__ = ["decoding", "encoding"]


@flow(name="encode", flow_run_name="codes by {release}", task_runner=runner())
@takes(Encoding)
def encoding(**values: Any) -> Coded:  # noqa: ANN401 - the signature is that of Encoding
    """Turn images into latent codes by a release's model, and say what that keeps of them."""
    asked = Encoding(**values)
    opened = open_coder(asked.release, contract=asked.contract)
    run = open_run(opened.contract, runs=asked.runs, releases=None)
    images = read_source(opened.contract, run=run, source=asked.data)
    coded = encode(opened, images, run=run, to=asked.to, bits=asked.bits)
    show_encoded(coded)
    return coded


@flow(name="decode", flow_run_name="images by {release}")
@takes(Decoding)
def decoding(**values: Any) -> Decoded:  # noqa: ANN401 - the signature is that of Decoding
    """Turn latent codes back into images by the model that they are of."""
    asked = Decoding(**values)
    return decode(open_coder(asked.release), asked.data, to=asked.to)


if __name__ == "__main__":
    encoding()
