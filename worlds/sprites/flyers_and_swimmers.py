"""The animals of the sprite world that fly or swim, drawn with a few curves each. All face right."""

from typing import Final

from worlds.arrays import Color
from worlds.sprites.shapes import INK, Mark, Piece, Shape, Swing, ellipse, eye, polygon, smooth

_BEAK: Final[Color] = (240, 160, 50)

_FAR_SHADE: Final = 0.66


def _fish() -> Shape:
    beat = Swing(angle_deg=16)
    root = (-0.45, 0.0)
    tail = smooth([(-0.4, 0.0), (-0.72, -0.32), (-0.98, -0.46), (-0.88, 0.0), (-0.98, 0.46), (-0.72, 0.32)])
    body = smooth(
        [
            (-0.56, 0.0),
            (-0.26, -0.34),
            (0.2, -0.48),
            (0.62, -0.34),
            (0.9, 0.02),
            (0.62, 0.34),
            (0.2, 0.46),
            (-0.26, 0.32),
        ]
    )
    back_fin = smooth([(-0.24, -0.3), (-0.2, -0.66), (0.08, -0.74), (0.36, -0.4)])
    belly_fin = smooth([(-0.1, 0.36), (-0.22, 0.66), (0.04, 0.6), (0.22, 0.4)])
    side_fin = smooth([(0.22, 0.08), (-0.04, 0.02), (-0.18, 0.22), (0.02, 0.32)])
    mouth = (Mark(center=(0.86, 0.07), radius=0.05, color=INK),)
    return Shape(
        pieces=(
            Piece(outline=tail, pivot=root, swing=beat, shade=0.82),
            Piece(outline=back_fin, pivot=(0.1, -0.38), swing=Swing(angle_deg=5, offset=0.3), shade=0.82),
            Piece(outline=belly_fin, pivot=(0.06, 0.36), swing=Swing(angle_deg=8, offset=0.6), shade=0.82),
            Piece(outline=body, marks=(*eye((0.56, -0.1), 0.115), *mouth)),
            Piece(outline=side_fin, pivot=(0.22, 0.15), swing=Swing(angle_deg=18, offset=0.4), shade=0.72),
        )
    )


def _bird() -> Shape:
    flap = Swing(angle_deg=14, offset=0.0, stretch=0.75)
    far_flap = Swing(angle_deg=10, offset=0.04, stretch=0.75)
    tail = polygon([(-0.5, -0.02), (-1.02, -0.2), (-0.94, 0.0), (-1.02, 0.18), (-0.5, 0.14)])
    body = smooth([(-0.62, 0.04), (-0.2, -0.22), (0.3, -0.26), (0.56, -0.02), (0.36, 0.26), (-0.15, 0.3)])
    head = ellipse((0.58, -0.24), (0.27, 0.26))
    beak = polygon([(0.8, -0.32), (1.1, -0.17), (0.8, -0.1)])
    wing = smooth([(0.26, -0.06), (0.12, -0.52), (-0.16, -0.98), (-0.4, -0.94), (-0.42, -0.5), (-0.3, 0.0)])
    far_wing = smooth([(0.36, -0.1), (0.34, -0.5), (0.16, -0.92), (-0.06, -0.86), (-0.12, -0.4), (0.0, -0.02)])
    return Shape(
        pieces=(
            Piece(outline=far_wing, pivot=(0.14, -0.05), swing=far_flap, shade=_FAR_SHADE),
            Piece(outline=tail, shade=0.85),
            Piece(outline=body),
            Piece(outline=beak, color=_BEAK),
            Piece(outline=head, marks=eye((0.66, -0.28), 0.085)),
            Piece(outline=wing, pivot=(0.0, -0.02), swing=flap, shade=0.86),
        )
    )


def _duck() -> Shape:
    glide = Swing(angle_deg=3)
    tail = polygon([(-0.6, 0.12), (-1.0, -0.2), (-0.5, -0.04)])
    body = smooth(
        [(-0.8, 0.06), (-0.5, 0.02), (-0.1, -0.04), (0.3, 0.0), (0.62, 0.14), (0.46, 0.46), (-0.1, 0.54), (-0.6, 0.42)]
    )
    neck = smooth([(0.2, 0.2), (0.26, -0.3), (0.5, -0.4), (0.66, -0.2), (0.64, 0.24), (0.4, 0.34)])
    head = ellipse((0.5, -0.42), (0.27, 0.25))
    beak = smooth([(0.7, -0.48), (0.92, -0.42), (1.04, -0.36), (0.92, -0.28), (0.7, -0.3)])
    wing = smooth([(0.26, 0.12), (-0.1, 0.06), (-0.6, 0.02), (-0.5, 0.24), (-0.1, 0.38), (0.2, 0.32)])
    root = (0.4, 0.2)
    return Shape(
        pieces=(
            Piece(outline=tail, pivot=(-0.5, 0.1), swing=Swing(angle_deg=10, offset=0.3)),
            Piece(outline=body),
            Piece(outline=neck, pivot=root, swing=glide),
            Piece(outline=beak, pivot=root, swing=glide, color=_BEAK),
            Piece(outline=head, pivot=root, swing=glide, marks=eye((0.58, -0.46), 0.08)),
            Piece(outline=wing, pivot=(0.2, 0.2), swing=Swing(angle_deg=7, offset=0.6), shade=0.84),
        )
    )


FLYERS_AND_SWIMMERS: Final[dict[str, Shape]] = {
    "fish": _fish(),
    "bird": _bird(),
    "duck": _duck(),
}
