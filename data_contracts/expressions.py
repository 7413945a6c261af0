"""How a contract's pattern is meant: it matches a text from the first character to the last."""

import re
import warnings

__all__ = ["anchored", "compiled"]


def anchored(pattern: str) -> str:
    """Return the pattern in the form that `re.match` and `re.search` take for the whole text."""
    return rf"\A(?:{pattern})\Z"


def compiled(pattern: str) -> re.Pattern[str] | None:
    """Return the compiled pattern; None where it does not compile, or only with a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return re.compile(anchored(pattern))
        except (re.error, RecursionError, OverflowError, Warning):
            return None
