"""How shares are written: in percent, with a space that no line breaks at."""

__all__ = ["fine", "tenth"]

_SMALL = 0.1


def tenth(share: float) -> str:
    """Return a share to a tenth of a percent, as fine as one of the real rows is shown."""
    return f"{share * 100:.1f}\N{NO-BREAK SPACE}%"


def fine(share: float) -> str:
    """Return a score's share, a small one to a hundredth of a percent."""
    return f"{share * 100:.{2 if abs(share) < _SMALL else 1}f}\N{NO-BREAK SPACE}%"
