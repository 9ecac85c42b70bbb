"""Which network is trained: a small one with fresh weights, or a pre-trained VideoMAE."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import torch
from transformers import VideoMAEConfig, VideoMAEForVideoClassification
from transformers.utils import logging as transformers_logging

from curation.annotators.content.classifier import labels_of
from curation.annotators.content.network import ContentInput, content_input
from curation.annotators.protocols import CONTENT_CLASSES
from curation.content_training.recipe import Recipe
from curation.video.sampling import CONTENT_FRAMES
from storage.checkpoints import absent_weights, check_model_type, checkpoint_folder
from storage.configs import strict
from storage.numbers import expect_at_least

# Everything behind the encoder: what a checkpoint for other classes, or for none, has no use for.
_HEAD: Final = ("fc_norm.", "classifier.")
_CLASSES: Final[dict[str, Any]] = {
    "id2label": dict(enumerate(CONTENT_CLASSES)),
    "label2id": {name: index for index, name in enumerate(CONTENT_CLASSES)},
}


class Start(NamedTuple):
    """A network before training, what it reads, and where it comes from, in a sentence for the model card."""

    model: Any  # VideoMAEForVideoClassification, of which its library types only a part
    form: ContentInput
    origin: str


def _from_scratch() -> Recipe:
    return Recipe(
        epochs=6.4,
        warmup_epochs=0.48,
        base_learning_rate=1.6e-2,
        layer_decay=1.0,
        adam_betas=(0.9, 0.98),
        label_smoothing=0.05,
    )


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class FromScratch:
    """A small VideoMAE with fresh weights, as it ships.

    Attributes:
        side: of the network's frames in pixels. Our choice: the smallest at which a corner inset still covers several
            patches; time on a CPU grows with its square.
        tubelet_size: frames per token. Our choice: twice VideoMAE's, which halves the cost; what changes from frame to
            frame is in the channels already.
        hidden_size, num_layers, num_heads: Our choice: about a million weights, so that they ship with the package.
        training: the recipe. Its name is not that of `FineTune`, whose recipe is another: a value is kept when the
            profile changes, if both have its name.
    """

    profile: Literal["from_scratch"] = "from_scratch"
    side: int = 96
    patch_size: int = 16
    tubelet_size: int = 4
    hidden_size: int = 160
    num_layers: int = 4
    num_heads: int = 4
    training: Recipe = field(default_factory=_from_scratch)

    def __post_init__(self) -> None:
        sizes = ("side", "patch_size", "tubelet_size", "hidden_size", "num_layers", "num_heads")
        expect_at_least(1, "network", self, *sizes)
        if self.side % self.patch_size:
            raise ValueError(f"side is {self.side}, expected a multiple of patch_size {self.patch_size}")
        if self.hidden_size % self.num_heads:
            raise ValueError(f"hidden_size is {self.hidden_size}, expected a multiple of num_heads {self.num_heads}")

    @property
    def recipe(self) -> Recipe:
        """How it is trained."""
        return self.training

    def start(self) -> Start:
        """The network, with motion as its channels, brought to about zero mean and unit variance."""
        config = VideoMAEConfig(
            image_size=self.side,
            patch_size=self.patch_size,
            num_frames=CONTENT_FRAMES,
            tubelet_size=self.tubelet_size,
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_layers,
            num_attention_heads=self.num_heads,
            intermediate_size=3 * self.hidden_size,
            **_CLASSES,
        )
        form = ContentInput(channels="motion", side=self.side, mean=(0.45, 0.05, 0.06), std=(0.25, 0.10, 0.12))
        return Start(VideoMAEForVideoClassification(config), form, "A small VideoMAE, trained from fresh weights.")


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class FineTune:
    """Any pre-trained VideoMAE in the format of `transformers`, with or without a classifier of its own (A.1).

    Attributes:
        checkpoint: a folder, or a name on the hub. The paper says VideoMAE and not which; this is ViT-B/16 after 1600
            epochs of pre-training, whose weights are CC BY-NC 4.0.
        tuning: the recipe.
    """

    profile: Literal["fine_tune"] = "fine_tune"
    checkpoint: str = "MCG-NJU/videomae-base"
    tuning: Recipe = field(default_factory=Recipe)

    @property
    def recipe(self) -> Recipe:
        """How it is trained."""
        return self.tuning

    def start(self) -> Start:
        """The network, with the checkpoint's own channels; its classifier is new unless it has these five classes.

        Features are averaged over all tokens, as VideoMAE's own fine-tuning does; the config of a checkpoint without a
        classifier asks for the first token instead, which is the upper left corner.

        Raises:
            FileNotFoundError: there is no such checkpoint, or it has no safetensors.
            ValueError: it is no VideoMAE of 16 frames, or its encoder is not whole.
        """
        folder = checkpoint_folder(self.checkpoint)
        check_model_type(folder, "videomae")
        stored: Mapping[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if (frames := stored.get("num_frames", CONTENT_FRAMES)) != CONTENT_FRAMES:
            raise ValueError(f"{folder}/config.json has num_frames {frames}, expected {CONTENT_FRAMES}")
        with _without_report():
            loaded: Any = VideoMAEForVideoClassification.from_pretrained(
                folder,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                ignore_mismatched_sizes=True,  # of the classifier; others are refused below
                output_loading_info=True,
                use_mean_pooling=True,
                **_CLASSES,
            )
        model, report = loaded
        fresh = absent_weights(report)
        _check_encoder(self.checkpoint, fresh)
        if labels_of(stored) != CONTENT_CLASSES:
            fresh |= {"classifier.weight", "classifier.bias"}
            torch.nn.init.trunc_normal_(model.classifier.weight, std=model.config.initializer_range)
            torch.nn.init.zeros_(model.classifier.bias)
        return Start(model, content_input(folder, stored), _origin(self.checkpoint, fresh))


@contextmanager
def _without_report() -> Iterator[None]:
    """Keep `transformers` from listing every tensor that has no place; what matters of it is said in the model card."""
    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)


def _check_encoder(checkpoint: str, fresh: set[str]) -> None:
    lacking = sorted(name for name in fresh if not name.startswith(_HEAD))
    if lacking:
        raise ValueError(
            f"checkpoint {checkpoint} lacks {lacking[:3]} and {max(len(lacking) - 3, 0)} more tensors of the sizes in "
            "its config.json, expected the whole encoder of a VideoMAE"
        )


def _origin(checkpoint: str, fresh: set[str]) -> str:
    head = f"new: {', '.join(sorted(fresh))}" if fresh else "the checkpoint's own, for the same five classes"
    return (
        f"Fine-tuned from the VideoMAE checkpoint `{checkpoint}`; its classifier was {head}. Features are averaged "
        "over all tokens. `transformers` has no stochastic depth for this architecture, so the recipe's drop-path of "
        "0.1 was left out."
    )
