"""A contract says what the data is.

The contract type, the door to its YAML form, what is derived from it, and the contracts themselves.
Nothing here knows torch, Prefect or a file of data.
"""

from data_contracts.contract import Column, Combination, Comparison, Contract, Source, Threshold
from data_contracts.errors import (
    ContractError,
    DataError,
    Failure,
    LikenessError,
    ModelError,
    ReleaseError,
    ReleaseRefusedError,
)

__all__ = [
    "Column",
    "Combination",
    "Comparison",
    "Contract",
    "ContractError",
    "DataError",
    "Failure",
    "LikenessError",
    "ModelError",
    "ReleaseError",
    "ReleaseRefusedError",
    "Source",
    "Threshold",
]
