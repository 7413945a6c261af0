"""What a contract says, as one frozen value: columns, rules between them, source, and the gate.

The type knows nothing of YAML (`data_contracts.odcs` is the door) and nothing of data files.  What the
rest of Likeness needs of a contract is derived from it, one function each: `data_contracts.arrow`,
`data_contracts.checks`, `data_contracts.metadata`, `data_contracts.random_rows`, and the encoder in
`models.encoding`.
"""

import re
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Literal, get_args

__all__ = [
    "IMAGE_FORMATS",
    "KINDS",
    "Bound",
    "Column",
    "Combination",
    "Comparison",
    "Contract",
    "Kind",
    "ModelName",
    "Operator",
    "Rule",
    "Source",
    "Threshold",
]

Kind = Literal["integer", "number", "boolean", "category", "date", "timestamp", "id", "image"]
"""The kinds of column.  `text` comes as one more word here, and a file in `models.encoding`."""

KINDS: tuple[Kind, ...] = get_args(Kind)

ModelName = Literal["gmm", "vae", "gan", "autoregressive", "trees", "auto", "flow_matching"]
"""The models' names; `models.MODELS` and `models.IMAGE_MODELS` have a class for each."""

IMAGE_FORMATS = ("png", "jpeg", "pgm")
"""What the files of a source's images may be: `pgm` is the whole family of portable anymaps of 8 bits."""

Bound = int | float | date | datetime
Operator = Literal["<", "<=", ">", ">=", "==", "!="]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the table.

    Args:
        name: as in the data.
        kind: what the values mean; decides checks, encoding and metrics.
        description: for people.
        required: null breaks the contract.
        unique: no two rows share a value.
        primary_key: part of the key; implies `required`, and `unique` where it is the whole key.
        minimum: the least value allowed, itself included; integer, number, date, timestamp.
        maximum: the greatest value allowed, itself included.
        values: the values allowed in a category; None: learn them from the data.
        pattern: a regular expression which the whole text of a category or id matches.
        format: how a date or timestamp is written in a text source (strptime); None: ISO 8601.
        decimals: digits after the point that a number may have; None: as many as float64 holds.
        unit: the precision of a timestamp.
        timezone: IANA name of the zone of a timestamp; None: local time without a zone.
        storage: how a category or id is held: as text or as 64-bit integers.
        sensitivity: ODCS `classification`: public, internal, confidential, restricted, ...
        height: of an image, in pixels; of 8 bits (uint8) for each channel.
        width: of an image, in pixels.
        channels: of an image: 1 for grey, 3 for red, green and blue.
        formats: in which the source's images may be written; None: in any of `IMAGE_FORMATS`.
        resize: the source's images of another size are resized; False: they break the contract.
        shown: the report may show real images beside the synthetic ones; False: it never does.
    """

    name: str
    kind: Kind
    description: str = ""
    required: bool = False
    unique: bool = False
    primary_key: bool = False
    minimum: Bound | None = None
    maximum: Bound | None = None
    values: tuple[str, ...] | tuple[int, ...] | None = None
    pattern: str | None = None
    format: str | None = None
    decimals: int | None = None
    unit: Literal["s", "ms", "us", "ns"] = "us"
    timezone: str | None = None
    storage: Literal["string", "integer"] = "string"
    sensitivity: str | None = None
    height: int | None = None
    width: int | None = None
    channels: int | None = None
    formats: tuple[str, ...] | None = None
    resize: bool = False
    shown: bool = False

    @property
    def pixels(self) -> tuple[int, int, int]:
        """Return (height, width, channels) of an image.

        Raises:
            TypeError: the column is no image.
        """
        if self.height is None or self.width is None or self.channels is None:
            raise TypeError(self.kind)
        return self.height, self.width, self.channels


@dataclass(frozen=True, slots=True)
class Comparison:
    """A rule: in every row where both are present, `left operator right` holds (two column names)."""

    name: str
    left: str
    operator: Operator
    right: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that the rule speaks of."""
        return (self.left, self.right)


