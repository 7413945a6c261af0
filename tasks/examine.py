"""Examine: look at one part of some data beside its contract, where that part was made.

Reads: a Parquet file, real or synthetic.  Writes: `<run>/validation-<name>/<number>.json`, how many rows break each
rule, and `.parquet`, the fingerprints of what must not repeat; `validate` brings those of all parts together.
Fails when: a rule cannot be judged; what breaks a rule is counted, and told by `validate`.
Safe to repeat because: it only reads the data and replaces its own two files.
"""

import logging
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract
from tasks.references import Findings, Reference
from tasks.steps import once
from tasks.validation.examining import examined

__all__ = ["examine"]

logger = logging.getLogger(__name__)


@task(name="examine", task_run_name="examine-{name}-{number}", cache_policy=NO_CACHE)  # its files must be there
@once("validation-{name}/{number:05}.*")
def examine(contract: Contract, part: Reference, *, run: str, name: str, number: int = 0) -> Findings:
    """Return what was found in a part of some data.

    Args:
        contract: to hold it to.
        part: a Parquet file.
        run: the run's folder.
        name: which data it is of: `source`, `synthetic`.
        number: of the part, from 0.

    Raises:
        DataError: a rule cannot be judged.
        ReleaseError: the run's folder cannot be written.
    """
    logger.info("examining part %d of %s: %s rows", number, name, f"{part.rows:,}")
    return examined(contract, Path(part.uri), to=Path(run) / f"validation-{name}" / f"{number:05}", name=name)
