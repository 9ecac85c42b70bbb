"""What the model is given in the benchmark: drawn numbers in the shapes of a bucket, with full conditions.

The speed of matrix products depends on the numbers a little (zeros take less power), so none are zeros.
"""

import torch
from torch import Tensor

from dataset_schema import Bucket
from modeling.model.backbone import VideoBackbone
from modeling.model.conditions import Conditions, ReferenceTokens
from modeling.model.costs import Workload
from modeling.training.config import RunConfig


def draw_latents(run: RunConfig, bucket: Bucket, *, clips: int, device: torch.device) -> Tensor:
    """Latents of clips of a bucket."""
    latents = run.pipeline.encoders.latents
    return torch.randn(clips, latents.channels, *latents.shape(bucket), device=device)


def draw_conditions(run: RunConfig, *, clips: int, device: torch.device, has_references: bool = True) -> Conditions:
    """A caption as long as the text encoder reads, and as many reference images as the model takes.

    Of several clips each may be shorter than another, so attention is given their masks.
    """
    model, encoders = run.pipeline.model, run.pipeline.encoders
    text, images = encoders.max_text_tokens, model.max_images
    references = ReferenceTokens(
        image_tokens=torch.randn(clips, images, encoders.image_tokens, model.image_channels, device=device),
        word_tokens=torch.randn(clips, images, model.words_per_image, model.text_channels, device=device),
        is_present=torch.ones(clips, images, dtype=torch.bool, device=device),
        is_padded=clips > 1,
    )
    return Conditions(
        text=torch.randn(clips, text, model.text_channels, device=device),
        is_text=torch.ones(clips, text, dtype=torch.bool, device=device),
        references=references if has_references else None,
        is_padded=clips > 1,
    )


def workload(run: RunConfig, bucket: Bucket, *, clips: int, has_references: bool) -> Workload:
    """The workload of these inputs."""
    images = run.pipeline.model.max_images * run.pipeline.encoders.image_tokens
    return Workload(
        clips=clips,
        tokens=run.pipeline.encoders.latents.tokens(bucket),
        text_tokens=run.pipeline.encoders.max_text_tokens,
        image_tokens=images if has_references else 0,
    )


@torch.no_grad()
def draw_weights(model: VideoBackbone) -> None:
    """Give a model without weights some, as large as trained ones."""
    for name, weight in model.named_parameters():
        if weight.ndim > 1:
            weight.normal_(std=0.02)
        else:
            weight.fill_(1.0 if name.endswith("norm.weight") else 0.0)
