"""CSV and TSV, plain or gzip: every cell comes as text, and nothing is made of it here.

Quoting is RFC 4180's.  Empty lines are skipped.  A separator that ends in a space (`", "`) lets any spaces
follow it; otherwise spaces belong to the cell.
"""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from data_contracts import Failure, Source
from tasks.readers.locate import File, format_of, open_bytes, reading
from tasks.readers.problems import check_columns, refused
from tasks.readers.values import batch_rows

__all__ = ["first_rows", "read_text", "separator_of"]

_BLOCK_BYTES = 4 << 20  # a row must fit into one; larger blocks are no faster
_HEAD_BYTES = 1 << 20  # where the header must end


def separator_of(source: Source) -> str:
    """Return the separator of a text source: a tab where the format says so and nothing else is stated."""
    return "\t" if source.separator == "," and format_of(source) == "tsv" else source.separator


def read_text(
    file: File, source: Source, *, names: Sequence[str] | None, failures: list[Failure]
) -> Iterator[pa.RecordBatch]:
    """Yield a text file's rows, all columns as strings.

    Args:
        file: to read.
        source: how it is written.
        names: of the contract's columns; None: as the header says, or `column_1`, `column_2`, ...
        failures: rows that are left out are counted here, as `table.ragged`.

    Raises:
        DataError: `source.empty`, `source.format`, `table.encoding`, `table.columns`, `table.ragged`.
    """
    first, skipped = _header(file, source)
    found = _names(first, source, names)
    check_columns(found, names, shown=False, label=file.label)
    ragged = _Ragged()
    with reading(file.label), open_bytes(file) as stream:
        text = _Text(stream, source.encoding, file.label)
        yield from _regrouped(_stream(text, ragged, names=found, source=source, skip=skipped), batch_rows(len(found)))
        text.close()
    if ragged.rows:
        failures.append(ragged.failure(len(found)))


def _stream(
    text: "_Text", ragged: "_Ragged", *, names: list[str], source: Source, skip: int
) -> Iterator[pa.RecordBatch]:
    """Yield batches under the right names; the reader itself knows columns by number, so that any name will do."""
    numbers = [str(index) for index in range(len(names))]
    separator = separator_of(source)
    with text.errors():
        reader = pacsv.open_csv(
            pa.TransformInputStream(text.stream, text),
            read_options=pacsv.ReadOptions(
                column_names=numbers, skip_rows_after_names=skip, block_size=_BLOCK_BYTES, use_threads=False
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=separator[0], newlines_in_values=True, invalid_row_handler=ragged.skip
            ),
            convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(numbers, pa.string())),
        )
        for batch in reader:
            columns = [pc.utf8_ltrim_whitespace(c) for c in batch] if separator[1:] else batch.columns
            text.last = columns[-1][-1].as_py() if batch.num_rows else text.last
            ragged.total += batch.num_rows
            yield pa.RecordBatch.from_arrays(columns, names)


