"""Wan with personalization cross-attention, as diffusers loads it. Needs torch and diffusers, and nothing else.

This file lies beside the weights (`transformer/personalized_wan.py`), and `model_index.json` names it:

    pipeline = diffusers.WanPipeline.from_pretrained(folder, trust_remote_code=True)
    video = pipeline(prompt, attention_kwargs={"references": references})

`references` is a dict of tensors; `modeling.reference_tokens` makes it of pictures and their words:

- `image_tokens` (batch, images, patches, channels): patch tokens of each picture, of the image encoder in training;
- `word_tokens` (batch, images, words, text channels): the prompt's tokens at the picture's word, zeros where it has
  fewer;
- `is_present` (batch, images): False for pictures that a prompt of the batch does not have.

Without them it is `WanTransformer3DModel`, bit for bit. The pipeline asks twice, with the prompt and with the negative
one, and both see the references: that is Equation 2 of the paper without its image branch, and `guidance_scale` is
`text_scale` + 1. The mathematics is that of `modeling.backbones.wan_network`, written again without its library.
"""

# ruff: noqa: FBT001, FBT002, PLR0913  # signatures are those of diffusers

from typing import Any, ClassVar

import torch
from diffusers import WanTransformer3DModel
from diffusers.configuration_utils import register_to_config
from diffusers.models.transformers.transformer_wan import WanTransformerBlock
from torch import Tensor, nn
from torch.nn import functional


