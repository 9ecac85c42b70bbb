"""An output format of one's own: WebDataset, a tar file per shard.  python examples/own_format.py DATASET OUTPUT"""

import io
import json
import sys
import tarfile
from pathlib import Path

from dataset_schema import Sample, read_shard, shard_paths


def write_webdataset(dataset: Path, output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    for shard in shard_paths(dataset, Sample):
        with tarfile.open(output / f"{shard.stem}.tar", "w") as tar:
            for sample in read_shard(shard, Sample):
                for name, content in files_of(sample).items():
                    member = tarfile.TarInfo(f"{sample.clip_id}.{name}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))


def files_of(sample: Sample) -> dict[str, bytes]:
    """By their extensions: the video, the caption, every word with its place, and its pictures."""
    words = [{"word": entity.word, "start": entity.start, "end": entity.end} for entity in sample.entities]
    pictures = {
        f"{place}.{number}.png": reference.image.bytes or b""
        for place, entity in enumerate(sample.entities)
        for number, reference in enumerate(entity.references)
    }
    return {
        "mp4": sample.video.bytes or b"",
        "txt": sample.caption.encode(),
        "json": json.dumps(words).encode(),
        **pictures,
    }


if __name__ == "__main__":
    write_webdataset(Path(sys.argv[1]), Path(sys.argv[2]))
