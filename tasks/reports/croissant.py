"""The release as Croissant metadata, by which catalogues and loaders of machine-learning data read it.

The format is that of MLCommons (https://docs.mlcommons.org/croissant/docs/croissant-spec.html), version 1.0,
which every reader of 1.1 takes.
"""

from collections.abc import Mapping
from typing import Any

from data_contracts import Column, Contract

__all__ = ["croissant"]

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
} | {
    term: f"cr:{term}"
    for term in (
        "citeAs", "column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty", "fileSet", "format",
        "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references",
        "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform",
    )
}  # fmt: skip
"""The context that the standard prescribes; readers warn of any other."""

_TYPES = {
    "integer": "sc:Integer",
    "number": "sc:Float",
    "boolean": "sc:Boolean",
    "category": "sc:Text",
    "date": "sc:Date",
    "timestamp": "sc:DateTime",
    "id": "sc:Text",
    "image": "sc:ImageObject",
}


_PARTS = {
    "@type": "cr:FileSet",
    "@id": "parts",
    "name": "parts",
    "encodingFormat": "application/x-parquet",
    "includes": "data/*.parquet",
}


def croissant(contract: Contract, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return `croissant.json` of a release.

    Args:
        contract: of the release.
        manifest: of the release; its file of data is described, or its parts and their set.
    """
    parts = sorted(name for name in manifest["files"] if name.startswith("data/"))
    source = {"fileObject": {"@id": parts[0]}} if len(parts) == 1 else {"fileSet": {"@id": _PARTS["@id"]}}
    described = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": contract.id,
        "description": _description(contract, manifest),
        "citeAs": f"{contract.id}, synthetic release {manifest['release']}. {contract.licence}".strip(),
        "version": manifest["release"],
        "datePublished": manifest["created"],
        "keywords": ["synthetic", "tabular" if contract.image is None else "images"],
        "isLiveDataset": False,
        "distribution": [*(_file(name, manifest["files"][name]) for name in parts), *([_PARTS] if parts[1:] else [])],
        "recordSet": [_record_set(contract, source)],
    }
    return described | ({"license": contract.licence} if contract.licence else {})


def _description(contract: Contract, manifest: Mapping[str, Any]) -> str:
    made = (
        f"{manifest['rows']:,} synthetic rows, sampled from the model {manifest['model']['name']}; none is a real one."
    )
    return f"{contract.purpose} {made}".strip()


def _file(name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{facts['bytes']} B",
        "encodingFormat": "application/x-parquet",
        "sha256": facts["sha256"],
    }


def _record_set(contract: Contract, source: Mapping[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "@type": "cr:RecordSet",
        "@id": "rows",
        "name": contract.name,
        "field": [_field(column, source) for column in contract.columns],
    }
    key = [{"@id": f"rows/{name}"} for name in contract.primary_key]
    return described | ({"key": key} if key else {})


def _field(column: Column, source: Mapping[str, Any]) -> dict[str, Any]:
    found = {**source, "extract": {"column": column.name}}
    if column.kind == "image":  # a struct, of which the bytes are the image
        found["transform"] = {"jsonPath": "bytes"}
    return {
        "@type": "cr:Field",
        "@id": f"rows/{column.name}",
        "name": column.name,
        "description": column.description or column.name,
        "dataType": "sc:Integer" if column.storage == "integer" else _TYPES[column.kind],
        "source": found,
    }
