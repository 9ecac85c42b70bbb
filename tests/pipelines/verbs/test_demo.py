from pathlib import Path

from curation.records import Clip
from curation.sources import SourcesConfig, read_sources
from pipelines.verbs.demo import with_own_videos


def test_own_videos_are_curated_together_with_the_world(tmp_path: Path) -> None:
    world, videos = tmp_path / "world", tmp_path / "videos"
    world.mkdir()
    videos.mkdir()
    (world / "manifest.csv").write_text("video,caption,truth\nvideos/0.mp4,A cat runs.,truth/0.json\n")
    (videos / "holiday.mov").touch()
    (videos / "holiday.txt").write_text("A dog swims in a lake.\n")
    (videos / "silent.mp4").touch()

    manifest = with_own_videos(world / "manifest.csv", videos, tmp_path / "both.jsonl")

    found = [r for r in read_sources(manifest, SourcesConfig()) if isinstance(r, Clip)]
    assert {(clip.source.uri, clip.caption) for clip in found} == {
        (str(world / "videos/0.mp4"), "A cat runs."),
        (str(videos / "holiday.mov"), "A dog swims in a lake."),
        (str(videos / "silent.mp4"), ""),
    }


def test_own_videos_keep_their_spans(tmp_path: Path) -> None:
    for name in ("world.csv", "own.csv"):
        (tmp_path / name).write_text(f"video,caption,start_s,end_s\n{name}.mp4,A cat runs.,0.5,2\n")

    manifest = with_own_videos(tmp_path / "world.csv", tmp_path / "own.csv", tmp_path / "both.jsonl")

    found = [(record.source.start_s, record.source.end_s) for record in read_sources(manifest, SourcesConfig())]
    assert found == [(0.5, 2.0), (0.5, 2.0)]


def test_own_videos_around_the_output_are_read_without_it(tmp_path: Path) -> None:
    for name in ("own.mp4", "demo/world/videos/0.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "own.txt").write_text("A dog runs.")
    (tmp_path / "demo/world/manifest.csv").write_text("video,caption\nvideos/0.mp4,A cat runs.\n")

    manifest = with_own_videos(tmp_path / "demo/world/manifest.csv", tmp_path, tmp_path / "demo/manifest.jsonl")

    found = [Path(record.source.uri).name for record in read_sources(manifest, SourcesConfig())]
    assert found == ["0.mp4", "own.mp4"]
