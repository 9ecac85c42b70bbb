"""Published models other than Wan 2.1, tiny, as this library trains them and as diffusers' own classes compute them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
    HunyuanVideoTransformer3DModel,
    LTXPipeline,
    LTXVideoTransformer3DModel,
    WanTransformer3DModel,
)
from torch import Tensor
from torch.nn.functional import pad

from dataset_schema import Bucket
from modeling.backbones.cogvideox import CogVideoXConfig
from modeling.backbones.cogvideox_schedule import CogVideoXSchedule
from modeling.backbones.hunyuan import HunyuanConfig
from modeling.backbones.ltx import LTXConfig
from modeling.backbones.published import PublishedConfig
from modeling.backbones.wan import WanConfig
from modeling.encoders import EncodersConfig, WanEncoders
from modeling.training.presets import wan_5b
from tests.modeling.backbones.small_wan import TEXT_TOKENS, pooled_of, wan_config
from tests.modeling.encoders import tiny_cogvideox, tiny_hunyuan, tiny_ltx
from tests.modeling.encoders.tiny_checkpoints import CHANNELS, TinyCheckpoints
from tests.modeling.encoders.tiny_wan import wan_encoders

Theirs = Callable[[Path, torch.dtype, Tensor, Tensor, Sequence[Tensor]], Tensor]


@dataclass(frozen=True, kw_only=True)
class Family:
    """One kind of published model.

    Attributes:
        fixture: of its tiny checkpoint.
        config: that reads it, with changes.
        theirs: the velocity that diffusers' class gives, of a checkpoint in a precision, for latents, timesteps and
            texts.
        latents: the shape of one clip's.
        published: configs of the sizes that are published, each with diffusers' class of it, without memory.
        encoders: the config that reads the encoders of its tiny checkpoint.
        bucket: that it is trained at, at its own pace.
        clips: that fill it, at 24 frames a second; `short_clips` do not last as long.
    """

    fixture: str
    config: Callable[..., Any]
    theirs: Theirs
    latents: tuple[int, int, int, int]
    published: Callable[[], Sequence[tuple[PublishedConfig, Any]]]
    encoders: Callable[[Path, TinyCheckpoints], EncodersConfig]
    bucket: Bucket
    clips: Bucket
    short_clips: Bucket

    def draw_latents(self) -> tuple[Tensor, Tensor]:
        """Noisy latents of two clips, wider than high, and their timesteps."""
        return torch.randn(2, *self.latents, generator=torch.Generator().manual_seed(3)), torch.tensor([0.3, 0.8])


def cogvideox_config(checkpoint: Path, *, is_rotary: bool, **changes: Any) -> CogVideoXConfig:
    """The config that reads `tiny_cogvideox` or, if it is rotary, `tiny_rotary_cogvideox`."""
    shape: dict[str, Any] = {
        "checkpoint": str(checkpoint),
        "width": tiny_cogvideox.HEADS * tiny_cogvideox.HEAD_CHANNELS,
        "blocks": tiny_cogvideox.BLOCKS,
        "heads": tiny_cogvideox.HEADS,
        "timestep_channels": tiny_cogvideox.TIMESTEP_CHANNELS,
        "text_channels": CHANNELS,
        "text_tokens": tiny_cogvideox.TEXT_TOKENS,
        "is_rotary": is_rotary,
        "snr_shift_scale": 1.0 if is_rotary else 3.0,
        "image_channels": CHANNELS,
        "words_per_image": 2,
    }
    return CogVideoXConfig(**{**shape, **changes})


def _cogvideox(*, is_rotary: bool) -> Family:
    def config(checkpoint: Path, **changes: Any) -> CogVideoXConfig:
        return cogvideox_config(checkpoint, is_rotary=is_rotary, **changes)

    def theirs(checkpoint: Path, dtype: torch.dtype, latents: Tensor, times: Tensor, texts: Sequence[Tensor]) -> Tensor:
        network: Any = CogVideoXPipeline
        pipeline = network.from_pretrained(checkpoint, local_files_only=True)
        schedule = CogVideoXSchedule(snr_shift_scale=1.0 if is_rotary else 3.0)  # tested by itself
        published = schedule.to_published(latents, times)
        _, _, frames, height, width = latents.shape
        rotation = pipeline._prepare_rotary_positional_embeddings(8 * height, 8 * width, frames, latents.device)
        with torch.no_grad():
            predicted = of_diffusers(CogVideoXTransformer3DModel, checkpoint, dtype)(
                hidden_states=published.transpose(1, 2).to(dtype),
                encoder_hidden_states=filled(texts, tiny_cogvideox.TEXT_TOKENS).to(dtype),
                timestep=schedule.steps(times),
                image_rotary_emb=rotation if is_rotary else None,
                return_dict=False,
            )[0]
        return schedule.velocity(predicted.transpose(1, 2).float(), published, times)

    return Family(
        fixture="tiny_rotary_cogvideox" if is_rotary else "tiny_cogvideox",
        config=config,
        theirs=theirs,
        latents=(16, 3, 4, 6),
        published=_published_5b if is_rotary else _published_2b,
        encoders=tiny_cogvideox.cogvideox_encoders,
        bucket=Bucket(5, 32, 48),
        clips=Bucket(17, 32, 48),  # 5 frames at 8 a second last as long as 15 at 24
        short_clips=Bucket(13, 32, 48),
    )


def _published_2b() -> Sequence[tuple[PublishedConfig, Any]]:
    return [(CogVideoXConfig(), CogVideoXTransformer3DModel())]  # type: ignore[no-untyped-call]


def _published_5b() -> Sequence[tuple[PublishedConfig, Any]]:
    network: Any = CogVideoXTransformer3DModel
    config = CogVideoXConfig(width=3072, blocks=42, heads=48, is_rotary=True, snr_shift_scale=1.0)
    return [(config, network(num_attention_heads=48, num_layers=42, use_rotary_positional_embeddings=True))]


def of_diffusers(network: Any, checkpoint: Path, dtype: torch.dtype) -> Any:
    """The transformer of a checkpoint in diffusers' own class."""
    return network.from_pretrained(checkpoint, subfolder="transformer", torch_dtype=dtype, local_files_only=True).eval()


def filled(texts: Sequence[Tensor], tokens: int) -> Tensor:
    """The texts, filled up with zeros."""
    return torch.stack([pad(text, (0, 0, 0, tokens - len(text))) for text in texts])


def ltx_config(checkpoint: Path, **changes: Any) -> LTXConfig:
    """The config that reads `tiny_ltx`."""
    shape: dict[str, Any] = {
        "checkpoint": str(checkpoint),
        "width": tiny_ltx.HEADS * tiny_ltx.HEAD_CHANNELS,
        "blocks": tiny_ltx.BLOCKS,
        "heads": tiny_ltx.HEADS,
        "text_channels": CHANNELS,
        "text_tokens": tiny_ltx.TEXT_TOKENS,
        "image_channels": CHANNELS,
        "words_per_image": 2,
    }
    return LTXConfig(**{**shape, **changes})


def _ltx_theirs(
    checkpoint: Path, dtype: torch.dtype, latents: Tensor, times: Tensor, texts: Sequence[Tensor]
) -> Tensor:
    _, _, frames, height, width = latents.shape
    is_text = torch.stack([torch.arange(tiny_ltx.TEXT_TOKENS) < len(text) for text in texts])
    with torch.no_grad():
        predicted = of_diffusers(LTXVideoTransformer3DModel, checkpoint, dtype)(
            hidden_states=LTXPipeline._pack_latents(latents.to(dtype)),
            encoder_hidden_states=filled(texts, tiny_ltx.TEXT_TOKENS).to(dtype),
            timestep=times * 1000,
            encoder_attention_mask=is_text,
            num_frames=frames,
            height=height,
            width=width,
            rope_interpolation_scale=(8 / 25, 32, 32),
            return_dict=False,
        )[0]
    velocity: Tensor = LTXPipeline._unpack_latents(predicted.float(), frames, height, width)
    return velocity


def _ltx_published() -> Sequence[tuple[PublishedConfig, Any]]:
    return [(LTXConfig(), LTXVideoTransformer3DModel())]  # type: ignore[no-untyped-call]


_LTX = Family(
    fixture="tiny_ltx",
    config=ltx_config,
    theirs=_ltx_theirs,
    latents=(128, 3, 3, 5),
    published=_ltx_published,
    encoders=tiny_ltx.ltx_encoders,
    bucket=Bucket(17, 32, 64),
    clips=Bucket(17, 32, 64),
    short_clips=Bucket(13, 32, 64),
)


def ti2v_config(checkpoint: Path, **changes: Any) -> WanConfig:
    """The config that reads `tiny_ti2v`."""
    return wan_config(checkpoint, **{"latent_channels": 48, "expands_timesteps": True, **changes})


