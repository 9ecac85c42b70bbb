"""Clips that show the world: desirable ones, slight motion, and still images that only seem to move (A.1)."""

from dataclasses import replace

import cv2
import numpy as np

from worlds.affine import Affine, Points, rotation, taking
from worlds.arrays import Image, PerFrame, Video
from worlds.chances import Rng, between, chance, log_between
from worlds.filmed.camera import CameraPath, glide, hand_held, static_camera, wander
from worlds.filmed.colors import as_rgb, plain, random_color
from worlds.filmed.degradation import add_sensor_noise, jpeg
from worlds.filmed.lettering import words, write, write_title
from worlds.filmed.scenes import film_scene
from worlds.filmed.subjects import Liveliness, draw_scene
from worlds.filmed.surfaces import surface

# A still picture is drawn this much larger than the frame, so that zooming in finds detail.
_PICTURE_SCALE = 1.5


def film_desirable(rng: Rng, times_s: PerFrame, height: int, width: int) -> Video:
    """Subjects that move of themselves, or a camera that travels far through a deep scene."""
    if chance(rng, 0.12):
        scene = draw_scene(rng, times_s, Liveliness(), depth=between(rng, 0.45, 0.8))
        camera = glide(rng, times_s, distance=between(rng, 0.3, 1.0), magnification=log_between(rng, 1.01, 1.6))
        camera = camera.plus(hand_held(rng, times_s, log_between(rng, 0.003, 0.02)))
    else:
        scene = draw_scene(rng, times_s, lively(rng, times_s), depth=between(rng, 0, 0.6))
        camera = _free_camera(rng, times_s)
    video = film_scene(scene, camera, height, width)
    kind = rng.random()
    if kind < 0.05:
        _add_game_display(rng, video)
    elif kind < 0.11:
        video = _with_monitor(rng, video, camera, times_s)
    return add_sensor_noise(rng, video) if chance(rng, 0.6) else video


def film_slight_motion(rng: Rng, times_s: PerFrame, height: int, width: int) -> Video:
    """A camera that hardly moves before things that hardly move."""
    liveliness = Liveliness()
    if chance(rng, 0.4):
        liveliness = Liveliness(sway=log_between(rng, 0.0005, 0.003), swing=log_between(rng, 0.003, 0.03))
    scene = draw_scene(rng, times_s, liveliness, depth=between(rng, 0, 0.6))
    camera = static_camera(times_s)
    if chance(rng, 0.6):
        camera = hand_held(rng, times_s, log_between(rng, 0.0005, 0.006))
    if chance(rng, 0.5):
        slow = glide(rng, times_s, distance=log_between(rng, 0.005, 0.05), magnification=log_between(rng, 1.001, 1.05))
        camera = camera.plus(slow)
    video = film_scene(scene, camera, height, width)
    return add_sensor_noise(rng, video) if chance(rng, 0.85) else video


def film_still_image(rng: Rng, times_s: PerFrame, height: int, width: int) -> Video:
    """One photograph or drawing that an editor pans over and zooms into, flat or cut into layers for parallax."""
    camera = _picture_camera(rng, times_s)
    if chance(rng, 0.15):
        scene = draw_scene(rng, times_s, Liveliness(), depth=between(rng, 0.1, 0.45)).frozen()
        return film_scene(scene, camera, height, width)
    picture = still_picture(rng, int(height * _PICTURE_SCALE), int(width * _PICTURE_SCALE))
    return film_picture(picture, camera, height, width)


def film_picture(picture: Image, camera: CameraPath, height: int, width: int) -> Video:
    """Move a camera over a flat picture."""
    picture_height, picture_width = picture.shape[:2]
    return np.stack(
        [
            cv2.warpAffine(
                picture,
                picture_to_frame(camera, frame, (picture_height, picture_width), (height, width)),
                (width, height),
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REFLECT_101,
            )
            for frame in range(len(camera.x))
        ]
    ).astype(np.uint8)


