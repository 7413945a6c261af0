"""The import law and the one-door rule, as functions of a folder, so that a test can show them failing."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOMS = {
    "data_contracts": set(),
    "models": {"data_contracts"},
    "tasks": {"models", "data_contracts"},
    "flows": {"tasks", "data_contracts"},
}
"""Which rooms each room may import, besides itself."""

MUST_NOT_KNOW = {
    "data_contracts": {
        "torch",
        "prefect",
        "pandas",
        "great_expectations",
        "sdmetrics",
        "pyarrow.parquet",
        "pyarrow.csv",
    },
    "models": {"prefect", "pandas", "great_expectations", "sdmetrics", "pyarrow.parquet", "pathlib"},
    "tasks": set(),
    "flows": {"torch", "pandas", "great_expectations", "sdmetrics", "pyarrow"},
}

ONE_DOOR = {"PIL", "cryptography", "great_expectations", "sdmetrics", "yaml", "sqlalchemy", "matplotlib"}
"""Each of these is imported by one module only."""

WRITERS = {"ParquetWriter", "write_table", "write_dataset", "to_parquet", "write_parquet"}
"""What the libraries call the writing of Parquet, and our own door to it."""


def imports(file: Path) -> Iterator[str]:
    """Yield the dotted name of everything that a file imports, wherever in the file."""
    for node in ast.walk(_parsed(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(root: Path, room: str) -> list[Path]:
    """Return a room's files."""
    return sorted((root / room).rglob("*.py"))


def upward_imports(root: Path) -> list[str]:
    """Return each import that goes against the law: `models/gmm.py imports tasks`."""
    return [
        f"{file.relative_to(root).as_posix()} imports {name}"
        for room, allowed in ROOMS.items()
        for file in modules(root, room)
        for name in imports(file)
        if name.split(".")[0] in set(ROOMS) - {room} - allowed or _named(name, MUST_NOT_KNOW[room])
    ]


def second_doors(root: Path) -> dict[str, list[str]]:
    """Return the libraries that more than one module imports, with those modules."""
    doors = {
        library: [
            file.relative_to(root).as_posix()
            for room in ROOMS
            for file in modules(root, room)
            if any(_named(name, {library}) for name in imports(file))
        ]
        for library in ONE_DOOR
    }
    return {library: files for library, files in doors.items() if len(files) > 1}


def parquet_writers(root: Path) -> list[str]:
    """Return the modules that write Parquet by a library; one door keeps every file whole, and its digest known."""
    ours = {f"tasks.parquet.{name}" for name in WRITERS}
    return [
        file.relative_to(root).as_posix()
        for room in ROOMS
        for file in modules(root, room)
        if any(isinstance(node, ast.Attribute) and node.attr in WRITERS for node in ast.walk(_parsed(file)))
        or any(name.split(".")[-1] in WRITERS and name not in ours for name in imports(file))
    ]


def task_modules(root: Path) -> set[str]:
    """Return the modules that hold a Prefect task."""
    return {file.stem for file in (root / "tasks").glob("*.py") if "@task(" in file.read_text(encoding="utf-8")}


def tasks_calling_tasks(root: Path) -> list[str]:
    """Return each task module that calls another task."""
    found = []
    for file in sorted((root / "tasks").glob("*.py")):
        others = {f"tasks.{name}.{name}" for name in task_modules(root) - {file.stem}}
        found += [f"{file.name} calls {name}" for name in imports(file) if name in others]
    return found


def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _named(name: str, libraries: set[str]) -> bool:
    return any(name == library or name.startswith(f"{library}.") for library in libraries)
