"""What a run can be asked for: one described model per flow, which is the form that people fill in."""

import inspect
import re
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from data_contracts.contract import ModelName

__all__ = [
    "Decoding", "Detection", "EachDetection", "Encoding", "Retention", "Segmentation", "Sweep", "Synthesis",
    "Upscaling", "takes",
]  # fmt: skip


BUDGET_OF_TABLES, BUDGET_OF_IMAGES = 60.0, 600.0
"""Seconds of training that are given where nothing is asked for; plans usually end before."""

_NAMED = r"^(?!.*://[^/@:]*:(?!\$\{[^}]*\}@)[^/@]*@)"
"""A location whose password, if it has one, is a name: Prefect keeps what a run is asked for, for all to see."""


def _names_its_password(location: str) -> str:
    """Refuse a password that is written out, without repeating it."""
    if not re.match(_NAMED, location):
        raise PydanticCustomError("password", "its password is written out; name it: ${secret:NAME} or ${NAME}")
    return location


_Location = Annotated[str, AfterValidator(_names_its_password), Field(json_schema_extra={"pattern": _NAMED})]


class Synthesis(BaseModel):
    """What one run of `synthesize` is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    contract: str = Field("adult", description="Name of a contract under data_contracts/, or a path to one.")
    model: ModelName | None = Field(None, description="The generative model; empty: the one that the contract names.")
    rows: int | None = Field(None, ge=1, description="How many synthetic rows; empty: as many as the source has.")
    where: list[str] = Field(
        [], description="Conditions that every row meets: sex=Female, age>=60, occupation is null. Empty: none."
    )
    share: list[str] = Field(
        [], description="Shares of one column's values: income:>50K=0.5. Empty: as the model learned them."
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Seed of all randomness: the same seed gives the same bytes.")
    budget_seconds: float | None = Field(
        None,
        gt=0,
        description="Upper bound on training time; the plan usually ends before. Empty: 60 for tables, 600 for images.",
    )
    steps: int | None = Field(None, ge=1, description="Training steps, instead of the plan and the budget.")
    epsilon: float | None = Field(
        None, ge=0.1, description="Differential privacy: the most that is spent on the model. Empty: none is promised."
    )
    margin: float = Field(
        0.02, ge=0, description="How much worse than the latest release a score of the gate may be, beside chance."
    )
    source: _Location | None = Field(
        None,
        description="Path or URI of the data; empty: the source that the contract names. A password is named, not "
        "written: postgresql://reader:${secret:NAME}@host/db, a Secret block, or ${NAME}, the worker's environment.",
    )
    to: _Location = Field("releases", description="Folder of the releases: a path or an fsspec URI (s3://...).")
    runs: _Location = Field(
        "runs", description="Folder of the runs' artefacts, the evidence, a path or an fsspec URI; it holds real data."
    )

    def budget(self, *, images: bool) -> float | None:
        """Return the seconds that training may take; None: a number of steps bounds it, for the same bytes anywhere."""
        if self.steps is not None:
            return None
        return self.budget_seconds or (BUDGET_OF_IMAGES if images else BUDGET_OF_TABLES)

    @property
    def published(self) -> dict[str, Any]:
        """Return what a release says of its run: no place where anything lies."""
        return self.model_dump(exclude={"contract", "source", "to", "runs"})


class Retention(BaseModel):
    """What one run of `prune` is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: _Location = Field("releases", description="Folder of the releases: a path or an fsspec URI (s3://...).")
    keep: int = Field(5, ge=1, description="How many releases of each contract stay, counted from the newest.")
    pin: list[str] = Field(
        [], description="Releases that stay, 1.0.0-3 or adult/1.0.0-3, beside those in the folder's pins.txt."
    )
    runs: _Location = Field("runs", description="Folder of the runs' artefacts: a path or an fsspec URI.")
    days: int | None = Field(
        None, ge=1, description="What runs and their steps left goes after so many days, too. Empty: never."
    )
    remove: bool = Field(default=False, description="Remove the others; without it, it only says which.")


class Detection(BaseModel):
    """What one run of `detect` is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    release: _Location = Field(
        "releases/adult",
        description="A release, or its contract's folder, for the latest: a path or an fsspec URI; or a run's folder.",
    )
    data: _Location = Field(
        "datasets/adult.parquet",
        description="Path or URI of the new rows. A password is named, not written: ${secret:NAME} or ${NAME}.",
    )
    to: _Location = Field(
        "anomalies.parquet", description="The Parquet file that is written: a path or an fsspec URI (s3://...)."
    )
    contamination: float = Field(
        0.01, gt=0, lt=1, description="The p-value up to which a row is an anomaly: so many usual rows are called one."
    )
    fdr: float | None = Field(
        None, gt=0, lt=1, description="Instead, the share of the anomalies that may be false alarms. Empty: not asked."
    )
    contract: str | None = Field(
        None, description="Name or path of a contract that says how the data is written; empty: as is usual."
    )
    key: str | None = Field(
        None, description="Path of the public key that must have signed the release; empty: it need not be signed."
    )


class EachDetection(Detection):
    """What one run of `detect-each` is asked for."""

    data: _Location = Field("inbox", description="Folder in which files arrive: a path or an fsspec URI (s3://...).")
    to: _Location = Field(
        "anomalies", description="Folder of what is found, not within that of the files: a path or an fsspec URI."
    )
    settled_seconds: float = Field(
        60.0, ge=0, description="How long a file is not to have changed; one that did may still be written, and waits."
    )


class Segmentation(BaseModel):
    """What one run of `segment` is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    of: _Location = Field(
        "adult", description="A release or its contract's folder, a contract by name or path, or an image's file."
    )
    data: _Location | None = Field(
        None,
        description="Path or URI of the rows; empty: the release's own, or the contract's source. A password is named.",
    )
    to: _Location | None = Field(
        None, description="The folder that is written: a path or an fsspec URI; empty: segments/ and the name."
    )
    segments: int | None = Field(None, ge=1, le=64, description="How many segments; empty: as many as there are.")
    most: int = Field(12, ge=1, le=64, description="Segments that are sought at most.")
    by: list[str] = Field([], description="Columns that tell rows apart. Empty: all but keys.")
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of all randomness: the same seed gives the same bytes.")