def picture_to_frame(
    camera: CameraPath, frame: int, picture_size: tuple[int, int], frame_size: tuple[int, int]
) -> Affine:
    """The affine map from pixels of a flat picture to pixels of one frame; sizes are (height, width)."""
    (picture_height, picture_width), (height, width) = picture_size, frame_size
    turn = camera.zoom[frame] * rotation(-camera.roll[frame])
    linear = np.diag([width, height]) @ turn @ np.diag([1 / picture_width, 1 / picture_height])
    aim = np.array([(0.5 + camera.x[frame]) * picture_width, (0.5 + camera.y[frame]) * picture_height])
    return taking(aim, np.array([width, height]) / 2, linear)


def still_picture(rng: Rng, height: int, width: int) -> Image:
    """A photograph of a scene, a drawing, a poster or a product on a plain ground."""
    kind = rng.random()
    if kind < 0.65:
        picture = _photograph(rng, height, width)
    elif kind < 0.85:
        picture = _drawing(rng, height, width)
    else:
        picture = _product(rng, height, width)
    if chance(rng, 0.3):
        write_title(rng, picture)
    if chance(rng, 0.6):
        picture = add_sensor_noise(rng, picture[None])[0]
    return jpeg(picture, int(between(rng, 50, 98)))


def lively(rng: Rng, times_s: PerFrame) -> Liveliness:
    """Movement that anyone would see: talking, walking, running, waving, flying."""
    duration_s = float(times_s[-1] - times_s[0])
    kind = rng.random()
    if kind < 0.35:
        return Liveliness(sway=log_between(rng, 0.008, 0.03), swing=log_between(rng, 0.2, 0.9), ripple=0.004)
    speed = log_between(rng, 0.03, 0.6)
    return Liveliness(
        travel=min(speed * duration_s, between(rng, 0.4, 1.3)),
        swing=log_between(rng, 0.15, 1.2),
        sway=log_between(rng, 0.005, 0.05),
        ripple=log_between(rng, 0.004, 0.03),
    )


def _free_camera(rng: Rng, times_s: PerFrame) -> CameraPath:
    kind = rng.random()
    if kind < 0.3:
        return static_camera(times_s)
    camera = hand_held(rng, times_s, log_between(rng, 0.001, 0.04))
    if kind < 0.6:
        return camera
    distance, magnification = log_between(rng, 0.02, 0.7), log_between(rng, 1.01, 1.5)
    return camera.plus(glide(rng, times_s, distance=distance, magnification=magnification))


def _picture_camera(rng: Rng, times_s: PerFrame) -> CameraPath:
    kind = rng.random()
    if kind < 0.1:
        return static_camera(times_s)
    if kind < 0.45:
        move = glide(rng, times_s, distance=log_between(rng, 0.01, 0.05), magnification=log_between(rng, 1.06, 1.8))
    elif kind < 0.75:
        move = glide(rng, times_s, distance=log_between(rng, 0.06, 0.5), magnification=1.0)
    else:
        move = glide(rng, times_s, distance=log_between(rng, 0.05, 0.4), magnification=log_between(rng, 1.06, 1.6))
    if chance(rng, 0.3):
        move = replace(move, zoom=move.zoom[::-1].copy())
    if chance(rng, 0.12):
        move = move.plus(hand_held(rng, times_s, log_between(rng, 0.003, 0.03)))
    return replace(move, zoom=move.zoom * between(rng, 1.0, 1.5))


def _photograph(rng: Rng, height: int, width: int) -> Image:
    instant = np.array([0.0, 1.0])
    scene = draw_scene(rng, instant, lively(rng, instant), depth=0).frozen()
    photograph: Image = film_scene(scene, static_camera(instant[:1]), height, width)[0]
    return photograph


def _drawing(rng: Rng, height: int, width: int) -> Image:
    """Flat shapes with outlines."""
    picture = plain(random_color(rng), height, width)
    if chance(rng, 0.4):
        picture = surface(rng, height, width)
    ink = as_rgb(np.asarray(random_color(rng) * 0.3, np.float32))
    for _ in range(int(rng.integers(4, 25))):
        centre = rng.uniform(0, 1, 2) * (width, height)
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 12))))
        radius = log_between(rng, 0.03, 0.35) * width * rng.uniform(0.6, 1, len(angles))
        outline = (centre + radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)).astype(np.int32)
        cv2.fillPoly(picture, [outline], as_rgb(random_color(rng)), cv2.LINE_AA)
        if chance(rng, 0.6):
            cv2.polylines(picture, [outline], True, ink, int(rng.integers(1, 5)), cv2.LINE_AA)
    return picture


