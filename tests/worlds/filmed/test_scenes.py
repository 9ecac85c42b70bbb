import numpy as np
import pytest

from worlds.filmed.camera import CameraPath, static_camera
from worlds.filmed.scenes import Layer, Poses, Scene, film_scene
from worlds.filmed.subjects import Liveliness, draw_scene

TIMES_S = np.linspace(0, 6, 16)


def test_a_frozen_scene_before_a_static_camera_is_one_photograph() -> None:
    scene = draw_scene(np.random.default_rng(1), TIMES_S, Liveliness(travel=0.5, swing=1, ripple=0.02), depth=0.5)

    alive = film_scene(scene, static_camera(TIMES_S), 96, 96)
    frozen = film_scene(scene.frozen(), static_camera(TIMES_S), 96, 96)

    assert (alive != alive[0]).any()
    assert (frozen == frozen[0]).all()


def test_near_layers_follow_the_camera_and_far_ones_lag_behind() -> None:
    def spot(nearness: float) -> Layer:
        rest = np.zeros(2)
        picture = np.full((9, 9, 4), 255, np.uint8)
        poses = Poses(x=rest, y=rest, angle=rest, scale=rest + 1)
        return Layer(picture=picture, width=0.1, poses=poses, nearness=nearness)

    camera = CameraPath(x=np.array([0.0, 0.2]), y=np.zeros(2), zoom=np.ones(2), roll=np.zeros(2))

    columns = []
    for nearness in (0.5, 1.0, 1.5):
        seen = film_scene(Scene(layers=(spot(nearness),)), camera, 200, 200)
        columns.append([np.nonzero(frame[..., 0].sum(axis=0))[0].mean() for frame in seen])

    moved = [before - after for before, after in columns]
    assert moved == pytest.approx([20, 40, 60], abs=1)
