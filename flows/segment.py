"""Segments: rows, or one image's pixels, told apart into a few, and what each is like.

release or contract, rows -> segment -> segments.parquet, segments.json, segments.html
image -> segment_image -> labels.png, segments.png, segments.json
"""

from typing import Any

from prefect import flow

from data_contracts import ContractError
from flows.page import show_segmented
from flows.parameters import Segmentation, takes
from tasks.segment import segment
from tasks.segment_image import is_image, segment_image
from tasks.segmenting.said import Segmented

__all__ = ["segmentation"]


@flow(name="segment", flow_run_name="segments of {of}")
@takes(Segmentation)
def segmentation(**values: Any) -> Segmented:  # noqa: ANN401 - the signature is that of Segmentation
    """Tell rows, or the pixels of an image, apart into a few segments."""
    asked = Segmentation(**values)
    to, number, most, seed = asked.to, asked.segments, asked.most, asked.seed
    if is_image(asked.of):
        _require_alone(asked)
        found = segment_image(asked.of, to=to, segments=number, most=most, seed=seed)
    else:
        found = segment(asked.of, asked.data, to=to, segments=number, most=most, by=asked.by, seed=seed)
    show_segmented(found)
    return found


def _require_alone(asked: Segmentation) -> None:
    """Refuse rows and columns beside an image.

    Raises:
        ContractError: there are some.
    """
    if asked.data is not None or asked.by:
        fact = "rows or columns were named beside an image"
        raise ContractError("an image is segmented by its own pixels", fact, "Leave them out, or name a contract")


if __name__ == "__main__":
    segmentation()
