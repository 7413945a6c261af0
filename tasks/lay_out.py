"""Cuts the source into pieces that are read each by itself.

Reads: the list of the source's files, and not what is in them.
Fails when: the source is not there, or cannot be listed.
Safe to repeat because: the same files give the same pieces.
"""

import logging

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract
from tasks.ingesting.pieces import Layout, layout_of
from tasks.readers.origin import origin_of
from tasks.readers.problems import PATIENT

__all__ = ["lay_out"]

logger = logging.getLogger(__name__)


@task(
    **PATIENT,
    cache_policy=NO_CACHE,  # files come and go
)
def lay_out(contract: Contract, *, source: str | None = None) -> Layout:
    """Return how a source is cut: many small files, what is no files, and what hangs together, are one piece.

    Args:
        contract: says where the source is, and how it is written.
        source: another location than the contract's.

    Raises:
        ContractError: neither the contract nor the caller says where the source is.
        DataError: the source is not there, or cannot be listed.
    """
    layout = layout_of(contract, origin_of(contract, source))
    if len(layout.pieces) > 1:
        logger.info("reading %s files in %s pieces", f"{len(layout.stamp):,}", f"{len(layout.pieces):,}")
    return layout
