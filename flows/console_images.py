"""What the command line says of images that were coded or enlarged, to people and to machines."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.decode import Decoded
    from tasks.encode import Coded
    from tasks.upscale import Upscaled

__all__ = ["show_decoded", "show_encoded", "show_upscaled", "told_of_codes"]


def show_encoded(coded: "Coded", *, as_json: bool) -> None:
    """Say what codes take and keep, beside JPEG at as many bytes."""
    if as_json:
        print(json.dumps(asdict(coded), indent=2))
        return
    print(f"{coded.images:,} images as codes of {coded.contract} {coded.release}")
    for line in told_of_codes(coded):
        print(f"  {line}")
    print(f"codes   {coded.uri}")


def told_of_codes(coded: "Coded") -> tuple[str, ...]:
    """Return what codes take and keep, a line each."""
    jpeg, bytes_ = coded.jpeg, f"{coded.stored_bytes:.1f} in the file, {coded.entropy_bytes:.1f} by frequencies alone"
    bits = f"{coded.bits_per_dimension:.3f} bits per dimension in the file"
    least = "" if jpeg.fits else "even at its least quality more, "
    return (
        f"codes  {coded.code_bytes:.1f} bytes an image ({coded.latents} numbers of {coded.bits} bits), {bytes_}",
        f"rate   {bits}; {coded.bound:.2f} without any loss, by the model's bound",
        f"kept   {coded.psnr:.2f} dB PSNR",
        f"JPEG   {least}{jpeg.bytes:.1f} bytes without headers: {jpeg.psnr:.2f} dB at quality {jpeg.quality}",
    )


def show_decoded(decoded: "Decoded", *, as_json: bool) -> None:
    """Say where the images are."""
    if as_json:
        print(json.dumps(asdict(decoded), indent=2))
        return
    print(f"{decoded.images:,} images by {decoded.contract} {decoded.release}\nimages  {decoded.uri}")


def show_upscaled(upscaled: "Upscaled", *, as_json: bool) -> None:
    """Say how well images are enlarged, beside a plain kernel and the real ones, and where they are."""
    if as_json:
        print(json.dumps(asdict(upscaled), indent=2))
        return
    print(f"{upscaled.images:,} images, {upscaled.factor} times as large a side as they were, by {upscaled.way}")
    print(f"{upscaled.judged:,} real images that were held out, made small and large again:")
    for each in upscaled.ways:
        far = "" if each.psnr is None else f"{each.psnr:.2f} dB PSNR"
        right = "" if each.accuracy is None else f"{each.accuracy:.3f} of the classes named rightly"
        print(f"  {each.way:<8} {far:>14}  {right}")
    print(f"images  {upscaled.uri}\nfigures {upscaled.figures}")
