"""Detection: new rows in, which of them are anomalies and why.

release, new rows -> detect -> anomalies.parquet
"""

from typing import Any

from prefect import flow

from flows.page import show_detected
from flows.parameters import Detection, takes
from tasks.detect import Detected, detect

__all__ = ["detection"]


@flow(name="detect", flow_run_name="anomalies by {release}")
@takes(Detection)
def detection(**values: Any) -> Detected:  # noqa: ANN401 - the signature is that of Detection
    """Find anomalies among new rows by a release's model."""
    asked = Detection(**values)
    found = detect(
        asked.release,
        asked.data,
        to=asked.to,
        contamination=asked.contamination,
        fdr=asked.fdr,
        contract=asked.contract,
        key=asked.key,
    )
    show_detected(found)
    return found


if __name__ == "__main__":
    detection()
