"""Detection in files as they arrive: each file of a folder, once; a schedule asks again.

release, new files -> detect each -> one of anomalies for each file, or why it cannot be read
"""

from typing import Any

from prefect import flow

from flows.page import show_each
from flows.parameters import EachDetection, takes
from tasks.detect_each import DetectedEach, detect_each, require_read

__all__ = ["each_detection"]


@flow(name="detect-each", flow_run_name="anomalies in new files by {release}")
@takes(EachDetection)
def each_detection(**values: Any) -> DetectedEach:  # noqa: ANN401 - the signature is that of EachDetection
    """Find anomalies in each file of a folder that was not judged yet, by a release's model."""
    asked = EachDetection(**values)
    found = detect_each(**asked.model_dump())
    show_each(found)
    return require_read(found)


if __name__ == "__main__":
    each_detection()
