"""The contract under which new data comes to a release: its own, or one that says no other thing of the data."""

from data_contracts import Contract, ContractError, odcs
from data_contracts.changes import changes

__all__ = ["fitting"]


def fitting(released: Contract, named: str | None) -> Contract:
    """Return the contract that says how the data is written.

    Args:
        released: of the release, which does not say it.
        named: a contract's name or path; None: as a source is without a further word.

    Raises:
        ContractError: it is another's, or differs in more than words.
    """
    if named is None:
        return released
    given = odcs.load(odcs.find(named))
    other = [each for each in changes(released, given) if each.level != "patch"]
    if given.id == released.id and not other:
        return given
    what = f"{other[0]}" if given.id == released.id else f"it is of {given.id}, not of {released.id}"
    raise ContractError(
        "the contract of new rows is that of the release",
        f"between {released.version} and {given.version} it is not: {what}",
        "Name a release under this version, or release under it first",
    )
