"""The Gaussian mixture on a GPU beside the CPU of the same machine: the same rows, the same number of passes.

    python -m benchmarks.mixture_devices datasets/adult.parquet --repeat 30 --steps 40

Prints seconds of fitting and held-out log-likelihood per row on each device.
"""

import argparse
import time

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from data_contracts import Column
from models.encoding import Encoded, Encoder
from models.gmm import GaussianMixture
from models.life import Terms


def main() -> None:
    """Fit on each device there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table")
    parser.add_argument("--repeat", type=int, default=1, help="how many times the rows are taken")
    parser.add_argument("--steps", type=int, default=40)
    asked = parser.parse_args()
    encoder, x = _encoded(pq.read_table(asked.table))
    learn, judge = x[: -len(x) // 10], x[-len(x) // 10 :]
    learn = Encoded.join([learn] * asked.repeat)
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        rows, began = learn.to(device), time.perf_counter()
        model = GaussianMixture().fit(
            rows, encoder.spans, generator=torch.Generator().manual_seed(0), terms=Terms(steps=asked.steps)
        )
        seconds = time.perf_counter() - began
        score = float(model.log_prob(judge.to(device)).double().mean())
        print(f"{device}: {len(learn):,} rows, {asked.steps} passes in {seconds:.1f} s, held-out {score:.3f}")


def _encoded(table: pa.Table) -> tuple[Encoder, Encoded]:
    kinds = {True: "category", False: "integer"}
    columns = [Column(name=field.name, kind=kinds[pa.types.is_dictionary(field.type)]) for field in table.schema]
    batches = table.combine_chunks().to_batches()
    encoder = Encoder.fit(columns, batches)
    generator = torch.Generator().manual_seed(0)
    return encoder, Encoded.join([encoder.encode(batch, generator=generator) for batch in batches])


if __name__ == "__main__":
    main()
