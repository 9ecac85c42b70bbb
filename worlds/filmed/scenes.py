"""Layered scenes: a background and textured subjects with limbs, seen through a moving camera.

The same scenes serve every class that shows the world, so that a class differs from another by how things move, which
is what A.1 defines, and not by what its pictures look like.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from worlds.affine import Affine, rotation
from worlds.arrays import Image, PerFrame, Rgba, Video
from worlds.filmed.camera import CameraPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Poses:
    """Where a layer is in every frame, in frame widths from the frame's centre, before the camera moves."""

    x: PerFrame
    y: PerFrame
    angle: PerFrame
    scale: PerFrame

    def frozen(self, frame: int = 0) -> "Poses":
        """The pose of one frame, held for ever."""
        return Poses(
            x=np.full_like(self.x, self.x[frame]),
            y=np.full_like(self.y, self.y[frame]),
            angle=np.full_like(self.angle, self.angle[frame]),
            scale=np.full_like(self.scale, self.scale[frame]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ripple:
    """A travelling wave that bends a layer: water, leaves, cloth, fur.

    Attributes:
        amplitude: in frame widths.
        waves: across one frame width, per axis.
        phase: in radians, per frame.
    """

    amplitude: float
    waves: tuple[float, float]
    phase: PerFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """One flat picture in the scene.

    Attributes:
        picture: RGBA; a background is opaque and repeats itself mirrored beyond its edges.
        width: in frame widths, at scale 1.
        pivot: the point of the picture that `poses` places, as fractions of its width and height.
        nearness: how far it moves when the camera moves; 1 for the plane the camera is aimed at, less behind it.
    """

    picture: Rgba
    width: float
    poses: Poses
    pivot: tuple[float, float] = (0.5, 0.5)
    nearness: float = 1.0
    is_background: bool = False
    ripple: Ripple | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """Layers, back to front."""

    layers: tuple[Layer, ...]

    def frozen(self) -> "Scene":
        """The scene at its first moment, held for ever: a photograph of it."""
        return Scene(
            layers=tuple(
                replace(
                    layer,
                    poses=layer.poses.frozen(),
                    ripple=layer.ripple and replace(layer.ripple, phase=np.full_like(layer.ripple.phase, 0.0)),
                )
                for layer in self.layers
            )
        )


def film_scene(scene: Scene, camera: CameraPath, height: int, width: int) -> Video:
    """Film the scene; the frame shows one unit of the world across, whatever its shape."""
    return np.stack([_render_frame(scene, camera, frame, height, width) for frame in range(len(camera.x))])


def _render_frame(scene: Scene, camera: CameraPath, frame: int, height: int, width: int) -> Image:
    canvas = np.zeros((height, width, 3), np.float32)
    for layer in scene.layers:
        matrix = _to_frame(layer, camera, frame, height, width)
        border = cv2.BORDER_REFLECT_101 if layer.is_background else cv2.BORDER_CONSTANT
        size = (width, height)
        picture: Rgba = np.asarray(cv2.warpAffine(layer.picture, matrix, size, borderMode=border), np.uint8)
        if layer.ripple is not None:
            picture = _rippled(picture, layer.ripple, frame)
        if layer.is_background:
            canvas = picture[..., :3].astype(np.float32)
            continue
        left, top, box_width, box_height = cv2.boundingRect(picture[..., 3])
        inside = (slice(top, top + box_height), slice(left, left + box_width))
        opacity = picture[inside][..., 3:].astype(np.float32) / 255
        canvas[inside] += (picture[inside][..., :3] - canvas[inside]) * opacity
    return canvas.astype(np.uint8)


def _to_frame(layer: Layer, camera: CameraPath, frame: int, height: int, width: int) -> Affine:
    """The affine map from the layer's pixels to the frame's."""
    picture_height, picture_width = layer.picture.shape[:2]
    size = layer.width * layer.poses.scale[frame] / picture_width
    turn = size * rotation(layer.poses.angle[frame])
    pivot = np.array([layer.pivot[0] * picture_width, layer.pivot[1] * picture_height])
    world = np.array([layer.poses.x[frame], layer.poses.y[frame]]) - turn @ pivot

    view = camera.zoom[frame] ** layer.nearness * rotation(-camera.roll[frame])
    aim = layer.nearness * np.array([camera.x[frame], camera.y[frame]])

    to_pixels = np.diag([float(width), float(height)])
    offset = to_pixels @ (view @ (world - aim) + 0.5)
    return np.column_stack([to_pixels @ view @ turn, offset])


def _rippled(picture: Rgba, ripple: Ripple, frame: int) -> Rgba:
    height, width = picture.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    wave = 2 * np.pi * (ripple.waves[0] * columns / width + ripple.waves[1] * rows / height) + ripple.phase[frame]
    shift = (ripple.amplitude * width * np.sin(wave)).astype(np.float32)
    bent = cv2.remap(picture, columns + shift, rows + shift * 0.6, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(bent, np.uint8)
