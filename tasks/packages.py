"""What Likeness requires of its environment, as its own metadata says."""

from importlib.metadata import PackageNotFoundError, requires

from packaging.requirements import Requirement

__all__ = ["required"]


def required() -> tuple[Requirement, ...]:
    """Return what an installation has, extras aside; nothing where Likeness is run from its sources alone."""
    try:
        lines = requires("likeness") or []
    except PackageNotFoundError:
        return ()
    return tuple(Requirement(line) for line in lines if "extra ==" not in line)
