"""SAM and SAM 2 through the real library: their own masks, at the right pixels of frames of any shape."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as PilImage
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformers import Sam2Model, Sam2VideoModel, SamImageProcessorPil, SamModel, SamProcessor

from curation.annotators.device import Device
from curation.annotators.grounding.networks import BoxedImage, ScoredMask
from curation.annotators.grounding.segment_anything import SegmentAnything, SegmentAnything2, load_segment_anything
from curation.annotators.grounding.segmenter import Outlines, Segmenter
from curation.records import Image
from curation.stage import ClipError
from dataset_schema import Annotator, FailureKind
from tests.curation.annotators.grounding.tiny_networks import SAM_SIDE, save_grounding_dino, save_sam, save_sam_2

CPU = Device(name="cpu", precision="float32", batch_size=2)
BOXES = np.array([[5.0, 6.5, 40.2, 30.0], [0, 0, 47.5, 31]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("segmenters")
    save_sam(folder / "sam")
    save_sam_2(folder / "sam2")
    save_sam_2(folder / "sam2_video", of_video=True)
    return folder


def segmenter(load: Any) -> Segmenter:
    return Segmenter(describe=partial(Annotator, job="masks", name="tiny", revision="1"), load=load, device=CPU)


def from_checkpoint(path: Path) -> Segmenter:
    return segmenter(partial(load_segment_anything, str(path), CPU))


def noise(height: int, width: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def evaluated(kind: Any, folder: Path) -> Any:
    return kind.from_pretrained(folder).eval()


def check_equal(ours: list[ScoredMask], masks: torch.Tensor, scores: torch.Tensor) -> None:
    for mask, theirs, score in zip(ours, masks.numpy(), scores.flatten().clamp(0, 1).tolist(), strict=True):
        assert mask.mask.dtype == np.bool_
        assert 0 < theirs.mean() < 1
        assert (mask.mask != theirs).mean() < 0.001  # a logit of 1e-8 may fall to either side
        assert mask.score == pytest.approx(score, abs=1e-4)


def test_masks_of_sam_are_those_of_the_librarys_own_processor(folder: Path) -> None:
    image = noise(37, 61)
    network = evaluated(SamModel, folder / "sam")
    make: Any = SamProcessor
    processor = make(SamImageProcessorPil.from_pretrained(folder / "sam"))
    inputs = processor(image, input_boxes=[BOXES.tolist()], return_tensors="pt")
    with torch.inference_mode():
        answer = network(
            pixel_values=inputs["pixel_values"], input_boxes=inputs["input_boxes"].float(), multimask_output=False
        )
    (masks,) = processor.post_process_masks(answer.pred_masks, inputs["original_sizes"], inputs["reshaped_input_sizes"])

    (ours,) = from_checkpoint(folder / "sam").segment([BoxedImage(image, BOXES)])

    check_equal(ours, masks[:, 0], answer.iou_scores)


@pytest.mark.parametrize("name", ["sam2", "sam2_video"])
@pytest.mark.parametrize(("height", "width", "tolerance"), [(SAM_SIDE, SAM_SIDE, 1e-4), (37, 61, 0.05)])
def test_masks_of_sam_2_are_those_of_the_network_on_a_squeezed_frame(
    folder: Path, name: str, height: int, width: int, tolerance: float
) -> None:
    """Pillow's resize differs by one level of 255 here and there, so a frame that is squeezed agrees less."""
    image = noise(height, width)
    square = np.asarray(PilImage.fromarray(image).resize((SAM_SIDE, SAM_SIDE), PilImage.Resampling.BILINEAR))
    values = (square / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    network = evaluated(Sam2Model, folder / name)
    with torch.inference_mode():
        answer = network(
            pixel_values=torch.from_numpy(values).permute(2, 0, 1)[None].float(),
            input_boxes=torch.from_numpy(BOXES * ([SAM_SIDE / width, SAM_SIDE / height] * 2))[None].float(),
            multimask_output=False,
        )
        logits = functional.interpolate(answer.pred_masks[0], (height, width), mode="bilinear", align_corners=False)

    (ours,) = from_checkpoint(folder / name).segment([BoxedImage(image, BOXES)])

    for mask, theirs, score in zip(ours, (logits[:, 0] > 0).numpy(), answer.iou_scores.flatten(), strict=True):
        assert (mask.mask != theirs).mean() < tolerance
        assert mask.score == pytest.approx(float(score.clamp(0, 1)), abs=tolerance)


def test_a_frame_for_sam_2_is_prepared_as_pillow_would_to_one_level(folder: Path) -> None:
    network = SegmentAnything2(folder / "sam2", CPU)
    image = cv2.GaussianBlur(noise(90, 140), (0, 0), 2)
    square = np.asarray(PilImage.fromarray(image).resize((SAM_SIDE, SAM_SIDE), PilImage.Resampling.BILINEAR))

    values = network._prepare(image)[0]

    levels = (values * torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1) * 255) + torch.tensor(
        [0.485, 0.456, 0.406]
    ).view(3, 1, 1) * 255
    difference = np.abs(levels.permute(1, 2, 0).numpy() - square)
    assert difference.max() < 1.01
    assert difference.mean() < 0.25


