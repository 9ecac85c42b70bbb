"""Exports read by the packages that trainers and tools read with, in an environment of their own.

`make setup-readers` makes it; `make test-readers` runs these. What a package finds is printed there as JSON, and held
here against what went in.
"""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exports.config import ExportConfig
from exports.cutting import CutConfig
from tests.exports.formats.conftest import ONE, SHORT, TWO, Exported
from tests.exports.formats.reading import disc_in_frame, mask_of_runs
from tests.exports.made_clips import BLUE, RED, grey

pytestmark = pytest.mark.readers

_ENVIRONMENT = Path(os.environ.get("READERS_VENV", Path(__file__).parents[3] / ".venv-readers"))
WOMAN, DOG = (disc_in_frame((64, 96), (10, 8, 40, 48), size) for size in ((40, 30), (20, 60)))


def read_there(script: str, *arguments: Path | str) -> Any:
    """What a script prints in the readers' environment."""
    python = _ENVIRONMENT / "bin" / "python"
    if not python.exists():
        pytest.fail(f"there is no {python}; run make setup-readers, which downloads the packages")
    command = [str(python), "-W", "ignore", "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


_YOUTUBE_VIS = """
import json, sys
from pathlib import Path
from labelformat.formats.youtubevis import YouTubeVISInstanceSegmentationTrackInput as Reader
from labelformat.model.binary_mask_segmentation import RLEDecoderEncoder
print(json.dumps({
    label.video.filename: {
        "length": label.video.number_of_frames,
        "masks": {
            track.category.name: {
                frame: RLEDecoderEncoder.encode_column_wise_rle(mask.get_binary_mask())
                for frame, mask in enumerate(track.segmentations) if mask is not None
            } for track in label.objects
        },
    } for label in Reader(Path(sys.argv[1])).get_labels()
}))
"""


def test_labelformat_reads_the_tracks_of_youtube_vis(exported: Callable[..., Exported]) -> None:
    found = exported("youtube-vis")

    videos = read_there(_YOUTUBE_VIS, found.folder / "instances.json")

    assert {name: video["length"] for name, video in videos.items()} == {
        clip: sample.num_frames for clip, sample in found.samples.items()
    }
    assert {word: list(masks) for word, masks in videos[TWO]["masks"].items()} == {"woman": ["24"], "dog": ["24"]}
    assert np.array_equal(mask_of_runs(videos[TWO]["masks"]["woman"]["24"], (64, 96)), WOMAN)
    assert np.array_equal(mask_of_runs(videos[ONE]["masks"]["dog"]["24"], (64, 96)), DOG)


_COCO = """
import contextlib, io, json, sys
from pathlib import Path
from labelformat.formats.coco import COCOObjectDetectionInput
from pycocotools.coco import COCO
with contextlib.redirect_stdout(io.StringIO()):
    coco = COCO(sys.argv[1])
found = {}
for annotation in coco.loadAnns(coco.getAnnIds()):
    (image,) = coco.loadImgs([annotation["image_id"]])
    (category,) = coco.loadCats([annotation["category_id"]])
    found.setdefault(image["file_name"], {})[category["name"]] = coco.annToMask(annotation).tolist()
boxes = {
    label.image.filename: {each.category.name: [each.box.xmin, each.box.ymin, each.box.xmax, each.box.ymax]
    for each in label.objects} for label in COCOObjectDetectionInput(sys.argv[1]).get_labels()
}
print(json.dumps([found, boxes]))
"""


def test_cocos_own_tools_decode_the_masks_and_labelformat_the_boxes(exported: Callable[..., Exported]) -> None:
    found = exported("coco")

    masks, boxes = read_there(_COCO, found.folder / "instances.json")

    assert np.array_equal(np.array(masks[f"images/{TWO}-00024.jpg"]["woman"], bool), WOMAN)
    assert np.array_equal(np.array(masks[f"images/{ONE}-00024.jpg"]["dog"], bool), DOG)
    assert {name for name in boxes if not (found.folder / name).is_file()} == set()
    x0, y0, x1, y1 = map(int, boxes[f"images/{TWO}-00024.jpg"]["woman"])
    assert WOMAN[y0:y1, x0:x1].sum() == WOMAN.sum()


_LETTERS = """
import json, sys
from pycocotools import mask
clips = json.load(open(sys.argv[1]))
found = {}
for key, clip in clips.items():
    known = clip["annotation"]
    masks = known["mask_annotation"][str(known["ann_frame_data"]["ann_frame_idx"])]
    found[key] = {
        known["mask_map"][number]["class_name"]:
            mask.decode({"size": rle["size"], "counts": rle["counts"].encode()}).tolist()
        for number, rle in masks.items()
    }
print(json.dumps(found))
"""


def test_cocos_own_tools_decode_the_letters_of_opens2v(exported: Callable[..., Exported]) -> None:
    found = exported("opens2v")

    clips = read_there(_LETTERS, found.folder / "Jsons" / "total_part1.json")

    assert set(clips) == set(found.samples) - {SHORT}
    assert np.array_equal(np.array(clips[TWO]["woman"], bool), WOMAN)
    assert np.array_equal(np.array(clips[ONE]["dog"], bool), DOG)


_WEBDATASET = """
import glob, hashlib, json, sys
import webdataset
samples = webdataset.WebDataset(sorted(glob.glob(sys.argv[1] + "/*.tar")), shardshuffle=False).decode("pilrgba")
found = {}
for sample in samples:
    picture = sample["ref0.png"]
    found[sample["__key__"]] = {
        "caption": sample["txt"],
        "words": [entity["word"] for entity in sample["json"]["entities"]],
        "video": hashlib.sha256(sample["mp4"]).hexdigest(),
        "middle": picture.getpixel((picture.width // 2, picture.height // 2)),
        "corner": picture.getpixel((0, 0)),
    }
print(json.dumps(found))
"""


def test_webdataset_groups_the_members_and_keeps_transparency(exported: Callable[..., Exported]) -> None:
    found = exported("webdataset")

    samples = read_there(_WEBDATASET, found.folder)

    manifest = found.clips()
    assert set(samples) == set(found.samples)
    for key, read in samples.items():
        sample = found.samples[key]
        assert read["caption"] == sample.caption
        assert read["words"] == [entity.word for entity in sample.entities]
        assert read["video"] == manifest[key]["video"]["file"]["sha256"]  # type: ignore[index]
    assert samples[TWO]["middle"] == [*RED, 255]
    assert samples[TWO]["corner"] == [255, 255, 255, 0]


_CROISSANT = """
import json, sys
import mlcroissant
dataset = mlcroissant.Dataset(jsonld=sys.argv[1])
rows = [{name: value.decode() if isinstance(value, bytes) else value for name, value in row.items()}
        for row in dataset.records("clips")]
print(json.dumps({"errors": list(dataset.metadata.issues.errors), "rows": rows}, default=str))
"""


def test_mlcroissant_finds_no_error_and_reads_every_row(exported: Callable[..., Exported]) -> None:
    found = exported("webdataset")

    read = read_there(_CROISSANT, found.folder / "croissant.json")

    assert read["errors"] == []
    assert {row["clips/clip_id"]: row["clips/caption"] for row in read["rows"]} == {
        sample.clip_id: sample.caption for sample in found.samples.values()
    }
    assert {row["clips/frames"] for row in read["rows"]} == {s.num_frames for s in found.samples.values()}


# Its own package wants torch with everything around it. Of torch and torchvision the reader itself uses a base class
# and two functions of pictures, which stand in here; the reader's code is what the wheel holds.
_DIFFSYNTH = """
import importlib.util, json, sys, types
from types import SimpleNamespace as Names
import numpy
from PIL import Image

def resize(image, size, interpolation): return image.resize(size[::-1], Image.Resampling.BILINEAR)
def center_crop(image, size):
    left, top = (image.width - size[1]) // 2, (image.height - size[0]) // 2
    return image.crop((left, top, left + size[1], top + size[0]))

for name, members in {
    "torch": {"utils": Names(data=Names(Dataset=object))},
    "torchvision": {"transforms": Names(
        functional=Names(resize=resize, center_crop=center_crop), InterpolationMode=Names(BILINEAR=None))},
}.items():
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(members)
package = types.ModuleType("reader")
package.__path__ = [importlib.util.find_spec("diffsynth").submodule_search_locations[0] + "/core/data"]
sys.modules["reader"] = package
from reader.unified_dataset import UnifiedDataset

folder, metadata, picture, frames, step, rest, fixed = sys.argv[1:]
dataset = UnifiedDataset(
    base_path=folder, metadata_path=metadata, data_file_keys=["video", *filter(None, [picture])],
    main_data_operator=UnifiedDataset.default_video_operator(
        folder, num_frames=int(frames), time_division_factor=int(step), time_division_remainder=int(rest),
        frame_rate=24, fix_frame_rate=fixed == "True",
    ),
)
def level(image): return round(float(numpy.asarray(image.convert("RGB")).mean()))
print(json.dumps([{
    "prompt": row["prompt"],
    "levels": [level(frame) for frame in row["video"]],
    "picture": [row[picture][0].getpixel((0, 0)), row[picture][0].getpixel(
        (row[picture][0].width // 2, row[picture][0].height // 2))] if picture else None,
} for row in (dataset[number] for number in range(len(dataset)))]))
"""


def test_diffsynth_gets_the_frames_of_wan_and_the_picture_on_white(exported: Callable[..., Exported]) -> None:
    found = exported("diffsynth-vace", ExportConfig(cut=CutConfig(frames=81)))
    metadata = next(found.folder.glob("metadata*.json"))

    rows = read_there(_DIFFSYNTH, found.folder, metadata, "vace_reference_image", "81", "4", "1", "False")

    assert len(rows) == found.finished.counts.written > 0
    for row, written in zip(rows, json.loads(metadata.read_text(encoding="utf-8")), strict=True):
        sample = found.samples[Path(written["video"]).stem]
        assert row["prompt"] == written["prompt"] == sample.caption
        assert len(row["levels"]) == 81
        # the middle of frame k at 16 fps is (k + .5) / 16 s
        expected = [grey(int((k + 0.5) / 16 * sample.fps)) for k in range(81)]
        assert max(abs(a - b) for a, b in zip(row["levels"], expected, strict=True)) <= 6
        corner, middle = row["picture"]
        assert corner == [255, 255, 255]
        assert np.abs(np.array(middle) - (RED if "woman" in sample.caption else BLUE)).max() <= 3


def test_diffsynth_gets_the_frames_of_h3(exported: Callable[..., Exported]) -> None:
    found = exported("diffsynth-h3")
    metadata = found.folder / "metadata-124-frames.json"

    rows = read_there(_DIFFSYNTH, found.folder, metadata, "", "124", "17", "5", "True")

    assert rows
    for row, written in zip(rows, json.loads(metadata.read_text(encoding="utf-8")), strict=True):
        assert row["prompt"] == written["prompt"]
        assert len(row["levels"]) == 124
        assert max(abs(a - grey(k)) for k, a in enumerate(row["levels"])) <= 6


_LANCE = """
import hashlib, json, sys
import lance
import pyarrow.dataset
lance.write_dataset(pyarrow.dataset.dataset(sys.argv[1], format="parquet").to_batches(), sys.argv[2],
    schema=pyarrow.dataset.dataset(sys.argv[1], format="parquet").schema)
rows = lance.dataset(sys.argv[2]).to_table(columns=["clip_id", "caption", "video"]).to_pylist()
print(json.dumps({row["clip_id"]: [row["caption"], hashlib.sha256(row["video"]["bytes"]).hexdigest()] for row in rows}))
"""


def test_lance_takes_the_shards_of_a_dataset_as_they_are(
    published: Path, exported: Callable[..., Exported], tmp_path: Path
) -> None:
    found = exported("plain")

    rows = read_there(_LANCE, published / "samples", tmp_path / "samples.lance")

    assert rows == {
        clip: [found.samples[clip].caption, line["video"]["file"]["sha256"]]  # type: ignore[index]
        for clip, line in found.clips().items()
    }
