from exports.seen_clips import SeenClips


def test_a_clip_is_new_once_however_many_there_are() -> None:
    clips = SeenClips()
    ids = [f"clip-{number}" for number in range(5000)]

    first = [clips.add(clip_id) for clip_id in ids]
    again = [clips.add(clip_id) for clip_id in ids]

    assert not any(first)
    assert all(again)
