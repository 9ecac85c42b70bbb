import torch

from modeling.model.conditions import Conditions


def told(null_pooled: torch.Tensor | None) -> Conditions:
    return Conditions(
        text=torch.ones(2, 3, 4),
        is_text=torch.ones(2, 3, dtype=torch.bool),
        references=None,
        null_text=torch.full((1, 4), 5.0),
        pooled=torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
        null_pooled=null_pooled,
    )


def test_a_dropped_text_loses_its_vector_with_its_tokens() -> None:
    is_dropped = torch.tensor([False, True])

    for null, expected in ((torch.tensor([7.0, 8.0]), [7.0, 8.0]), (None, [0.0, 0.0])):
        found = told(null).without_text(is_dropped)
        assert found.pooled is not None
        assert found.pooled.tolist() == [[1.0, 2.0], expected]
        assert found.text[1, 0].tolist() == [5.0] * 4


def test_the_first_clips_keep_their_own_vectors_and_all_move_together() -> None:
    conditions = told(torch.tensor([7.0, 8.0]))

    first, moved = conditions.first(1), conditions.to(torch.device("meta"))

    assert first.pooled is not None
    assert first.pooled.tolist() == [[1.0, 2.0]]
    tensors = (moved.text, moved.is_text, moved.null_text, moved.pooled, moved.null_pooled)
    assert all(each is not None and each.is_meta for each in tensors)
