"""How the columns of a contract are held: the Arrow schema, and the empty table."""

from functools import cache

import pyarrow as pa

from data_contracts.contract import Column, Contract

__all__ = ["arrow_schema", "arrow_type", "empty_table", "nullable_schema"]


def arrow_schema(contract: Contract) -> pa.Schema:
    """Return the schema of a table under the contract: columns in order, nullable where not required.

    An image is nullable by its type, though never null: `datasets` takes only such a field for an image.
    """
    return pa.schema(
        [
            pa.field(column.name, arrow_type(column), column.kind == "image" or not column.required)
            for column in contract.columns
        ]
    )


def nullable_schema(contract: Contract) -> pa.Schema:
    """Return the same with nulls allowed everywhere: of rows as they are read, whose nulls others judge."""
    return pa.schema([each.with_nullable(True) for each in arrow_schema(contract)])  # noqa: FBT003 - Arrow's signature


def arrow_type(column: Column) -> pa.DataType:
    """Return the type of one column.

    Categories are dictionaries, so that a value is stored once; with integer storage they are plain 64-bit integers.
    Whole seconds are held as milliseconds: Parquet has no coarser unit.  An image is the bytes of a PNG file and a
    path, as the `Image` feature of Hugging Face's `datasets` has it.
    """
    if column.kind in ("category", "id") and column.storage == "integer":
        return pa.int64()
    if column.kind == "timestamp":
        return pa.timestamp("ms" if column.unit == "s" else column.unit, column.timezone)
    return _types()[column.kind]


def empty_table(contract: Contract) -> pa.Table:
    """Return a table of the contract's columns without a row."""
    return arrow_schema(contract).empty_table()


@cache
def _types() -> dict[str, pa.DataType]:
    return {
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "category": pa.dictionary(pa.int32(), pa.string()),
        "date": pa.date32(),
        "id": pa.string(),
        "image": pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    }
