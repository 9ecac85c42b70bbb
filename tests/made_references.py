"""A reference image with plausible scores, for tests that ask for some of them."""

from dataclasses import replace
from typing import Any, Final

from dataset_schema import Box, Payload, ReferenceImage

_PLAUSIBLE: Final = ReferenceImage(
    frame_index=0,
    time_s=0.0,
    box=Box(x0=0, y0=0, x1=10, y1=10),
    detection_score=0.9,
    mask_score=0.9,
    area=0.1,
    sharpness=100.0,
    largest_fragment=1.0,
    solidity=1.0,
    fill=1.0,
    border_contact=0.0,
    overlap=0.0,
    agreement=None,
    likeness_to_clip=None,
    is_face=False,
    image=Payload(bytes=b"a picture"),
)


def made_reference(image: Payload, **own: Any) -> ReferenceImage:
    """The picture, with these fields of its own."""
    return replace(_PLAUSIBLE, image=image, **own)
