"""A sheet holds the images that were drawn, side by side, in order of their rows' codes."""

import io

import numpy as np
import torch
from PIL import Image

from models.encoding import Encoded
from tasks.learning.sheets import save_sheet, sheet_of


def test_images_stand_side_by_side_and_what_is_left_over_is_black():
    pixels = np.arange(1, 13, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 3, 1), np.uint8)

    sheet = sheet_of(pixels)

    assert sheet.shape == (8, 30, 1)
    assert sheet[0, ::3, 0].tolist() == list(range(1, 11))
    assert sheet[4, ::3, 0].tolist() == [11, 12] + 8 * [0]


def test_a_sheet_is_a_png_file_in_order_of_the_codes_and_renewed(tmp_path):
    codes = torch.tensor([[0, 1], [0, 0]])
    pixels = torch.tensor([200, 100], dtype=torch.uint8)[:, None, None, None].expand(2, 3, 5, 5)
    path = tmp_path / "samples.png"

    for _ in range(2):
        save_sheet(path, Encoded(codes, torch.zeros(2, 0), pixels))

    seen = np.asarray(Image.open(io.BytesIO(path.read_bytes())))
    assert seen.shape == (5, 50, 3)
    assert (seen[0, 0, 0], seen[0, 5, 0]) == (100, 200)
    assert [file.name for file in tmp_path.iterdir()] == ["samples.png"]


def test_rows_without_images_leave_no_sheet(tmp_path):
    save_sheet(tmp_path / "samples.png", Encoded(torch.zeros(2, 1).long(), torch.zeros(2, 0)))

    assert not list(tmp_path.iterdir())
