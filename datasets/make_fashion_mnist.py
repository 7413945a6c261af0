"""Turn the test set of Fashion-MNIST into the Parquet file that ships: nothing is changed but its form.

    python datasets/make_fashion_mnist.py RAW OUT

RAW is `t10k-images-idx3-ubyte.gz` of https://github.com/zalandoresearch/fashion-mnist, with its labels beside it.  OUT
gets all 10,000 images in their order, as PNG files, and each label by its name.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from data_contracts.arrow import arrow_schema
from data_contracts.odcs import find, load
from tasks.ingest import ingest
from tasks.parquet import read_batches, write_parquet
from tasks.releases.huggingface import features


def make(raw: Path, out: Path) -> None:
    """Write the raw files' rows in the contract's types."""
    contract = load(find("fashion_mnist"))
    with TemporaryDirectory() as run:
        rows = ingest.fn(contract, run=run, source=str(raw))
        write_parquet(out, read_batches(Path(rows.uri)), schema=arrow_schema(contract), metadata=features(contract))


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
