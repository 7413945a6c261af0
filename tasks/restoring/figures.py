"""What ways of enlarging come to, as tasks hand it to one another."""

from dataclasses import dataclass

__all__ = ["Judged", "Restored"]


@dataclass(frozen=True, slots=True)
class Restored:
    """What one way of enlarging comes to.

    Args:
        way: its name.
        psnr: in dB, over all images' squared errors; None: of the real images themselves.
        accuracy: share of the classes that a network which learned from real large images names rightly; None: there
            are no classes.
    """

    way: str
    psnr: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Judged:
    """All ways beside each other.

    Args:
        uri: of the JSON file that says the same.
        digest: of that file.
        images: of the holdout, that were made small and large again.
        factor: how many times larger each side becomes.
        steps: of the training.
        ways: the kernel, the model's mean and draws, and the real images.
    """

    uri: str
    digest: str
    images: int
    factor: int
    steps: int
    ways: tuple[Restored, ...]
