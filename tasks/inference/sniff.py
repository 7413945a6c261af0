"""How a text file is written, told from its first rows: encoding, separator, decimal mark, header."""

import codecs
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from data_contracts import Source
from tasks.readers.locate import File, open_bytes, reading
from tasks.readers.text import first_rows

__all__ = ["ENCODINGS", "sniff"]

ENCODINGS = ("utf-8", "cp1252", "latin-1")
"""Tried in this order on the whole text; the last takes any bytes."""

_SEPARATORS = (",", ";", "\t", "|")
_ROWS = 500  # enough to see how a file is written, and little to read
_MOST = 0.9  # share of rows that a guess must fit: files have comments and totals
_BOMS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*")


def sniff(file: File, source: Source) -> Source:
    """Return the source with separator, decimal mark, encoding and header as its first rows show them.

    Raises:
        DataError: `source.empty`, `source.format`, `table.encoding`.
    """
    with reading(file.label), open_bytes(file) as stream:
        source = replace(source, encoding=_BOMS.get(stream.read(2), source.encoding))
    source = replace(source, separator=_separator(file, source))
    rows, _ = first_rows(file, source, most=_ROWS)
    return replace(source, decimal=_decimal(rows, source.separator), header=_has_header(rows))


def _separator(file: File, source: Source) -> str:
    """Return the separator that cuts all rows, or nearly all, into the same number of cells, more than one.

    Of several, the one whose cells are numbers most often (`1,5;2,5` is two numbers), then the one with most cells.
    """
    best: tuple[tuple[bool, float, int], str] = ((False, 0.0, 1), ",")
    for separator in _SEPARATORS:
        rows, _ = first_rows(file, replace(source, separator=separator, format="csv"), most=_ROWS)
        width, agreeing = Counter(map(len, rows)).most_common(1)[0]
        if width > 1 and agreeing >= _MOST * len(rows):
            cells = [cell for row in rows for cell in row]
            fit = (agreeing == len(rows), sum(map(_is_number, cells)) / len(cells), width)
            spaced = [cell[:1] == " " for row in rows for cell in row[1:] if cell]
            wide = bool(spaced) and sum(spaced) >= _MOST * len(spaced)
            best = max(best, (fit, f"{separator} " if wide else separator))
    return best[1]


def _decimal(rows: Sequence[Sequence[str]], separator: str) -> str:
    """Return the comma only where numbers have one, none has a point, and it cannot be one of thousands."""
    cells = [cell.strip() for row in rows for cell in row] if separator[0] != "," else []
    commas = [cell for cell in cells if re.fullmatch(r"[+-]?\d*,\d+", cell)]
    points = any(re.fullmatch(r"[+-]?\d*\.\d+", cell) for cell in cells)
    return "," if commas and not points and not all(re.search(r",\d{3}$", cell) for cell in commas) else "."


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first row names the columns.

    Columns of numbers decide by whether their first cell is one too; where there are none, a header is a row of
    distinct cells, all but the first filled, none of which comes again in its column.
    """
    first, rest = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    columns = [[row[index].strip() for row in rest if row[index].strip()] for index in range(len(first))]
    numeric = [sum(map(_is_number, cells)) >= _MOST * len(cells) if cells else False for cells in columns]
    votes = [not _is_number(cell) for cell, number in zip(first, numeric, strict=True) if number and cell.strip()]
    if votes:
        return 2 * sum(votes) > len(votes)
    again = any(cell.strip() in cells for cell, cells in zip(first, columns, strict=True))
    return len(set(first)) == len(first) and all(cell.strip() for cell in first[1:]) and not again


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None
