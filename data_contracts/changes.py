"""What changed between two versions of a contract, and which version that asks for.

Semantic versions (https://semver.org), from the side of who reads the releases: *major* where a promise is taken back
and a reader may break, *minor* where a column or a promise is added, *patch* where words, or how the release is made,
change.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from data_contracts.contract import Column, Comparison, Contract, Rule
from data_contracts.errors import ContractError

__all__ = ["Change", "Level", "changes", "ordered", "require_version"]

Level = Literal["major", "minor", "patch"]

_LEVELS: tuple[Level, ...] = get_args(Level)
_TYPE = ("kind", "storage", "unit", "timezone", "height", "width", "channels")
_READ = ("format", "formats", "resize")  # how the source is read
_WORDS = ("description", "sensitivity", "shown")
_MADE = ("gate", "model", "target", "holdout", "minimum_rows")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two versions of a contract.

    Args:
        level: what it asks of the version.
        what: the contract's or the column's part that changed: `age.maximum`, `rules.city_lies_in_country`.
        words: what became of it; never a value of the data that the contract does not state.
    """

    level: Level
    what: str
    words: str

    def __str__(self) -> str:
        """Return one line: part, what became of it, level."""
        return f"{self.what} {self.words} ({self.level})"


def changes(old: Contract, new: Contract) -> tuple[Change, ...]:
    """Return what changed, the gravest first; where the data lies is not looked at."""
    old, new = _spelt_out(old), _spelt_out(new)
    found = [*_columns(old, new), *_rules(old, new), *_said(old, new)]
    return tuple(sorted(found, key=lambda change: _LEVELS.index(change.level)))


def require_version(old: Contract, new: Contract) -> tuple[Change, ...]:
    """Return what changed, where the new version says so.

    Raises:
        ContractError: the version goes back, or does not rise as far as the change asks.
    """
    found = changes(old, new)
    rule = "a contract's version rises with its changes: major where a reader breaks, minor where something is added"
    if ordered(new.version) < ordered(old.version):
        fact = f"{new.version} comes after {old.version}, under which the latest release was made"
        raise ContractError(rule, fact, "Give it a version above that, or publish elsewhere with --to")
    if found and not _rises(old.version, new.version, found[0].level):
        fact = f"{old.version} became {new.version} with {'; '.join(map(str, found[:3]))}"
        more = f" and {len(found) - 3} more changes" if len(found) > 3 else ""  # noqa: PLR2004 - three are shown
        raise ContractError(rule, fact + more, f"Call it {_next(old.version, found[0].level)}, or take the change back")
    return found


def ordered(version: str) -> tuple[int, int, int, bool, str]:
    """Return a version as what it is ordered by; one with a suffix comes before the same without."""
    numbers, _, suffix = version.partition("-")
    major, minor, patch = map(int, numbers.split("."))
    return major, minor, patch, not suffix, suffix


def _rises(old: str, new: str, level: Level) -> bool:
    place = _LEVELS.index(level) + 1
    if "-" in old and ordered(old)[:3] == ordered(new)[:3]:  # before a version is final, it may change freely
        return ordered(new) > ordered(old)
    return ordered(new)[:place] > ordered(old)[:place]


def _next(version: str, level: Level) -> str:
    major, minor, patch = ordered(version)[:3]
    return {"major": f"{major + 1}.0.0", "minor": f"{major}.{minor + 1}.0", "patch": f"{major}.{minor}.{patch + 1}"}[
        level
    ]


def _spelt_out(contract: Contract) -> Contract:
    """Return the contract with what a key implies said of its columns."""
    alone = len(contract.primary_key) == 1
    columns = (
        replace(column, required=True, unique=column.unique or alone) if column.primary_key else column
        for column in contract.columns
    )
    return replace(contract, columns=tuple(columns))


