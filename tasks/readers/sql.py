"""Databases: any SQLAlchemy URL with a table or a query, read in batches through a streaming cursor.

Rows come as the driver gives them: SQLAlchemy's own conversions are not used, since their errors quote cells.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from data_contracts import ContractError, Source
from tasks.readers.problems import UnreachableError, check_columns, refused
from tasks.readers.values import batch_rows, to_array

__all__ = ["read_sql"]


def read_sql(source: Source, *, names: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a table or a query.

    Args:
        source: URL, and table or query.
        names: of the contract's columns; None: all that are there.

    Raises:
        ContractError: neither a table nor a query is stated.
        DataError: `source.url`, `source.missing`, `source.table`, `source.query`, `table.columns`.
        UnreachableError: the server does not answer, or went away while it was read.
    """
    import sqlalchemy

    engine = _engine(source.location)
    try:
        with _connect(engine) as connection, _asking():
            statement = _statement(source, connection)
            rows = batch_rows(len(names or ()))
            with connection.execution_options(yield_per=rows).execute(sqlalchemy.text(statement)) as result:
                found = list(result.keys())
                check_columns(found, names, shown=True, label="the table or query")
                for part in result.partitions(rows):
                    arrays = [to_array(values) for values in zip(*part, strict=True)]
                    yield pa.RecordBatch.from_arrays(arrays, found)
    finally:
        engine.dispose()


def _engine(location: str) -> Any:  # noqa: ANN401 - SQLAlchemy is imported where it is used
    import sqlalchemy

    try:
        url = sqlalchemy.make_url(location)
        engine = sqlalchemy.create_engine(url)
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, ValueError, TypeError):
        raise refused(
            "source.url",
            "the location is the URL of a database whose driver is installed",
            f"{location.partition('://')[0]}:// cannot be opened",
            "Check the URL, and install the driver that it names",
        ) from None
    file = url.database or ":memory:"
    if url.get_backend_name() == "sqlite" and not file.startswith((":memory:", "file:")) and not Path(file).is_file():
        raise refused("source.missing", "the source is there", "the database's file is not found", "Check the location")
    return engine


@contextmanager
def _connect(engine: Any) -> Iterator[Any]:  # noqa: ANN401 - SQLAlchemy is imported where it is used
    import sqlalchemy

    try:
        connection = engine.connect()
    except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError) as error:
        raise UnreachableError(type(error).__name__) from None
    with connection:
        yield connection


@contextmanager
def _asking() -> Iterator[None]:
    import sqlalchemy

    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, UnicodeDecodeError) as error:
        if getattr(error, "connection_invalidated", False):  # by a restart, a failover: it will be there again
            raise UnreachableError(type(error).__name__) from None
        raise refused(
            "source.query",
            "the database answers",
            f"it ended with {type(error).__name__}",
            "Try the table or the query in the database's own client",
        ) from None


def _statement(source: Source, connection: Any) -> str:  # noqa: ANN401 - SQLAlchemy is imported where it is used
    if source.query:
        return source.query
    if not source.table:
        raise ContractError(
            "a database source states a table or a query",
            "the contract's source has neither",
            "Add `table` or `query` to it",
        )
    import sqlalchemy

    inspector, quote = sqlalchemy.inspect(connection), connection.dialect.identifier_preparer.quote_identifier
    schema, _, table = source.table.rpartition(".")
    for name, within in ((source.table, None), (table, schema or None)):
        if inspector.has_table(name, within):
            return f"SELECT * FROM {f'{quote(within)}.' if within else ''}{quote(name)}"  # noqa: S608 - quoted names
    raise refused("source.table", "the table is in the database", f"{source.table} is not", "Correct its name")