@dataclass(frozen=True, slots=True)
class Combination:
    """A rule: these columns take together only listed combinations; None: only those seen in the data."""

    name: str
    columns: tuple[str, ...]
    allowed: tuple[tuple[str | int, ...], ...] | None = None


Rule = Comparison | Combination


@dataclass(frozen=True, slots=True)
class Threshold:
    """What one score must reach for a release to be published, and why; one bound or both."""

    score: str
    because: str
    minimum: float | None = None
    maximum: float | None = None

    @property
    def bounds(self) -> str:
        """Return the bounds in words: `at least 0.9`."""
        named = (("at least", self.minimum), ("at most", self.maximum))
        return " and ".join(f"{word} {bound:g}" for word, bound in named if bound is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the data comes from and how it is written.

    Args:
        location: path, folder, glob, fsspec URI or SQLAlchemy URL; relative paths are already resolved.
        format: what the bytes are; None: told from the location's suffix.
        header: the first line of a text file names the columns; False: columns in contract order.
        separator: between the cells of a text file; where it ends in a space (`, `), any spaces may follow it.
        decimal: the decimal mark of a text file.
        encoding: of a text file.
        unknown: the marks that stand for "not known" in a text file or a text column, besides the empty cell.
        table: of a database.
        query: of a database, instead of a table.
        leave_out: the share of images, 0 to 1, that may not fit the contract and are left out; 0: one refuses them all.
    """

    location: str
    format: Literal["csv", "tsv", "parquet", "jsonl", "sql", "images", "idx", "npz"] | None = None
    header: bool = True
    separator: str = ","
    decimal: str = "."
    encoding: str = "utf-8"
    unknown: tuple[str, ...] = ()
    table: str | None = None
    query: str | None = None
    leave_out: float = 0.0

    @property
    def shown(self) -> str:
        """Return the location as people may see it: no password, no value of a URL's query."""
        if "://" not in self.location:
            return self.location
        return re.sub(r"([?&][^=&]*=)[^&]*", r"\1***", re.sub(r"(://[^:/]*:).*@", r"\1***@", self.location))

    def __repr__(self) -> str:
        """Return the record with its location as shown, so that no log holds a password."""
        values = {each.name: getattr(self, each.name) for each in fields(self)} | {"location": self.shown}
        return f"Source({', '.join(f'{name}={value!r}' for name, value in values.items())})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What the data is and what a release of its likeness must reach.

    Args:
        id: names the releases' folder: letters, digits, `.`, `_`, `-`; never a path.
        version: semantic version of the contract.
        name: of the table.
        purpose: for people.
        licence: of the data, for attribution in the release; empty: not stated.
        source: where the data comes from; None in a released contract.
        columns: in order.
        rules: between columns.
        gate: thresholds of the release.
        model: which model by default.
        target: the column that utility is measured on; None: no utility score.
        holdout: share of rows cut off before anything is learned, 0 to 1.
        minimum_rows: fewer rows than this cannot be split, learned and judged.
    """

    id: str
    version: str
    name: str
    columns: tuple[Column, ...]
    purpose: str = ""
    licence: str = ""
    source: Source | None = None
    rules: tuple[Rule, ...] = ()
    gate: tuple[Threshold, ...] = ()
    model: ModelName = "autoregressive"
    target: str | None = None
    holdout: float = 0.1
    minimum_rows: int = 50
    _by_name: dict[str, Column] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        """Index the columns by name."""
        object.__setattr__(self, "_by_name", {column.name: column for column in self.columns})

    def __getitem__(self, name: str) -> Column:
        """Return the column of that name; KeyError if there is none."""
        return self._by_name[name]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the columns' names, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def image(self) -> Column | None:
        """Return the column of images; None: the contract is of a table alone."""
        return next((column for column in self.columns if column.kind == "image"), None)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Return the names of the key's columns; empty if there is no key."""
        return tuple(column.name for column in self.columns if column.primary_key)
