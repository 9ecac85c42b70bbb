"""The things of the sprite world, drawn with a few curves each."""

from typing import Final

from worlds.arrays import Color
from worlds.sprites.shapes import INK, Mark, Piece, Shape, Swing, ellipse, polygon, ribbon, smooth

_RUBBER: Final[Color] = (52, 50, 56)
_METAL: Final[Color] = (200, 204, 210)
_GLASS: Final[Color] = (196, 226, 240)
_WOOD: Final[Color] = (124, 84, 52)
_STRAW: Final[Color] = (196, 152, 92)


def _wheel(x: float, y: float, radius: float) -> Piece:
    hub = (Mark(center=(x, y), radius=0.5 * radius, color=_METAL), Mark(center=(x, y), radius=0.16 * radius, color=INK))
    return Piece(outline=ellipse((x, y), (radius, radius)), color=_RUBBER, marks=hub)


def _car() -> Shape:
    cabin = smooth([(-0.62, -0.08), (-0.46, -0.44), (-0.06, -0.52), (0.3, -0.44), (0.56, -0.08), (0.0, 0.0)])
    body = smooth(
        [
            (-0.96, 0.22),
            (-0.98, -0.02),
            (-0.6, -0.14),
            (0.0, -0.14),
            (0.6, -0.12),
            (0.96, 0.0),
            (1.0, 0.24),
            (0.5, 0.3),
            (-0.5, 0.3),
        ]
    )
    windows = [
        polygon([(-0.5, -0.12), (-0.38, -0.37), (-0.1, -0.41), (-0.1, -0.12)]),
        polygon([(0.0, -0.12), (0.0, -0.41), (0.24, -0.36), (0.44, -0.12)]),
    ]
    lamp = (Mark(center=(0.92, 0.07), radius=0.07, color=(255, 236, 150)),)
    return Shape(
        pieces=(
            Piece(outline=cabin),
            Piece(outline=body, marks=lamp),
            *(Piece(outline=window, color=_GLASS) for window in windows),
            _wheel(-0.54, 0.3, 0.23),
            _wheel(0.56, 0.3, 0.23),
        )
    )


def _ball() -> Shape:
    return Shape(pieces=(Piece(outline=ellipse((0.0, 0.0), (0.8, 0.8))),))


def _kite() -> Shape:
    sail = polygon([(0.0, -1.1), (0.62, -0.32), (0.0, 0.68), (-0.62, -0.32)])
    spine = ribbon([(0.0, -1.08), (0.0, -0.2), (0.0, 0.66)], [0.04, 0.04, 0.04])
    spar = ribbon([(-0.6, -0.32), (0.0, -0.32), (0.6, -0.32)], [0.04, 0.04, 0.04])
    tail = ribbon([(0.0, 0.64), (0.12, 0.8), (-0.06, 0.94), (0.1, 1.1)], [0.07, 0.07, 0.07, 0.06])
    return Shape(
        pieces=(
            Piece(outline=tail, pivot=(0.0, 0.66), swing=Swing(angle_deg=22), shade=0.7),
            Piece(outline=sail),
            Piece(outline=spar, color=_WOOD),
            Piece(outline=spine, color=_WOOD),
        )
    )


def _boat() -> Shape:
    hull = smooth(
        [(-0.94, 0.3), (-0.5, 0.36), (0.3, 0.36), (1.0, 0.24), (0.74, 0.62), (0.3, 0.72), (-0.5, 0.72), (-0.78, 0.6)]
    )
    mast = ribbon([(-0.02, 0.4), (-0.02, -0.3), (-0.02, -1.0)], [0.08, 0.07, 0.06])
    main_sail = smooth([(0.06, -0.94), (0.34, -0.5), (0.72, 0.16), (0.3, 0.2), (0.06, 0.18)], per_segment=4)
    fore_sail = smooth([(-0.1, -0.76), (-0.1, 0.14), (-0.3, 0.16), (-0.62, 0.12), (-0.34, -0.34)], per_segment=4)
    return Shape(
        pieces=(
            Piece(outline=mast, color=_WOOD),
            Piece(outline=main_sail),
            Piece(outline=fore_sail, shade=0.82),
            Piece(outline=hull, color=_WOOD),
        )
    )


def _balloon() -> Shape:
    bag = smooth(
        [
            (0.0, -1.1),
            (0.52, -0.94),
            (0.76, -0.44),
            (0.52, 0.1),
            (0.2, 0.46),
            (-0.2, 0.46),
            (-0.52, 0.1),
            (-0.76, -0.44),
            (-0.52, -0.94),
        ]
    )
    ropes = [ribbon([(side * 0.17, 0.42), (side * 0.16, 0.6), (side * 0.15, 0.78)], [0.035] * 3) for side in (-1, 1)]
    basket = smooth([(-0.22, 0.76), (0.0, 0.77), (0.22, 0.76), (0.18, 1.06), (0.0, 1.08), (-0.18, 1.06)])
    return Shape(
        pieces=(
            *(Piece(outline=rope, color=_WOOD) for rope in ropes),
            Piece(outline=basket, color=_STRAW),
            Piece(outline=bag),
        )
    )


THINGS: Final[dict[str, Shape]] = {
    "car": _car(),
    "ball": _ball(),
    "kite": _kite(),
    "boat": _boat(),
    "balloon": _balloon(),
}
