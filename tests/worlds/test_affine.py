import numpy as np

from worlds.affine import apply, compose, invert, rotation, taking


def test_inverting_a_map_leads_back() -> None:
    affine = np.array([[1.5, -0.4, 7.0], [0.3, 0.8, -2.0]])
    points = np.array([[0.0, 0.0], [3.0, -5.0]])

    np.testing.assert_allclose(apply(invert(affine), apply(affine, points)), points, atol=1e-12)
    np.testing.assert_allclose(apply(compose(affine, affine), points), apply(affine, apply(affine, points)))


def test_a_turn_about_a_point_leaves_it_where_it_is_and_leads_x_towards_y() -> None:
    quarter = taking((2.0, 1.0), (2.0, 1.0), rotation(np.pi / 2))

    np.testing.assert_allclose(apply(quarter, np.array([[2.0, 1.0], [3.0, 1.0]])), [[2, 1], [2, 2]], atol=1e-12)