def _ti2v_theirs(
    checkpoint: Path, dtype: torch.dtype, latents: Tensor, times: Tensor, texts: Sequence[Tensor]
) -> Tensor:
    """Times of clips, or of each latent in time."""
    _, _, time, height, width = latents.shape
    tokens = height * width // 4
    of_latents = times.reshape(len(latents), -1).expand(len(latents), time)
    with torch.no_grad():
        found: Tensor = of_diffusers(WanTransformer3DModel, checkpoint, dtype)(
            hidden_states=latents.to(dtype),
            timestep=of_latents.repeat_interleave(tokens, dim=1) * 1000,
            encoder_hidden_states=filled(texts, TEXT_TOKENS).to(dtype),
            return_dict=False,
        )[0]
    return found.float()


def _ti2v_published() -> Sequence[tuple[PublishedConfig, Any]]:
    network: Any = WanTransformer3DModel
    shape = {"num_attention_heads": 24, "ffn_dim": 14336, "num_layers": 30, "in_channels": 48, "out_channels": 48}
    return [(wan_5b().pipeline.model, network(**shape))]  # type: ignore[list-item]  # the preset's


def _ti2v_encoders(checkpoint: Path, images: TinyCheckpoints) -> WanEncoders:
    return wan_encoders(checkpoint, images, latent_channels=48)


_TI2V = Family(
    fixture="tiny_ti2v",
    config=ti2v_config,
    theirs=_ti2v_theirs,
    latents=(48, 3, 4, 6),
    published=_ti2v_published,
    encoders=_ti2v_encoders,
    bucket=Bucket(9, 32, 64),
    clips=Bucket(9, 32, 64),
    short_clips=Bucket(5, 32, 64),
)


def hunyuan_config(checkpoint: Path, **changes: Any) -> HunyuanConfig:
    """The config that reads `tiny_hunyuan`; `blocks` are those of two streams."""
    shape: dict[str, Any] = {
        "checkpoint": str(checkpoint),
        "width": tiny_hunyuan.HEADS * tiny_hunyuan.HEAD_CHANNELS,
        "dual_blocks": changes.pop("blocks", tiny_hunyuan.DUAL_BLOCKS),
        "single_blocks": tiny_hunyuan.SINGLE_BLOCKS,
        "refiner_blocks": tiny_hunyuan.REFINER_BLOCKS,
        "heads": tiny_hunyuan.HEADS,
        "text_channels": CHANNELS,
        "text_tokens": tiny_hunyuan.TEXT_TOKENS,
        "pooled_channels": tiny_hunyuan.POOLED_CHANNELS,
        "image_channels": CHANNELS,
        "words_per_image": 2,
    }
    return HunyuanConfig(**{**shape, **changes})


def _hunyuan_theirs(
    checkpoint: Path, dtype: torch.dtype, latents: Tensor, times: Tensor, texts: Sequence[Tensor]
) -> Tensor:
    is_text = torch.stack([torch.arange(tiny_hunyuan.TEXT_TOKENS) < len(text) for text in texts])
    with torch.no_grad():
        found: Tensor = of_diffusers(HunyuanVideoTransformer3DModel, checkpoint, dtype)(
            hidden_states=latents.to(dtype),
            timestep=times * 1000,
            encoder_hidden_states=filled(texts, tiny_hunyuan.TEXT_TOKENS).to(dtype),
            encoder_attention_mask=is_text.to(dtype),
            pooled_projections=torch.stack([pooled_of(text) for text in texts]).to(dtype),
            guidance=torch.tensor([6.0] * len(latents), dtype=dtype) * 1000,
            return_dict=False,
        )[0]
    return found.float()


def _hunyuan_published() -> Sequence[tuple[PublishedConfig, Any]]:
    network: Any = HunyuanVideoTransformer3DModel
    told_nothing = HunyuanConfig(dual_blocks=2, single_blocks=1, embedded_guidance=None)
    return [
        (HunyuanConfig(), network()),
        (told_nothing, network(num_layers=2, num_single_layers=1, guidance_embeds=False)),
    ]


_HUNYUAN = Family(
    fixture="tiny_hunyuan",
    config=hunyuan_config,
    theirs=_hunyuan_theirs,
    latents=(16, 3, 4, 6),
    published=_hunyuan_published,
    encoders=tiny_hunyuan.hunyuan_encoders,
    bucket=Bucket(9, 32, 48),
    clips=Bucket(9, 32, 48),
    short_clips=Bucket(5, 32, 48),
)

FAMILIES = {
    "hunyuan": _HUNYUAN,
    "wan-ti2v": _TI2V,
    "cogvideox-2b": _cogvideox(is_rotary=False),
    "cogvideox-5b": _cogvideox(is_rotary=True),
    "ltx": _LTX,
}
