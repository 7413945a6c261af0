"""Where a contract's rows are read from: the source that it states, or another location written the same way."""

import re
from dataclasses import replace

from data_contracts import Contract, ContractError, Source
from tasks.readers.locate import format_of
from tasks.secrets import reveal

__all__ = ["origin_of"]

_TEXT = (None, "csv", "tsv")
_COMMAS = re.compile(r"\.csv(\.gz)?$", re.IGNORECASE)


def origin_of(contract: Contract, location: str | None) -> Source:
    """Return the source that is read, with the secrets that it names; a CSV is a list, where there are images.

    Args:
        contract: says how its source is written.
        location: path, folder, glob, fsspec URI or SQLAlchemy URL; None: the contract's.

    Raises:
        ContractError: neither the contract nor the caller says where the source is.
    """
    stated = _stated(contract, location)
    origin = replace(stated, location=reveal(stated.location))
    listed = contract.image is not None and format_of(origin) in ("csv", "tsv")
    return replace(origin, format="images") if listed else origin


def _stated(contract: Contract, location: str | None) -> Source:
    if contract.source is None and location is None:
        raise ContractError(
            "the source is known", "neither the contract nor the caller states one", "Give --source, or a contract's"
        )
    if contract.source is None:
        return Source(location=location or "")
    if location is None:
        return contract.source
    other = replace(contract.source, location=location)
    return other if _is_as_stated(other) else replace(other, format=None)


def _is_as_stated(other: Source) -> bool:
    """Return whether a location may hold the form stated of another: its name says none, or no more than text."""
    text = format_of(replace(other, format=None)) == "csv"
    return text and (other.format in _TEXT or not _COMMAS.search(other.location))
