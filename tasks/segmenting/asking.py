"""Whose rows are segmented: those of a release, of a contract's source, or others under either's contract."""

from dataclasses import dataclass
from pathlib import Path

from data_contracts import Column, Contract, ContractError, ModelError, Source, odcs
from tasks.places import is_remote
from tasks.readers.origin import origin_of
from tasks.releases.layout import CONTRACT
from tasks.verify import locate, verify

__all__ = ["Asked", "asked_of"]

_DATA = "data"  # of a release


@dataclass(frozen=True, slots=True)
class Asked:
    """What is segmented.

    Args:
        contract: of the rows.
        source: where they are.
        release: its version; None: only a contract was named.
        synthetic: the rows are the release's own.
        columns: that segments are told apart by.
    """

    contract: Contract
    source: Source
    release: str | None
    synthetic: bool
    columns: tuple[Column, ...]


def asked_of(of: str, data: str | None, *, by: list[str]) -> Asked:
    """Return what is asked for.

    Args:
        of: a release, its contract's folder, or a contract by name or path.
        data: the rows; None: the release's own, or the contract's source.
        by: names of the columns that segments are told apart by; empty: all.

    Raises:
        ContractError: `of` is none of these; the contract has no source; or a column is not one of its.
        ModelError: the contract is of images.
        ReleaseError: the release is not as its manifest says.
    """
    released = is_remote(of) or Path(of).is_dir()
    folder = locate(of) if released else None
    version = None if folder is None else str(verify(folder).manifest["release"])
    contract = odcs.load(_found(of) if folder is None else folder / CONTRACT)
    if contract.image is not None:
        rule, fact = "segments are of the rows of a table, or of one image's pixels", f"{contract.id} is of images"
        raise ModelError(rule, fact, "Name a table's release or contract, or one image's file")
    synthetic = folder is not None and data is None
    source = origin_of(contract, str(folder / _DATA) if folder is not None and data is None else data)
    return Asked(contract, source, version, synthetic, _columns(contract, by))


def _found(of: str) -> Path:
    """Return the file of a contract.

    Raises:
        ContractError: there is none of that name.
    """
    try:
        return odcs.find(of)
    except ContractError as error:
        fact = f"{of!a} is no folder, file or known name"
        rule = "segments are of a release's or a contract's rows, or of an image"
        raise ContractError(rule, fact, error.remedy.replace("Give a path", "Give a release, a path")) from None


def _columns(contract: Contract, by: list[str]) -> tuple[Column, ...]:
    """Return the columns of some names; without any, all.

    Raises:
        ContractError: a name is not one of the contract's.
    """
    if unknown := [name for name in by if name not in contract.names]:
        fact = f"{unknown[0]!a} is none of {', '.join(contract.names)}"
        raise ContractError("segments are told apart by columns of the contract", fact, "Name one of these")
    return tuple(contract[name] for name in dict.fromkeys(by or contract.names))