def test_the_image_model_inside_a_video_checkpoint_is_loaded_whole(folder: Path) -> None:
    theirs = Sam2VideoModel.from_pretrained(folder / "sam2_video").state_dict()

    ours: Any = SegmentAnything2(folder / "sam2_video", CPU)._model

    for name, weight in ours.state_dict().items():
        assert torch.equal(weight, theirs[name]), name


def test_a_folders_own_normalization_comes_first(folder: Path, tmp_path: Path) -> None:
    own = copy_of(folder / "sam2", tmp_path)
    (own / "preprocessor_config.json").write_text('{"image_mean": [0, 0, 0], "image_std": [1, 1, 1]}')

    values = SegmentAnything2(own, CPU)._prepare(np.full((9, 9, 3), 255, np.uint8))

    assert (values == 1).all()


@pytest.mark.parametrize("name", ["sam", "sam2"])
def test_frames_outlined_together_are_outlined_as_if_alone(folder: Path, name: str) -> None:
    pictures = [
        BoxedImage(noise(37, 61, 1), BOXES),
        BoxedImage(noise(61, 37, 2), BOXES[:1]),
        BoxedImage(noise(64, 64, 3), np.concatenate([BOXES, BOXES[:1]])),
        BoxedImage(noise(1, 1, 4), np.array([[0.0, 0, 1, 1]])),
        BoxedImage(noise(3, 61, 5), BOXES[:1]),
    ]
    alone = [from_checkpoint(folder / name).segment([picture])[0] for picture in pictures]

    together = from_checkpoint(folder / name).segment(pictures)

    assert [len(masks) for masks in together] == [2, 1, 3, 1, 1]
    for picture, one, other in zip(pictures, alone, together, strict=True):
        for mask, same in zip(one, other, strict=True):
            assert mask.mask.shape == picture.image.shape[:2]
            assert (mask.mask != same.mask).mean() < 0.002
            assert mask.score == pytest.approx(same.score, abs=1e-3)


def test_nothing_is_outlined_without_pictures(folder: Path) -> None:
    assert from_checkpoint(folder / "sam").segment([]) == []


def sees_red(pixels: torch.Tensor) -> torch.Tensor:
    """Stands for the image encoder: +1 on red pixels, -1 elsewhere."""
    return ((pixels[:, :1] - pixels[:, 2:]) > 2.2).float() * 2 - 1


def outlines_red(image_embeddings: Any, input_boxes: torch.Tensor, multimask_output: bool) -> Any:
    """Stands for the mask decoder: the red pixels inside each box, at a quarter of the size, and nothing else."""
    seen = image_embeddings if isinstance(image_embeddings, torch.Tensor) else image_embeddings[0]
    masks = []
    for x0, y0, x1, y1 in input_boxes[0].round().int().tolist():
        inside = torch.full_like(seen, -1)
        inside[:, :, y0:y1, x0:x1] = seen[:, :, y0:y1, x0:x1]
        masks.append(functional.avg_pool2d(inside, 4))
    assert not multimask_output
    return SimpleNamespace(pred_masks=torch.cat(masks)[None], iou_scores=torch.full((1, len(masks), 1), 1.25))