class Encoding(BaseModel):
    """What one run of `encode` is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    release: _Location = Field(
        "releases/fashion_mnist",
        description="A release whose model has latent codes, or its contract's folder: a path or an fsspec URI.",
    )
    data: _Location = Field(
        "datasets/fashion_mnist.parquet",
        description="Path or URI of the images. A password is named, not written: ${secret:NAME} or ${NAME}.",
    )
    to: _Location = Field(
        "latents.parquet", description="The Parquet file that is written: a path or an fsspec URI (s3://...)."
    )
    bits: int = Field(8, ge=2, le=8, description="Bits of each number of a code.")
    contract: str | None = Field(
        None, description="Name or path of a contract that says how the data is written; empty: as is usual."
    )
    runs: _Location = Field(
        "runs", description="Folder of the runs' artefacts, a path or an fsspec URI; it holds the images."
    )


class Decoding(BaseModel):
    """What one run of `decode` is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    release: _Location = Field(
        "releases/fashion_mnist", description="The release that the codes are of: a path or an fsspec URI."
    )
    data: _Location = Field("latents.parquet", description="Path or URI of a file that `encode` wrote.")
    to: _Location = Field(
        "images.parquet", description="The Parquet file that is written: a path or an fsspec URI (s3://...)."
    )


class Upscaling(BaseModel):
    """What one run of `upscale` is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    contract: str = Field(
        "fashion_mnist", description="Name of a contract of images under data_contracts/, or a path to one."
    )
    data: _Location = Field(
        "small.parquet",
        description="Path or URI of the small images. A password is named, not written: ${secret:NAME} or ${NAME}.",
    )
    to: _Location = Field(
        "images.parquet", description="The Parquet file that is written: a path or an fsspec URI (s3://...)."
    )
    factor: int = Field(2, ge=2, le=8, description="How many times larger each side becomes: that of the contract.")
    draw: bool = Field(
        default=False, description="Draw one image that each may be of; without it, the mean of all of them."
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Seed of all randomness: the same seed gives the same bytes.")
    budget_seconds: float | None = Field(
        None, gt=0, description="Upper bound on training time; the plan usually ends before. Empty: 600."
    )
    steps: int | None = Field(None, ge=1, description="Training steps, instead of the plan and the budget.")
    source: _Location | None = Field(
        None, description="Path or URI of the images to learn from; empty: the source that the contract names."
    )
    runs: _Location = Field(
        "runs", description="Folder of the runs' artefacts, a path or an fsspec URI; it holds real data."
    )

    @property
    def budget(self) -> float | None:
        """Return the seconds that training may take; None: a number of steps bounds it."""
        return None if self.steps is not None else self.budget_seconds or BUDGET_OF_IMAGES


class Sweep(BaseModel):
    """What one run of `sweep` is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    contract: list[str] = Field(
        ["adult"], min_length=1, description="Names of contracts under data_contracts/, or paths to them."
    )
    model: list[ModelName] = Field([], description="The generative models; empty: the one that each contract names.")
    seeds: int = Field(3, ge=1, description="How many seeds, from 0 on.")
    rows: int | None = Field(None, ge=1, description="How many synthetic rows; empty: as many as the source has.")
    budget_seconds: float | None = Field(
        None, gt=0, description="Upper bound on each training, which shares its machine with other runs of the sweep."
    )
    steps: int | None = Field(None, ge=1, description="Training steps, instead of the plan and the budget.")
    epsilon: float | None = Field(None, ge=0.1, description="Differential privacy: the most that is spent on a model.")
    to: _Location = Field("sweep", description="Folder of the table and of each run's releases: a path or a URI.")
    runs: _Location = Field(
        "runs", description="Folder of the runs' artefacts, the evidence, a path or an fsspec URI; it holds real data."
    )

    def cells(self) -> Iterator[dict[str, Any]]:
        """Yield what each run of `synthesize` is asked for: its release has a folder of its own, without a rival."""
        models: list[ModelName | None] = [*self.model] or [None]
        for contract, model, seed in product(self.contract, models, range(self.seeds)):
            to = f"{self.to}/releases/{Path(contract).stem}-{model or 'own'}-{seed}"
            yield self.model_dump(exclude={"seeds"}) | {"contract": contract, "model": model, "seed": seed, "to": to}


def takes(parameters: type[BaseModel]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Spread a model's fields over a flow's signature.

    So the model stays the one description of the parameters, and `-p rows=5000` sets one field: a flow with the model
    as its only parameter would have the whole object replaced.  Prefect takes types and bounds from the signature
    and descriptions from the docstring.
    """

    def spread(function: Callable[..., Any]) -> Callable[..., Any]:
        fields = parameters.model_fields
        lines = [f"    {name}: {field.description}" for name, field in fields.items()]
        function.__doc__ = "\n".join([inspect.cleandoc(function.__doc__ or ""), "", "Args:", *lines])
        function.__signature__ = inspect.signature(parameters)  # type: ignore[attr-defined]
        return function

    return spread