def _columns(old: Contract, new: Contract) -> Iterator[Change]:
    for name in old.names:
        if name not in new.names:
            yield Change("major", name, "is gone")
        else:
            yield from _column(old[name], new[name])
    for name in new.names:
        if name not in old.names:
            yield Change("minor", name, "is new")
    if [name for name in old.names if name in new.names] != [name for name in new.names if name in old.names]:
        yield Change("major", "columns", "stand in another order")


def _column(old: Column, new: Column) -> Iterator[Change]:
    """Yield what changed of a column that both have; bounds of two types cannot be compared, and need not be."""
    typed = [name for name in _TYPE if getattr(old, name) != getattr(new, name)]
    yield from (Change("major", f"{old.name}.{name}", "changed") for name in typed)
    for name in ("required", "unique", "primary_key"):
        yield from _promise(f"{old.name}.{name}", kept=getattr(old, name), keeps=getattr(new, name))
    if not typed:
        yield from _bounds(old, new)
    for name in (*_READ, *_WORDS):
        if getattr(old, name) != getattr(new, name):
            yield Change("patch", f"{old.name}.{name}", "changed")


def _bounds(old: Column, new: Column) -> Iterator[Change]:
    """Yield what became of the bounds of a column whose type is the same."""
    yield from _bound(f"{old.name}.minimum", old.minimum, new.minimum, lambda one, two: two > one)
    yield from _bound(f"{old.name}.maximum", old.maximum, new.maximum, lambda one, two: two < one)
    yield from _bound(f"{old.name}.decimals", old.decimals, new.decimals, lambda one, two: two < one)
    yield from _bound(f"{old.name}.pattern", old.pattern, new.pattern, lambda _one, _two: False)
    yield from _bound(f"{old.name}.values", old.values, new.values, lambda one, two: set(two) < set(one))


def _promise(what: str, *, kept: bool, keeps: bool) -> Iterator[Change]:
    if kept != keeps:
        yield Change("minor", what, "is promised now") if keeps else Change("major", what, "is promised no more")


def _bound(what: str, old: object, new: object, narrower: Callable[[Any, Any], bool]) -> Iterator[Change]:
    """Yield what became of a bound; None is no bound."""
    if old == new:
        return
    if old is None:
        yield Change("minor", what, "is promised now")
    elif new is None:
        yield Change("major", what, "is promised no more")
    elif narrower(old, new):
        yield Change("minor", what, "is narrower")
    else:
        yield Change("major", what, "allows what was not allowed")


def _rules(old: Contract, new: Contract) -> Iterator[Change]:
    """Yield which rules are gone, new or other; a rule's name is a word for people."""
    before, after = ({rule.name: rule for rule in contract.rules} for contract in (old, new))
    bare = {replace(rule, name="") for rule in new.rules}
    for name, rule in before.items():
        if replace(rule, name="") not in bare:
            other = after.get(name)
            narrower = other is not None and _narrower(rule, other)
            words = "is narrower" if narrower else "is another" if other else "is promised no more"
            yield Change("minor" if narrower else "major", f"rules.{name}", words)
        elif after.get(name) != rule:
            yield Change("patch", f"rules.{name}", "has another name")
    kept = {replace(rule, name="") for rule in old.rules}
    for name, rule in after.items():
        if name not in before and replace(rule, name="") not in kept:
            yield Change("minor", f"rules.{name}", "is promised now")


def _narrower(old: Rule, new: Rule) -> bool:
    """Return whether all that the new rule allows, the old one did."""
    if isinstance(old, Comparison) or isinstance(new, Comparison) or old.columns != new.columns:
        return False
    return new.allowed is not None and old.allowed is not None and set(new.allowed) <= set(old.allowed)


def _said(old: Contract, new: Contract) -> Iterator[Change]:
    """Yield what changed of the contract's words and of how a release is made."""
    if old.licence != new.licence:
        yield Change("major", "licence", "changed: what readers may do is another")
    for name in ("name", "purpose", *_MADE):
        if getattr(old, name) != getattr(new, name):
            yield Change("patch", name, "changed")