class PersonalizedWanTransformer3DModel(WanTransformer3DModel):
    """See the module. The first arguments are those of `WanTransformer3DModel`.

    Args:
        image_channels: of a token of a reference image.
        max_images: reference images of a clip.
        words_per_image: tokens of its word that are bound to each.
        binds_words: whether they are.
        every_nth_block: has a personalization layer, the first among them.
    """

    _no_split_modules: ClassVar[list[str]] = ["_PersonalizedBlock"]
    _repeated_blocks: ClassVar[list[str]] = ["_PersonalizedBlock"]

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        patch_size: tuple[int, ...] = (1, 2, 2),
        num_attention_heads: int = 40,
        attention_head_dim: int = 128,
        in_channels: int = 16,
        out_channels: int = 16,
        text_dim: int = 4096,
        freq_dim: int = 256,
        ffn_dim: int = 13824,
        num_layers: int = 40,
        cross_attn_norm: bool = True,
        qk_norm: str | None = "rms_norm_across_heads",
        eps: float = 1e-6,
        image_dim: int | None = None,
        added_kv_proj_dim: int | None = None,
        rope_max_seq_len: int = 1024,
        pos_embed_seq_len: int | None = None,
        image_channels: int = 1024,
        max_images: int = 6,
        words_per_image: int = 3,
        binds_words: bool = True,
        every_nth_block: int = 1,
    ) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            patch_size=patch_size,
            num_attention_heads=num_attention_heads,
            attention_head_dim=attention_head_dim,
            in_channels=in_channels,
            out_channels=out_channels,
            text_dim=text_dim,
            freq_dim=freq_dim,
            ffn_dim=ffn_dim,
            num_layers=0,
            cross_attn_norm=cross_attn_norm,
            qk_norm=qk_norm,
            eps=eps,
            image_dim=image_dim,
            added_kv_proj_dim=added_kv_proj_dim,
            rope_max_seq_len=rope_max_seq_len,
            pos_embed_seq_len=pos_embed_seq_len,
        )
        self.register_to_config(num_layers=num_layers)  # type: ignore[attr-defined]
        width = num_attention_heads * attention_head_dim
        self.blocks = nn.ModuleList(
            _PersonalizedBlock(
                width,
                ffn_dim,
                num_attention_heads,
                qk_norm,
                cross_attn_norm,
                eps,
                added_kv_proj_dim,
                image_channels=image_channels if number % every_nth_block == 0 else None,
            )
            for number in range(num_layers)
        )
        self.binding = _Binding(image_channels, words_per_image * text_dim, max_images, binds_words=binds_words)

    def forward(
        self,
        hidden_states: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        encoder_hidden_states_image: Tensor | None = None,
        return_dict: bool = True,
        attention_kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """As `WanTransformer3DModel.forward`; `attention_kwargs` may hold `references`."""
        others = dict(attention_kwargs or {})
        references = others.pop("references", None)
        images = None if references is None else self.binding(references, clips=len(hidden_states))
        self._show(images)
        try:
            return super().forward(  # type: ignore[misc]
                hidden_states,
                timestep,
                encoder_hidden_states,
                encoder_hidden_states_image,
                return_dict=return_dict,
                attention_kwargs=others or None,
            )
        finally:
            self._show(None)

    def _show(self, images: tuple[Tensor, Tensor | None] | None) -> None:
        blocks: Any = self.blocks
        for block in blocks:
            block.images = images


class _PersonalizedBlock(WanTransformerBlock):
    """Wan's block with the layer between text cross-attention and MLP; `images` is what it attends to, with a mask."""

    def __init__(self, width: int, *shape: Any, image_channels: int | None) -> None:
        super().__init__(width, *shape)
        self.images: tuple[Tensor, Tensor | None] | None = None
        self.is_personalized = image_channels is not None
        if image_channels is not None:
            self.personalization_norm = nn.LayerNorm(width, eps=1e-6)
            self.personalization_attention = _ImageAttention(width, self.attn1.heads, image_channels)

    def forward(self, hidden_states: Tensor, encoder_hidden_states: Tensor, temb: Tensor, rotary_emb: Any) -> Tensor:
        if self.images is None or not self.is_personalized:
            return super().forward(hidden_states, encoder_hidden_states, temb, rotary_emb)
        axis = temb.ndim - 2  # Wan 2.2's small model has a timestep for every token
        table = self.scale_shift_table if axis == 1 else self.scale_shift_table[None]
        vectors = (table + temb.float()).chunk(6, dim=axis)
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = (
            vectors if axis == 1 else [vector.squeeze(2) for vector in vectors]
        )
        tokens = hidden_states
        modulated = (self.norm1(tokens.float()) * (1 + scale) + shift).type_as(tokens)
        tokens = (tokens.float() + self.attn1(modulated, None, None, rotary_emb) * gate).type_as(tokens)
        tokens = tokens + self.attn2(self.norm2(tokens.float()).type_as(tokens), encoder_hidden_states, None, None)
        tokens = tokens + self.personalization_attention(_float32(self.personalization_norm, tokens), *self.images)
        modulated = (self.norm3(tokens.float()) * (1 + mlp_scale) + mlp_shift).type_as(tokens)
        return (tokens.float() + self.ffn(modulated).float() * mlp_gate).type_as(tokens)


class _ImageAttention(nn.Module):
    """Cross-attention to image tokens, without biases."""

    def __init__(self, width: int, heads: int, image_channels: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_query = nn.Linear(width, width, bias=False)
        self.to_key_value = nn.Linear(image_channels, 2 * width, bias=False)
        self.query_norm = nn.RMSNorm(width // heads, eps=1e-6)
        self.key_norm = nn.RMSNorm(width // heads, eps=1e-6)
        self.to_out = nn.Linear(width, width, bias=False)

    def forward(self, tokens: Tensor, images: Tensor, mask: Tensor | None) -> Tensor:
        dtype = self.to_query.weight.dtype
        query = self.to_query(tokens.to(dtype)).unflatten(2, (self.heads, -1))
        key, value = self.to_key_value(images.to(dtype)).unflatten(2, (2, self.heads, -1)).unbind(2)
        query, key = _float32(self.query_norm, query).to(dtype), _float32(self.key_norm, key).to(dtype)
        query, key, value = (each.transpose(1, 2) for each in (query, key, value))
        gathered = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.to_out(gathered.transpose(1, 2).flatten(2))


class _Binding(nn.Module):
    """Ties each image to its word: `Linear([image; word]) + image + index`."""

    def __init__(self, image_channels: int, word_channels: int, max_images: int, *, binds_words: bool) -> None:
        super().__init__()
        self.binds_words = binds_words
        self.to_image = nn.Linear(image_channels + word_channels, image_channels, bias=False)
        self.index_embedding = nn.Parameter(torch.zeros(max_images, image_channels))

    def forward(self, references: dict[str, Tensor], *, clips: int) -> tuple[Tensor, Tensor | None]:
        """The tokens of all images of each clip, and which of them are there; None if all are."""
        place = self.index_embedding.device
        names = ("image_tokens", "word_tokens", "is_present")
        # Several videos of one prompt stand together, as in `WanPipeline.encode_prompt`.
        images, words, is_present = (
            references[name].to(place).repeat_interleave(clips // len(references[name]), dim=0) for name in names
        )
        if images.shape[1] > len(self.index_embedding):
            raise ValueError(f"{images.shape[1]} reference images, expected at most {len(self.index_embedding)}")
        words = (words if self.binds_words else torch.zeros_like(words)).flatten(2)
        words = words[:, :, None].expand(-1, -1, images.shape[2], -1)
        bound = self.to_image(torch.cat([images, words], dim=-1).to(self.to_image.weight.dtype)) + images
        bound = bound + self.index_embedding[: images.shape[1], None]
        is_token = is_present.repeat_interleave(images.shape[2], dim=1)
        tokens = torch.where(is_token[..., None], bound.flatten(1, 2), 0.0)
        if is_token.all():
            return tokens, None
        row = is_token[:, None, None]
        return tokens, row | ~row.any(dim=-1, keepdim=True)  # a clip without any attends to zeros


def _float32(norm: nn.LayerNorm | nn.RMSNorm, values: Tensor) -> Tensor:
    """The norm in float32, whatever its weights are in."""
    weight = norm.weight.float()
    if isinstance(norm, nn.LayerNorm):
        return functional.layer_norm(values.float(), norm.normalized_shape, weight, norm.bias.float(), norm.eps)
    return functional.rms_norm(values.float(), norm.normalized_shape, weight, norm.eps)