@pytest.mark.parametrize(("height", "width"), [(180, 320), (320, 180), (333, 201), (97, 241), (256, 256)])
@pytest.mark.parametrize("name", ["sam", "sam2"])
def test_masks_land_on_the_pixels_that_the_network_saw(folder: Path, name: str, height: int, width: int) -> None:
    """Two red ellipses, of which each box holds one; at the size the published networks use."""
    masks = []
    image = np.zeros((height, width, 3), np.uint8)
    for x in (0.25, 0.75):
        mask = np.zeros((height, width), np.uint8)
        cv2.ellipse(mask, (int(x * width), height // 3), (width // 6, height // 4), 0, 0, 360, 1, -1)
        image[mask > 0] = (255, 0, 0)
        masks.append(mask > 0)
    boxes = np.array([[0, 0, width / 2, height], [width / 2, 0, width, height]])
    network: Any = load_segment_anything(str(folder / name), CPU)
    model: Any = SimpleNamespace(get_image_embeddings=sees_red)
    if isinstance(network, SegmentAnything):
        network._processor.size, network._processor.pad_size = {"longest_edge": 1024}, {"height": 1024, "width": 1024}
    else:
        network._side = 1024
        model.get_image_embeddings = lambda pixels: [sees_red(pixels)]
    network._model = Callable_(model)

    (found,) = segmenter(lambda: network).segment([BoxedImage(image, boxes)])

    for truth, outlined in zip(masks, found, strict=True):
        assert outlined.score == 1.0
        wrong = outlined.mask != truth
        near = cv2.dilate(truth.astype(np.uint8), np.ones((3, 3))) != cv2.erode(truth.astype(np.uint8), np.ones((3, 3)))
        assert not (wrong & ~near).any()
        assert (outlined.mask & truth).sum() / (outlined.mask | truth).sum() > 0.97


class Callable_:  # noqa: N801
    """A network whose two halves are scripted."""

    def __init__(self, encoder: Any) -> None:
        self.get_image_embeddings = encoder.get_image_embeddings

    def __call__(self, **inputs: Any) -> Any:
        return outlines_red(**inputs)


class Scripted:
    """An `Outliner` that answers what it is told."""

    def __init__(self, logit: float, score: float) -> None:
        self.logit, self.score = logit, score

    def look(self, images: Any) -> list[Any]:
        return [None] * len(images)

    def outline(self, embedding: Any, boxes: Any, image: Image) -> Outlines:
        return Outlines(torch.full((len(boxes), *image.shape[:2]), self.logit), torch.full((len(boxes),), self.score))


@pytest.mark.parametrize(("score", "kept"), [(1.2, 1.0), (-0.1, 0.0), (0.5, 0.5)])
def test_a_predicted_iou_is_kept_in_its_range(score: float, kept: float) -> None:
    ((mask, _),) = segmenter(lambda: Scripted(0.1, score)).segment([BoxedImage(noise(5, 7), BOXES)])

    assert mask.score == kept
    assert mask.mask.all()


@pytest.mark.parametrize(("logit", "score"), [(float("nan"), 1.0), (float("inf"), 1.0), (0.0, float("nan"))])
def test_an_answer_that_is_no_number_costs_the_clip(logit: float, score: float) -> None:
    with pytest.raises(ClipError, match="NaN or infinite") as refused:
        segmenter(lambda: Scripted(logit, score)).segment([BoxedImage(noise(5, 7), BOXES)])

    assert refused.value.kind is FailureKind.ANNOTATOR


@pytest.mark.parametrize("name", ["sam", "sam2"])
def test_a_broken_checkpoint_costs_the_clip(folder: Path, tmp_path: Path, name: str) -> None:
    broken = copy_of(folder / name, tmp_path)
    weights = load_file(broken / "model.safetensors")
    key = next(key for key in weights if key.startswith("vision_encoder") and weights[key].ndim == 4)
    save_file({**weights, key: torch.full_like(weights[key], torch.nan)}, broken / "model.safetensors")

    with pytest.raises(ClipError, match="of the segmenter"):
        from_checkpoint(broken).segment([BoxedImage(noise(37, 61), BOXES)])


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="model_type 'grounding-dino', expected 'sam' or 'sam2' or 'sam2_video'"):
        from_checkpoint(save_grounding_dino(tmp_path / "dino")).load()


def test_weights_of_other_sizes_than_the_config_says_are_refused(folder: Path, tmp_path: Path) -> None:
    other = copy_of(folder / "sam", tmp_path)
    weights = load_file(other / "model.safetensors")
    name = "vision_encoder.patch_embed.projection.weight"
    save_file({**weights, name: weights[name][:8].clone()}, other / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ValueError, match=f"lack {name}, or have other sizes"):
        from_checkpoint(other).load()


@pytest.mark.parametrize("name", ["sam", "sam2"])
def test_masks_in_lower_precision_are_nearly_the_same(folder: Path, name: str) -> None:
    image = noise(37, 61)
    lower = segmenter(partial(load_segment_anything, str(folder / name), Device(name="cpu", precision="bfloat16")))

    (exact,) = from_checkpoint(folder / name).segment([BoxedImage(image, BOXES)])
    (rough,) = lower.segment([BoxedImage(image, BOXES)])

    for one, other in zip(exact, rough, strict=True):
        assert (one.mask != other.mask).mean() < 0.1
        assert one.score == pytest.approx(other.score, abs=0.1)


def test_a_checkpoint_without_its_image_processor_is_refused(folder: Path, tmp_path: Path) -> None:
    bare = copy_of(folder / "sam", tmp_path)
    (bare / "preprocessor_config.json").unlink()

    with pytest.raises(FileNotFoundError, match="SamImageProcessorPil"):
        from_checkpoint(bare).load()


def copy_of(checkpoint: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in checkpoint.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder
