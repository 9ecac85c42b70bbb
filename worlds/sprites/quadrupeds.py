"""The animals of the sprite world that go on legs, drawn with a few curves each. All face right."""

from typing import Final

from worlds.arrays import Color
from worlds.sprites.shapes import (
    INK,
    WHITE,
    Mark,
    Outline,
    Piece,
    Point,
    Shape,
    Swing,
    ellipse,
    eye,
    polygon,
    ribbon,
    smooth,
)

_PINK: Final[Color] = (222, 140, 150)
_SKIN: Final[Color] = (128, 160, 84)

_FAR_SHADE: Final = 0.66


def _leg(hip: Point, foot: Point, widths: tuple[float, float], *, offset: float, far: bool, swing: float = 26) -> Piece:
    """A leg with a small paw that points forward."""
    (x0, y0), (x1, y1) = hip, foot
    points = [hip, ((x0 + x1) / 2, (y0 + y1) / 2), (x1, y1 - widths[1] / 2), (x1 + 0.5 * widths[1], y1 - widths[1] / 2)]
    outline = ribbon(points, [widths[0], (widths[0] + widths[1]) / 2, widths[1], widths[1] * 0.9])
    return Piece(
        outline=outline,
        pivot=hip,
        swing=Swing(angle_deg=swing, offset=offset),
        shade=_FAR_SHADE if far else 1.0,
    )


def _legs(hips: tuple[Point, Point], foot_y: float, widths: tuple[float, float], swing: float = 26) -> list[Piece]:
    """Far pair, then near pair; diagonal legs swing together, as in a trot."""
    (back_x, back_y), (front_x, front_y) = hips
    gap = 0.7 * widths[0]
    placed = [
        (back_x + gap, back_y, 0.5, True),
        (front_x - gap, front_y, 0.0, True),
        (back_x, back_y, 0.0, False),
        (front_x, front_y, 0.5, False),
    ]
    return [
        _leg((x, y), (x, foot_y - (0.03 if far else 0)), widths, offset=offset, far=far, swing=swing)
        for x, y, offset, far in placed
    ]


def _tail(outline: Outline, root: Point, angle_deg: float = 14) -> Piece:
    return Piece(outline=outline, pivot=root, swing=Swing(angle_deg=angle_deg, offset=0.2))


def _cat() -> Shape:
    far_back, far_front, near_back, near_front = _legs(((-0.46, 0.1), (0.34, 0.12)), 0.72, (0.25, 0.17))
    nod = Swing(angle_deg=4, offset=0.1)
    neck = (0.45, -0.1)
    tail = ribbon([(-0.58, -0.1), (-0.85, -0.22), (-0.93, -0.52), (-0.78, -0.8)], [0.17, 0.15, 0.14, 0.13])
    body = smooth(
        [
            (-0.66, 0.02),
            (-0.5, -0.24),
            (-0.05, -0.22),
            (0.4, -0.28),
            (0.58, 0.0),
            (0.4, 0.26),
            (-0.1, 0.24),
            (-0.5, 0.3),
        ]
    )
    ears = [
        polygon([(0.32, -0.45), (0.36, -0.86), (0.6, -0.6)]),
        polygon([(0.6, -0.6), (0.84, -0.86), (0.86, -0.45)]),
    ]
    head = smooth(
        [
            (0.28, -0.3),
            (0.36, -0.58),
            (0.6, -0.66),
            (0.84, -0.58),
            (0.92, -0.3),
            (0.78, -0.1),
            (0.6, -0.05),
            (0.42, -0.1),
        ]
    )
    face = (
        *eye((0.52, -0.38)),
        *eye((0.77, -0.38)),
        Mark(center=(0.66, -0.24), radius=0.045, color=_PINK),
    )
    return Shape(
        pieces=(
            far_back,
            far_front,
            _tail(tail, (-0.58, -0.1)),
            Piece(outline=body),
            near_back,
            near_front,
            *(Piece(outline=ear, pivot=neck, swing=nod) for ear in ears),
            Piece(outline=head, pivot=neck, swing=nod, marks=face),
        )
    )