def _product(rng: Rng, height: int, width: int) -> Image:
    """One or two objects on a nearly plain ground."""
    picture = plain(rng.choice([0, 20, 235, 255]) if chance(rng, 0.6) else random_color(rng), height, width)
    for _ in range(int(rng.integers(1, 4))):
        box_height, box_width = int(between(rng, 0.2, 0.7) * height), int(between(rng, 0.15, 0.5) * width)
        top = int(rng.integers(0, height - box_height))
        left = int(rng.integers(0, width - box_width))
        inside = (slice(top, top + box_height), slice(left, left + box_width))
        mask = np.zeros((box_height, box_width), np.uint8)
        if chance(rng, 0.5):
            cv2.ellipse(mask, ((box_width / 2, box_height / 2), (box_width, box_height), 0), 255, -1, cv2.LINE_AA)
        else:
            mask[:] = 255
        thing = surface(rng, box_height, box_width) if chance(rng, 0.5) else _photograph(rng, box_height, box_width)
        picture[inside] = np.where(mask[..., None] > 127, thing, picture[inside])
    return picture


def _add_game_display(rng: Rng, video: Video) -> None:
    """Bars, numbers and a map over a game: A.1 excludes games from screen recordings."""
    height, width = video.shape[1:3]
    colors = [random_color(rng) for _ in range(4)]
    style, label = int(rng.integers(1 << 30)), words(rng, 2)
    levels = np.clip(between(rng, 0.3, 1) + wander(rng, np.linspace(0, 4, len(video)), 0.2), 0.05, 1)
    left, top = int(width * 0.05), int(height * rng.choice([0.06, 0.88]))
    for frame, level in zip(video, levels, strict=True):
        end = (left + int(width * 0.3 * level), top + int(height * 0.03))
        cv2.rectangle(frame, (left, top), end, as_rgb(colors[0]), -1)
        cv2.circle(frame, (int(width * 0.88), int(height * 0.14)), int(width * 0.08), as_rgb(colors[1]), 2)
        corner = (int(width * 0.6), int(height * 0.95))
        write(np.random.default_rng(style), frame, label, corner, height=height * 0.045, color=colors[2])
        cv2.drawMarker(frame, (width // 2, height // 2), as_rgb(colors[3]), cv2.MARKER_CROSS, 8)


def _with_monitor(rng: Rng, video: Video, camera: CameraPath, times_s: PerFrame) -> Video:
    """A lit screen that stands in the scene, slanted, and moves with it: not a picture laid over the frame."""
    height, width = video.shape[1:3]
    playing = film_scene(draw_scene(rng, times_s, lively(rng, times_s), depth=0.2), _free_camera(rng, times_s), 96, 128)
    left, top, size = between(rng, 0, 0.6), between(rng, 0, 0.6), between(rng, 0.2, 0.45)
    quad = np.array([[left, top], [left + size, top], [left + size, top + size * 0.7], [left, top + size * 0.7]])
    quad = quad + rng.uniform(-0.05, 0.05, (4, 2))
    corners = np.array([[0, 0], [127, 0], [127, 95], [0, 95]], np.float32)
    shown = video.copy()
    for index, picture in enumerate(playing):
        aim = np.array([camera.x[index], camera.y[index]])
        seen = ((quad - 0.5 - aim) * camera.zoom[index] + 0.5) * (width, height)
        warp = cv2.getPerspectiveTransform(corners, seen.astype(np.float32))
        cv2.fillConvexPoly(shown[index], _grown(seen).astype(np.int32), (18, 18, 20), cv2.LINE_AA)
        cv2.warpPerspective(picture, warp, (width, height), dst=shown[index], borderMode=cv2.BORDER_TRANSPARENT)
    return shown


def _grown(corners: Points) -> Points:
    """The monitor's case around its screen."""
    return np.asarray(corners.mean(axis=0) + (corners - corners.mean(axis=0)) * 1.12, np.float64)
