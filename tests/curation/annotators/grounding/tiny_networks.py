"""GroundingDINO, SAM and SAM 2 in their real formats, saved by the real library: tiny, with random weights."""

from pathlib import Path
from typing import Any

import torch
from transformers import (
    BertConfig,
    BertTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessorPil,
    Sam2Config,
    Sam2Model,
    Sam2VideoConfig,
    Sam2VideoModel,
    SamConfig,
    SamImageProcessorPil,
    SamModel,
    SwinConfig,
)

from tests.curation.annotators.grounding.vocabulary import VOCABULARY_SIZE, vocabulary

# The long side at which the tiny networks see a frame; SAM 2's feature maps are a quarter to a sixteenth of it.
SAM_SIDE = 64
DETECTOR_SIDES = {"shortest_edge": 64, "longest_edge": 107}
MAX_TOKENS = 32


def save_grounding_dino(folder: Path, *, seed: int = 0) -> Path:
    """A whole checkpoint: network, tokenizer, image processor."""
    swin: dict[str, Any] = {"depths": [1, 1, 1, 1], "num_heads": [1, 1, 2, 2], "out_indices": [2, 3, 4]}
    backbone = SwinConfig(image_size=64, embed_dim=8, window_size=4, **swin)
    text = BertConfig(
        vocab_size=VOCABULARY_SIZE, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    config = GroundingDinoConfig(
        backbone_config=backbone,
        text_config=text,
        d_model=64,  # two channels to each of 32 groups, so that one pixel can be normalized
        num_queries=20,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_n_points=2,
        decoder_n_points=2,
        max_text_len=MAX_TOKENS,
    )
    _save(GroundingDinoForObjectDetection, config, folder, seed)
    BertTokenizer(vocab=vocabulary()).save_pretrained(folder)
    GroundingDinoImageProcessorPil(size=DETECTOR_SIDES).save_pretrained(folder)
    return folder


def save_sam(folder: Path, *, seed: int = 1) -> Path:
    """A whole checkpoint: network, image processor."""
    vision = {
        "hidden_size": 16,
        "output_channels": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SAM_SIDE,
        "patch_size": 8,
        "window_size": 4,
        "global_attn_indexes": [1],
        "num_pos_feats": 8,
        "mlp_dim": 16,
    }
    prompt = {"hidden_size": 16, "image_size": SAM_SIDE, "patch_size": 8}
    config = SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=_decoder())
    _save(SamModel, config, folder, seed)
    SamImageProcessorPil(
        size={"longest_edge": SAM_SIDE}, pad_size={"height": SAM_SIDE, "width": SAM_SIDE}
    ).save_pretrained(folder)
    return folder


def save_sam_2(folder: Path, *, of_video: bool = False, seed: int = 2) -> Path:
    """The network alone, as the image model or as the video model that is published."""
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 8,
        "num_attention_heads": 1,
        "image_size": [SAM_SIDE, SAM_SIDE],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 2, 2],
        "window_size_per_stage": [8, 4, 4, 2],
        "global_attention_blocks": [3],
    }
    vision = {
        "backbone_config": backbone,
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        "fpn_hidden_size": 16,
    }
    prompt = {"hidden_size": 16, "image_size": SAM_SIDE, "patch_size": 16}
    parts: dict[str, Any] = {
        "vision_config": vision,
        "prompt_encoder_config": prompt,
        "mask_decoder_config": _decoder(),
    }
    if not of_video:
        _save(Sam2Model, Sam2Config(**parts), folder, seed)
        return folder
    memory: dict[str, Any] = {
        "memory_attention_hidden_size": 16,
        "memory_attention_num_layers": 1,
        "memory_attention_num_attention_heads": 1,
        "memory_attention_feed_forward_hidden_size": 16,
        "memory_attention_rope_feat_sizes": [4, 4],
        "memory_encoder_hidden_size": 16,
        "memory_encoder_output_channels": 8,
        "mask_downsampler_embed_dim": 16,
        "memory_fuser_embed_dim": 16,
        "memory_fuser_intermediate_dim": 16,
        "image_size": SAM_SIDE,
    }
    _save(Sam2VideoModel, Sam2VideoConfig(**parts, **memory), folder, seed)
    return folder


def _decoder() -> dict[str, Any]:
    return {
        "hidden_size": 16,
        "mlp_dim": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "iou_head_hidden_dim": 16,
        "iou_head_depth": 2,
    }


def _save(kind: Any, config: Any, folder: Path, seed: int) -> None:
    """With weights large enough that every input shows in the output: a new SAM's are zero but for 1e-10."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = kind(config)
        for name, weight in network.named_parameters():
            if weight.ndim > 1:
                torch.nn.init.normal_(weight, std=0.1 if "bbox_embed" in name else 0.4)
    network.save_pretrained(folder)