def _dog() -> Shape:
    far_back, far_front, near_back, near_front = _legs(((-0.5, 0.08), (0.32, 0.1)), 0.76, (0.26, 0.17), swing=30)
    nod = Swing(angle_deg=5, offset=0.1)
    neck = (0.4, -0.15)
    tail = ribbon([(-0.62, -0.16), (-0.84, -0.4), (-0.92, -0.62)], [0.15, 0.12, 0.07])
    body = smooth(
        [
            (-0.7, -0.08),
            (-0.5, -0.28),
            (0.0, -0.2),
            (0.36, -0.36),
            (0.56, -0.05),
            (0.42, 0.28),
            (-0.05, 0.16),
            (-0.5, 0.24),
        ]
    )
    head = smooth(
        [
            (0.3, -0.35),
            (0.38, -0.64),
            (0.64, -0.7),
            (0.8, -0.5),
            (1.05, -0.44),
            (1.12, -0.28),
            (0.95, -0.17),
            (0.62, -0.12),
            (0.4, -0.16),
        ]
    )
    ear = smooth([(0.36, -0.64), (0.52, -0.62), (0.52, -0.36), (0.44, -0.14), (0.28, -0.2), (0.28, -0.45)])
    face = (*eye((0.7, -0.5)), Mark(center=(1.08, -0.39), radius=0.065, color=INK))
    return Shape(
        pieces=(
            far_back,
            far_front,
            _tail(tail, (-0.62, -0.16), 24),
            Piece(outline=body),
            near_back,
            near_front,
            Piece(outline=head, pivot=neck, swing=nod, marks=face),
            Piece(outline=ear, pivot=(0.42, -0.6), swing=Swing(angle_deg=14, offset=0.3), shade=0.8),
        )
    )


def _rabbit() -> Shape:
    nod = Swing(angle_deg=5, offset=0.1)
    neck = (0.3, -0.05)
    body = smooth(
        [(-0.62, 0.25), (-0.55, -0.12), (-0.2, -0.32), (0.2, -0.2), (0.45, 0.1), (0.4, 0.45), (0.0, 0.6), (-0.45, 0.58)]
    )
    haunch = ellipse((-0.3, 0.32), (0.3, 0.3))
    tail = ellipse((-0.66, 0.2), (0.16, 0.16))
    hind_foot = ribbon([(-0.42, 0.6), (-0.2, 0.64), (0.06, 0.64)], [0.2, 0.18, 0.14])
    head = smooth([(0.16, -0.24), (0.28, -0.48), (0.54, -0.52), (0.76, -0.34), (0.76, -0.14), (0.56, 0.02), (0.3, 0.0)])
    ears = [
        ribbon([(0.42, -0.42), (0.3, -0.72), (0.14, -1.02)], [0.14, 0.2, 0.11]),
        ribbon([(0.5, -0.44), (0.48, -0.76), (0.42, -1.1)], [0.14, 0.2, 0.11]),
    ]
    flop = [Swing(angle_deg=10, offset=0.25), Swing(angle_deg=8, offset=0.35)]
    face = (*eye((0.52, -0.28)), Mark(center=(0.77, -0.24), radius=0.05, color=_PINK))
    kick = Swing(angle_deg=20, offset=0.0)
    return Shape(
        pieces=(
            _leg((0.2, 0.35), (0.26, 0.7), (0.17, 0.14), offset=0.5, far=True),
            Piece(outline=tail, color=WHITE),
            Piece(outline=body),
            _leg((0.26, 0.38), (0.34, 0.74), (0.18, 0.15), offset=0.45, far=False),
            Piece(outline=hind_foot, pivot=(-0.42, 0.6), swing=kick),
            Piece(outline=haunch),
            Piece(outline=ears[0], pivot=(0.42, -0.42), swing=flop[0], shade=_FAR_SHADE),
            Piece(outline=head, pivot=neck, swing=nod, marks=face),
            Piece(outline=ears[1], pivot=(0.5, -0.44), swing=flop[1]),
        )
    )


def _horse() -> Shape:
    far_back, far_front, near_back, near_front = _legs(((-0.5, 0.05), (0.28, 0.08)), 0.95, (0.24, 0.12), swing=28)
    nod = Swing(angle_deg=6, offset=0.15)
    chest = (0.32, -0.05)
    tail = ribbon([(-0.64, -0.22), (-0.86, -0.1), (-0.94, 0.2), (-0.88, 0.5)], [0.1, 0.2, 0.22, 0.08])
    body = smooth(
        [
            (-0.7, -0.1),
            (-0.5, -0.32),
            (-0.1, -0.22),
            (0.3, -0.32),
            (0.5, -0.08),
            (0.36, 0.2),
            (-0.1, 0.24),
            (-0.55, 0.2),
        ]
    )
    neck = smooth(
        [(0.16, -0.24), (0.38, -0.62), (0.56, -0.9), (0.74, -0.84), (0.66, -0.5), (0.52, -0.06), (0.32, 0.08)]
    )
    head = smooth(
        [
            (0.5, -0.86),
            (0.66, -0.98),
            (0.84, -0.88),
            (1.06, -0.6),
            (1.08, -0.46),
            (0.94, -0.42),
            (0.76, -0.58),
            (0.58, -0.66),
        ]
    )
    mane = smooth(
        [(0.6, -1.04), (0.46, -0.92), (0.22, -0.6), (0.02, -0.26), (0.16, -0.18), (0.36, -0.5), (0.56, -0.84)]
    )
    ear = polygon([(0.58, -0.88), (0.62, -1.14), (0.74, -0.9)])
    face = (*eye((0.76, -0.8), 0.065), Mark(center=(1.0, -0.53), radius=0.035, color=INK))
    return Shape(
        pieces=(
            far_back,
            far_front,
            Piece(outline=tail, pivot=(-0.64, -0.22), swing=Swing(angle_deg=12, offset=0.2), shade=0.5),
            Piece(outline=body),
            near_back,
            near_front,
            Piece(outline=neck, pivot=chest, swing=nod),
            Piece(outline=ear, pivot=chest, swing=nod),
            Piece(outline=head, pivot=chest, swing=nod, marks=face),
            Piece(outline=mane, pivot=chest, swing=nod, shade=0.5),
        )
    )


