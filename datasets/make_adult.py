"""Turn the raw file of Adult into the Parquet file that ships: nothing is changed but its form.

    python datasets/make_adult.py RAW OUT

RAW is `adult.data` of https://doi.org/10.24432/C5XW20: CSV without a header, a space after each comma, `?` for
unknown.  OUT gets all rows in their order, with the types of `data_contracts/adult.yaml`.
"""

import sys
from pathlib import Path

import pyarrow as pa
from pyarrow import compute, csv

from data_contracts.arrow import arrow_schema
from data_contracts.odcs import find, load
from tasks.parquet import write_parquet


def make(raw: Path) -> pa.Table:
    """Return the raw file's rows in the contract's types."""
    contract = load(find("adult"))
    schema = arrow_schema(contract)
    text = "\n".join(line.replace(", ", ",") for line in raw.read_text("ascii").splitlines() if line)
    names = list(contract.names)
    plain = {name: pa.string() if pa.types.is_dictionary(schema.field(name).type) else pa.int64() for name in names}
    table = csv.read_csv(
        pa.py_buffer(text.encode()),
        read_options=csv.ReadOptions(column_names=names),
        convert_options=csv.ConvertOptions(column_types=plain, null_values=["?"], strings_can_be_null=True),
    )
    return pa.table([_coded(table[field.name], field.type) for field in schema], schema=schema)


def _coded(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.Array:
    """Return one array of the wanted type, categories with their dictionary in order."""
    values = column.combine_chunks()
    if not pa.types.is_dictionary(wanted):
        return values
    words = values.unique().drop_null().sort()
    return pa.DictionaryArray.from_arrays(compute.index_in(values, words), words)


if __name__ == "__main__":
    rows = make(Path(sys.argv[1]))
    write_parquet(Path(sys.argv[2]), rows.to_batches(), schema=rows.schema)
