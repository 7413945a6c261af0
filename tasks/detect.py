"""Detect: score new rows by a published model, or by the rows of a run, and say which are anomalies and why.

Reads: a release or a run, and new rows wherever they are.  Writes: one Parquet file, a row for each.
Fails when: the release is not what its manifest says, or has no calibration; the contract
that is named does not fit; the data cannot be read as rows of its columns; or the file cannot be written.
Safe to repeat because: the same release and rows give the same bytes, and the file appears when it is complete.
"""

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.detecting.opening import Asked, open_judge
from tasks.detecting.writing import Detected, write_judged
from tasks.places import here
from tasks.readers.origin import origin_of

__all__ = ["Detected", "detect"]


@task(cache_policy=NO_CACHE)  # the data may have changed under the same name
def detect(
    release: str,
    data: str,
    *,
    to: str,
    contamination: float = 0.01,
    fdr: float | None = None,
    contract: str | None = None,
    key: str | None = None,
) -> Detected:
    """Judge new rows by a release or a run.

    Args:
        release: a release, or its contract's folder; a path or an fsspec URI. Or the folder of a run on this machine.
        data: path, folder, glob, fsspec URI or SQLAlchemy URL of the rows.
        to: the Parquet file that is written; a path or an fsspec URI.
        contamination: the p-value up to which a row is an anomaly: so many of the usual rows are called one.
        fdr: instead, which share of the anomalies may be false alarms (Benjamini-Hochberg).
        contract: says how the data is written, by name or path; None: as a source is without a further word.
        key: path of the public key that must have signed the release; None: it need not be signed.

    Raises:
        ReleaseError: the release is not as its manifest says, is not signed by the key, has no calibration, or the file
            cannot be written.
        ModelError: the release's model cannot be read; the run is of images, or has no model.
        ContractError: the contract that is named is not one of the release's columns.
        DataError: the data cannot be read as rows of the contract's columns.
    """
    opened = open_judge(release, Asked(contamination, fdr, contract, key))
    return write_judged(opened, origin_of(opened.written, data), here(to))