def _elephant() -> Shape:
    far_back, far_front, near_back, near_front = _legs(((-0.46, 0.1), (0.22, 0.1)), 0.8, (0.32, 0.26), swing=16)
    nod = Swing(angle_deg=3, offset=0.1)
    neck = (0.35, -0.2)
    tail = ribbon([(-0.72, -0.2), (-0.88, 0.0), (-0.9, 0.24)], [0.08, 0.06, 0.08])
    body = smooth(
        [
            (-0.78, 0.05),
            (-0.66, -0.38),
            (-0.2, -0.56),
            (0.25, -0.45),
            (0.5, -0.1),
            (0.4, 0.28),
            (-0.1, 0.36),
            (-0.62, 0.32),
        ]
    )
    head = smooth([(0.28, -0.3), (0.38, -0.66), (0.68, -0.74), (0.92, -0.5), (0.9, -0.16), (0.66, 0.0), (0.4, -0.04)])
    trunk = ribbon([(0.8, -0.28), (0.96, 0.0), (0.94, 0.3), (0.97, 0.46), (1.03, 0.45)], [0.3, 0.22, 0.17, 0.14, 0.11])
    ear = smooth([(0.5, -0.5), (0.3, -0.72), (0.02, -0.56), (0.0, -0.14), (0.2, 0.1), (0.42, -0.04)])
    return Shape(
        pieces=(
            far_back,
            far_front,
            _tail(tail, (-0.72, -0.2), 20),
            Piece(outline=body),
            near_back,
            near_front,
            Piece(outline=trunk, pivot=(0.8, -0.3), swing=Swing(angle_deg=6, offset=0.0)),
            Piece(outline=head, pivot=neck, swing=nod, marks=eye((0.72, -0.4), 0.07)),
            Piece(outline=ear, pivot=(0.48, -0.4), swing=Swing(angle_deg=9, offset=0.4), shade=0.84),
        )
    )


def _turtle() -> Shape:
    paddle = Swing(angle_deg=24, offset=0.5)
    shell = smooth(
        [(-0.78, 0.22), (-0.66, -0.2), (-0.2, -0.48), (0.24, -0.42), (0.58, -0.08), (0.66, 0.22), (0.0, 0.3)]
    )
    rim = ribbon([(-0.8, 0.24), (-0.4, 0.31), (0.1, 0.32), (0.68, 0.24)], [0.13, 0.16, 0.16, 0.13])
    head = smooth([(0.56, 0.1), (0.72, -0.22), (0.94, -0.32), (1.14, -0.2), (1.14, -0.02), (0.96, 0.08), (0.78, 0.26)])
    limbs = [
        Piece(
            outline=ribbon([(-0.46, 0.25), (-0.6, 0.44), (-0.7, 0.56)], [0.26, 0.22, 0.16]),
            pivot=(-0.46, 0.25),
            swing=Swing(angle_deg=20),
            color=_SKIN,
        ),
        Piece(
            outline=ribbon([(0.38, 0.25), (0.46, 0.44), (0.56, 0.56)], [0.26, 0.22, 0.16]),
            pivot=(0.38, 0.25),
            swing=paddle,
            color=_SKIN,
        ),
    ]
    crane = Swing(angle_deg=6, offset=0.1)
    return Shape(
        pieces=(
            *limbs,
            Piece(outline=head, pivot=(0.6, 0.1), swing=crane, color=_SKIN, marks=eye((0.98, -0.17), 0.075)),
            Piece(outline=shell),
            Piece(outline=rim, shade=0.7),
        )
    )


QUADRUPEDS: Final[dict[str, Shape]] = {
    "cat": _cat(),
    "dog": _dog(),
    "rabbit": _rabbit(),
    "horse": _horse(),
    "elephant": _elephant(),
    "turtle": _turtle(),
}
