"""Open a release that images are to be coded by.

Reads: the release.  Writes: nothing.
Fails when: the release is not what its manifest says, is of a table, or its model has no latent codes; or the contract
that is named does not fit.
Safe to repeat because: it only reads.
"""

from dataclasses import replace

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract, ContractError, odcs
from tasks.coding.latents import LATENT, ROW
from tasks.coding.opening import Opened, coding_of
from tasks.releases.fitting import fitting
from tasks.releases.layout import CONTRACT
from tasks.verify import locate, verify

__all__ = ["open_coder"]

_WEIGHTS = "model/weights.safetensors"


@task(cache_policy=NO_CACHE)  # the release may have changed under the same name
def open_coder(release: str, *, contract: str | None = None) -> Opened:
    """Verify a release whose model has latent codes, and return what is needed of it.

    Args:
        release: a release, or its contract's folder; a path or an fsspec URI.
        contract: says how data is written, by name or path; None: as a source is without a further word.

    Raises:
        ReleaseError: the release is not as its manifest says.
        ModelError: it is of a table, or its model has no latent codes.
        ContractError: the contract that is named is not one of the release's columns, or a column cannot be told from
            those of a file of codes.
    """
    folder = locate(release)
    manifest = verify(folder).manifest
    released = odcs.load(folder / CONTRACT)
    coding_of(released, folder / "model")
    _require_own_names(released)
    terms = replace(fitting(released, contract), minimum_rows=1)  # any number of images may be coded
    return Opened(str(folder), terms, manifest["release"], manifest["files"][_WEIGHTS]["sha256"])


def _require_own_names(contract: Contract) -> None:
    if taken := {ROW, LATENT} & {*contract.names}:
        rule = f"no column beside images that are coded is named {ROW} or {LATENT}"
        raise ContractError(rule, f"{' and '.join(sorted(taken))} is", "Name it otherwise, and release again")
