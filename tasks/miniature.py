"""Miniature: the contract of small images that are to become those of a contract.

Reads: the first rows of the small images.  Writes: nothing.
Fails when: the contract has no images, or their sides are no multiples of the factor; or the source cannot be read.
Safe to repeat because: it only reads.
"""

from dataclasses import replace

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract, ContractError, LikenessError
from tasks.readers import read
from tasks.readers.origin import origin_of

__all__ = ["miniature"]


@task(cache_policy=NO_CACHE)  # the source may have changed under the same name
def miniature(contract: Contract, source: str, *, factor: int) -> Contract:
    """Return the contract of small images: the same columns, or the images alone where there is nothing else.

    Args:
        contract: of the large images.
        source: where the small ones are: a path, folder, glob or fsspec URI.
        factor: how many times larger the contract's are.

    Raises:
        ContractError: the contract has no images, or of sides that are no multiples of the factor.
        DataError: the source cannot be read.
    """
    image = contract.image
    if image is None:
        fact, remedy = f"{contract.id} is of a table", "Name a contract of images"
        raise ContractError("images are enlarged as a contract's images teach", fact, remedy)
    height, width, _ = image.pixels
    if height % factor or width % factor:
        rule = f"the sides of images that are {factor} times as large are multiples of {factor}"
        raise ContractError(rule, f"those of {contract.id} are {height} x {width}", "Choose another factor")
    small = replace(image, height=height // factor, width=width // factor, resize=False)
    alone = _columns(contract, source, image=image.name) == [image.name]
    others = {column.name: column for column in contract.columns if not alone}
    columns = tuple((others | {image.name: small}).values())
    rules = () if alone else contract.rules
    target = None if alone else contract.target
    return replace(contract, columns=columns, rules=rules, target=target, minimum_rows=1)


def _columns(contract: Contract, source: str, *, image: str) -> list[str]:
    """Return the names of a source's columns."""
    try:
        first = next(read(origin_of(contract, source), names=None, failures=[], image=image), None)
    except LikenessError as error:
        error.__context__ = error.__cause__ = None  # what a library said of the cells it read goes no further
        raise
    return [] if first is None else list(first.schema.names)