def _regrouped(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the same rows, so many at a time: Arrow's own batches are as many as a block holds."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        rest = batch
        while count + rest.num_rows >= rows:
            yield from _joined([*held, rest.slice(0, rows - count)])
            rest, held, count = rest.slice(rows - count), [], 0
        held.append(rest)
        count += rest.num_rows
    if count:
        yield from _joined(held)


def _joined(batches: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """Return the batches as one; as several only where one would have more than 2 GB of text in a column."""
    found: list[pa.RecordBatch] = pa.Table.from_batches(batches).combine_chunks().to_batches()
    return found


class _Text:
    """A stream's bytes as UTF-8, as Arrow asks for them; binary and wrongly encoded bytes are refused on the way."""

    def __init__(self, stream: pa.NativeFile, encoding: str, label: str) -> None:
        self.stream, self.label, self.encoding = stream, label, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._wide = "16" in encoding or "32" in encoding
        self._tail, self.last = b"", ""
        self.failure: Exception | None = None

    def __call__(self, chunk: pa.Buffer) -> bytes:
        """Return the next bytes of the text in UTF-8."""
        return self.convert(bytes(chunk))

    def convert(self, raw: bytes, *, final: bool = False) -> bytes:
        """Return these bytes in UTF-8; DataError: `source.format`, `table.encoding`."""
        self._tail = raw.rstrip(b"\r\n")[-1:] or self._tail
        try:
            text = self._decoder.decode(raw, final)
        except UnicodeDecodeError:
            self.failure = _binary(self.label) if self._is_binary(raw) else _misencoded(self.label, self.encoding)
            raise self.failure from None
        if "\0" in text:
            self.failure = _binary(self.label)
            raise self.failure
        return raw if self._decoder.__class__.__module__ == "encodings.utf_8" else text.encode()

    def _is_binary(self, raw: bytes) -> bool:
        return b"\0" in raw and not self._wide and not raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Let this stream's own failure come before what Arrow made of it."""
        try:
            yield
        except Exception:
            if self.failure is not None:
                raise self.failure from None
            raise

    def close(self) -> None:
        """Check the end: no half character, and no quote that was opened and never closed."""
        self.convert(b"", final=True)
        if "\n" in self.last and self._tail != b'"':
            raise refused(
                "table.ragged",
                "every quote that opens a cell is closed",
                f"{self.label} ends inside a quoted cell",
                "Close the quote",
            )


class _Ragged:
    """Rows whose cells are more or fewer than the columns: counted, left out, never shown."""

    def __init__(self) -> None:
        self.rows, self.total, self.first = 0, 0, 0

    def skip(self, row: pacsv.InvalidRow) -> str:
        self.first = self.first or row.number or 0
        self.rows += 1
        return "skip"

    def failure(self, columns: int) -> Failure:
        where = f", the first in line {self.first}" if self.first else ""
        return Failure("table.ragged", (), self.rows, self.total + self.rows, f"not {columns} cells{where}")


def first_rows(file: File, source: Source, *, most: int) -> tuple[list[list[str]], int]:
    """Return the first rows, of those that end within the first mebibyte, and how many empty lines stand before them.

    Args:
        file: to read.
        source: how it is written.
        most: how many rows.

    Raises:
        DataError: `source.empty`, `source.format`, `table.encoding`.
    """
    with reading(file.label), open_bytes(file) as stream:
        raw = stream.read(_HEAD_BYTES)
        text = _Text(stream, source.encoding, file.label).convert(raw).decode(errors="ignore").removeprefix("\ufeff")
    if not text.strip():
        raise refused("source.empty", "the source has something in it", f"{file.label} is empty", "Check the location")
    separator = separator_of(source)
    cells = csv.reader(io.StringIO(text, newline=""), delimiter=separator[0], skipinitialspace=bool(separator[1:]))
    with reading(file.label):
        try:
            rows = list(islice((row for row in cells if row), most))
        except csv.Error:
            raise ValueError from None
    whole = len(rows) == 1 or len(rows) == most or len(raw) < _HEAD_BYTES
    blank = text[: len(text) - len(text.lstrip("\r\n"))]
    return rows if whole else rows[:-1], blank.count("\n") or blank.count("\r")


def _header(file: File, source: Source) -> tuple[list[str], int]:
    """Return the first row and how many rows the reader must skip to come to the data."""
    rows, empty = first_rows(file, source, most=1)
    return rows[0], empty + 1 if source.header else 0


def _names(first: list[str], source: Source, names: Sequence[str] | None) -> list[str]:
    """Return the columns' names: the header's, the contract's where there is none, else by place."""
    given = [name.strip() for name in first] if source.header else list(names or ())[: len(first)]
    given += [""] * (len(first) - len(given))
    return [name or f"column_{number}" for number, name in enumerate(given, 1)]


def _binary(label: str) -> Exception:
    return refused("source.format", "a text source is text", f"{label} is binary", "State its format in the contract")


def _misencoded(label: str, encoding: str) -> Exception:
    return refused(
        "table.encoding",
        f"the text is written in {encoding}",
        f"{label} has bytes that are not",
        "State the source's encoding in the contract",
    )
