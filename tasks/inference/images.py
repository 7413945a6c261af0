"""What a source's images look like, by their headers alone, and the draft of their column."""

import re
from collections import Counter
from dataclasses import dataclass, field, replace

import pyarrow as pa

from data_contracts import Column
from data_contracts.contract import IMAGE_FORMATS
from data_contracts.odcs import SIDES
from tasks.inference.draft import FREQUENT
from tasks.inference.profile import Profile
from tasks.pictures import Form, UnfitError, form_of
from tasks.readers.images import is_image

__all__ = ["ImageProfile", "as_classes", "holds_images"]

_LABEL = re.compile("label|class|target|category|y$", re.IGNORECASE)
_MOST_CLASSES = 100  # numbers beside images are classes where they are so few, and counts where they are more


def holds_images(cells: pa.Array) -> bool:
    """Return whether a column's first batch is of images: bytes may be anything else."""
    if not is_image(cells.type):
        return False
    seen = ImageProfile("")
    seen.add(cells.slice(0, 100))
    return bool(seen.forms)


@dataclass(slots=True)
class ImageProfile:
    """The forms of a column's images, over all batches; those that cannot be told are left out of account."""

    name: str
    rows: int = 0
    forms: Counter[Form] = field(default_factory=Counter)

    def add(self, cells: pa.Array) -> None:
        """Learn from a batch."""
        self.rows += len(cells)
        if isinstance(cells.type, pa.FixedShapeTensorType):
            height, width, *channels = cells.type.shape
            self.forms[Form("", height, width, channels[0] if channels else 1)] += len(cells)
            return
        files = cells.field("bytes") if pa.types.is_struct(cells.type) else cells
        for file in files:
            try:
                self.forms[form_of(file.as_py())] += 1
            except UnfitError:
                continue

    def column(self) -> Column:
        """Return the draft: the most frequent size, brought within what models learn; resized where others come too."""
        sizes = Counter[tuple[int, int]]()
        channels = Counter[int]()
        for form, count in self.forms.items():
            sizes[form.height, form.width] += count
            channels[form.channels] += count
        (found, _), *others = sizes.most_common()
        height, width = _within(found)
        formats = tuple(name for name in IMAGE_FORMATS if any(form.format == name for form in self.forms))
        resize = bool(others) or (height, width) != found
        return Column(
            name=self.name,
            kind="image",
            description=f"Images of {len(sizes):,} sizes, resized to one." if resize else "",
            required=True,
            height=height,
            width=width,
            channels=channels.most_common(1)[0][0],
            formats=formats or None,
            resize=resize,
        )


def _within(size: tuple[int, int]) -> tuple[int, int]:
    """Return the size that keeps an image's proportions, as far as can be, and that a contract can have."""
    low, high = SIDES
    scale = min(1.0, high / max(size)) * max(1.0, low / min(size))
    height, width = (min(max(round(side * scale), low), high) for side in size)
    return height, width


def as_classes(column: Column, profile: Profile, *, alone: bool) -> Column:
    """Return the draft of a column beside images: a few whole numbers are classes, where they are called so.

    Args:
        column: as it would be drafted of a table.
        profile: of the column.
        alone: nothing else is known of an image, whatever this is called.
    """
    few = profile.counts is not None and len(profile.counts) <= _MOST_CLASSES
    if column.kind != "integer" or profile.counts is None or not (few and (alone or _LABEL.match(column.name))):
        return column
    shared = min(profile.counts.values(), default=0) >= FREQUENT
    values = tuple(sorted(int(value) for value in profile.counts)) if shared else None
    return replace(column, kind="category", storage="integer", values=values, minimum=None, maximum=None)
