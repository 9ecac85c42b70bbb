import cv2
import numpy as np

from worlds.filmed.camera import glide
from worlds.filmed.footage import film_picture, picture_to_frame, still_picture

TIMES_S = np.linspace(0, 6, 16)
SIDE = 128


def test_a_filmed_picture_is_its_first_frame_warped_by_the_cameras_own_map() -> None:
    rng = np.random.default_rng(3)
    picture = still_picture(rng, 336, 336)
    camera = glide(rng, TIMES_S, distance=0.1, magnification=1.5)

    video = film_picture(picture, camera, SIDE, SIDE)

    to_frames = [picture_to_frame(camera, frame, (336, 336), (SIDE, SIDE)) for frame in (0, 15)]
    maps = [np.vstack([to_frame, (0, 0, 1)]) for to_frame in to_frames]
    warp = maps[1] @ np.linalg.inv(maps[0])
    expected = cv2.warpPerspective(video[0], warp, (SIDE, SIDE))
    reached = cv2.warpPerspective(np.full((SIDE, SIDE), 255, np.uint8), warp, (SIDE, SIDE)) == 255
    assert cv2.absdiff(video[0], video[15])[reached].mean() > 10
    assert cv2.absdiff(expected, video[15])[reached].mean() < 4
