"""A HunyuanVideo in diffusers' form, saved by the real libraries: tiny, with random weights."""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLHunyuanVideo,
    FlowMatchEulerDiscreteScheduler,
    HunyuanVideoPipeline,
    HunyuanVideoTransformer3DModel,
)
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    LlamaConfig,
    LlamaModel,
    PreTrainedTokenizerFast,
)

from modeling.encoders.hunyuan import HunyuanEncoders
from modeling.model.precision import Precision
from tests.modeling.encoders.tiny_checkpoints import CHANNELS, IMAGE_SIDE, PATCH_SIDE, TinyCheckpoints

HEADS, HEAD_CHANNELS, DUAL_BLOCKS, SINGLE_BLOCKS, REFINER_BLOCKS = 2, 32, 3, 2, 1
TEXT_TOKENS, POOLED_CHANNELS = 32, 16

# That its tokenizer makes of the instruction: one fewer than marks, words and punctuation, for the first mark is added.
TEMPLATE_TOKENS = 92

_BEGIN, _END, _PAD, _UNKNOWN = "<|begin_of_text|>", "<|eot_id|>", "<|end_of_text|>", "<unk>"
_MARKS = (_BEGIN, _END, "<|start_header_id|>", "<|end_header_id|>", _PAD)
_WORDS = ("A", "a", "red", "ball", "moves", "right", "over", "the", "meadow", "night", "and", "blue", "box", ".", ",")
_LETTERS = "abcdefghijklmnopqrstuvwxyz.,-"


def save_tiny_hunyuan(folder: Path) -> Path:
    """Write one, as `save_pretrained` of the pipeline does."""
    tokenizer, clip_tokenizer = _tokenizer(), _clip_tokenizer()
    kind: Any = HunyuanVideoPipeline
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pipeline = kind(
            text_encoder=_llama(len(tokenizer)),
            tokenizer=tokenizer,
            transformer=_transformer(),
            vae=_autoencoder(),
            scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),  # type: ignore[no-untyped-call]
            text_encoder_2=_clip(clip_tokenizer),
            tokenizer_2=clip_tokenizer,
        )
    pipeline.save_pretrained(folder)
    return folder


def hunyuan_encoders(hunyuan: Path, images: TinyCheckpoints) -> HunyuanEncoders:
    """The config that reads it, and reads images with a tiny DINOv2."""
    return HunyuanEncoders(
        checkpoint=str(hunyuan),
        text_channels=CHANNELS,
        max_text_tokens=TEXT_TOKENS,
        pooled_channels=POOLED_CHANNELS,
        template_tokens=TEMPLATE_TOKENS,
        image_encoder=str(images.dinov2),
        image_channels=CHANNELS,
        image_side=IMAGE_SIDE,
        patch_side=PATCH_SIDE,
        precision=Precision.FLOAT32,
    )


def _tokenizer() -> Any:
    """Words are tokens, and a text begins with a mark of its own, as of Llama 3."""
    vocabulary = {word: number for number, word in enumerate((*_MARKS, _UNKNOWN, *_WORDS))}
    tokenizer: Any = Tokenizer(models.WordLevel(vocabulary, unk_token=_UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    tokenizer.add_special_tokens([AddedToken(mark, special=True) for mark in _MARKS])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{_BEGIN} $A", special_tokens=[(_BEGIN, vocabulary[_BEGIN])]
    )
    kind: Any = PreTrainedTokenizerFast
    return kind(tokenizer_object=tokenizer, pad_token=_PAD, bos_token=_BEGIN, padding_side="right")


def _clip_tokenizer() -> Any:
    """Letters are tokens."""
    pieces = (*_LETTERS, *(f"{letter}</w>" for letter in _LETTERS), "<|startoftext|>", "<|endoftext|>")
    return CLIPTokenizer(vocab={piece: number for number, piece in enumerate(pieces)}, merges=[])


def _llama(words: int) -> Any:
    config = LlamaConfig(
        vocab_size=words,
        hidden_size=CHANNELS,
        intermediate_size=64,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    network: Any = LlamaModel(config)
    return network.eval()


def _clip(tokenizer: Any) -> Any:
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=POOLED_CHANNELS,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    network: Any = CLIPTextModel(config)
    return network.eval()


def _autoencoder() -> Any:
    return AutoencoderKLHunyuanVideo(  # type: ignore[no-untyped-call]  # diffusers types only a part of itself
        block_out_channels=(8, 8, 8, 8), layers_per_block=1, norm_num_groups=2
    )


def _transformer() -> Any:
    return HunyuanVideoTransformer3DModel(  # type: ignore[no-untyped-call]
        num_attention_heads=HEADS,
        attention_head_dim=HEAD_CHANNELS,
        num_layers=DUAL_BLOCKS,
        num_single_layers=SINGLE_BLOCKS,
        num_refiner_layers=REFINER_BLOCKS,
        text_embed_dim=CHANNELS,
        pooled_projection_dim=POOLED_CHANNELS,
        rope_axes_dim=(4, 14, 14),
    )
