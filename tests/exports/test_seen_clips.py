import resource
import subprocess
import sys

from exports.seen_clips import SeenClips


def test_a_clip_is_new_once_however_many_there_are() -> None:
    clips = SeenClips()
    ids = [f"clip-{number}" for number in range(5000)]

    first = [clips.add(clip_id) for clip_id in ids]
    again = [clips.add(clip_id) for clip_id in ids]

    assert not any(first)
    assert all(again)


def test_ids_that_no_disk_takes_stop_the_export_with_what_to_do() -> None:
    adding = (
        "from exports.seen_clips import SeenClips\nseen = SeenClips()\nfor id in range(10**6): seen.add(f'{id:050}')"
    )

    found = subprocess.run(
        [sys.executable, "-c", adding],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20)),
        capture_output=True,
        text=True,
        check=False,
    )

    assert "OSError: the ids of the clips cannot be kept in a temporary file" in found.stderr
    assert "free some space there" in found.stderr
