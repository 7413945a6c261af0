"""What Hugging Face's `datasets` reads in a Parquet file's metadata, so that it decodes images without a further word.

The key and its form are those that `datasets` itself writes (`datasets.Features`, 2.0 and later).  Labels are texts
there as they are here: a `ClassLabel` would have to be stored as numbers.
"""

import json

from data_contracts import Column, Contract

__all__ = ["features"]

_DTYPES = {"integer": "int64", "number": "float64", "boolean": "bool", "date": "date32"}


def features(contract: Contract) -> dict[str, str]:
    """Return the metadata of a Parquet file under the contract; none where it has no images."""
    if contract.image is None:
        return {}
    described = {column.name: _feature(column) for column in contract.columns}
    return {"huggingface": json.dumps({"info": {"features": described}}, ensure_ascii=False)}


def _feature(column: Column) -> dict[str, str]:
    """Return one column in the words of `datasets`."""
    return {"_type": "Image"} if column.kind == "image" else {"dtype": _dtype(column), "_type": "Value"}


def _dtype(column: Column) -> str:
    if column.kind == "timestamp":
        zone = "" if column.timezone is None else f", tz={column.timezone}"
        return f"timestamp[{'ms' if column.unit == 's' else column.unit}{zone}]"
    if column.kind in ("category", "id"):
        return "int64" if column.storage == "integer" else "string"
    return _DTYPES[column.kind]
