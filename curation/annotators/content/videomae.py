"""VideoMAE's classifier, for inference, from a checkpoint in the format of `transformers`.

`transformers` itself takes some three seconds of one core to import, for what is a patch embedding and a stack of plain
blocks, and every worker process would pay them. The content filter is trained with it; that both compute the same is
tested with weights that it saved.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from storage.checkpoints import expect_whole

# Names in a checkpoint, and here; the biases of queries and values have two, of older and newer versions.
_NAMES: Final = (
    ("videomae.", ""),
    ("embeddings.patch_embeddings.projection", "patches"),
    ("encoder.layer.", "blocks."),
    ("attention.attention.", ""),
    ("attention.output.dense", "attention_output"),
    ("intermediate.dense", "intermediate"),
    ("output.dense", "output"),
    ("query.bias", "q_bias"),
    ("value.bias", "v_bias"),
)


class VideoMae(nn.Module):
    """Logits (batch, classes) of pixels (batch, frames, channels, height, width).

    Args:
        config: its config.json; what an old one lacks is as in `transformers`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        hidden, patch = config.get("hidden_size", 768), config.get("patch_size", 16)
        cube = (config.get("tubelet_size", 2), patch, patch)
        eps = config.get("layer_norm_eps", 1e-12)
        self.patches = nn.Conv3d(config.get("num_channels", 3), hidden, cube, stride=cube)
        self.blocks = nn.ModuleList(_Block(hidden, config, eps) for _ in range(config.get("num_hidden_layers", 12)))
        self.is_mean = config.get("use_mean_pooling", True)
        if self.is_mean:
            self.fc_norm = nn.LayerNorm(hidden)
        else:
            self.layernorm = nn.LayerNorm(hidden, eps=eps)
        self.classifier = nn.Linear(hidden, len(config["id2label"]))

    def forward(self, pixels: Tensor) -> Tensor:
        """See the class."""
        tokens = self.patches(pixels.transpose(1, 2)).flatten(2).transpose(1, 2)
        tokens = tokens + _positions(*tokens.shape[1:]).to(tokens)
        for block in self.blocks:
            tokens = block(tokens)
        pooled = self.fc_norm(tokens.mean(1)) if self.is_mean else self.layernorm(tokens)[:, 0]
        logits: Tensor = self.classifier(pooled)
        return logits


class _Block(nn.Module):
    def __init__(self, hidden: int, config: Mapping[str, Any], eps: float) -> None:
        super().__init__()
        self.heads = config.get("num_attention_heads", 12)
        self.layernorm_before, self.layernorm_after = (nn.LayerNorm(hidden, eps=eps) for _ in range(2))
        self.query, self.key, self.value = (nn.Linear(hidden, hidden, bias=False) for _ in range(3))
        has_bias = config.get("qkv_bias", config.get("qv_bias", True))
        self.q_bias, self.v_bias = (nn.Parameter(torch.zeros(hidden)) if has_bias else None for _ in range(2))
        self.attention_output = nn.Linear(hidden, hidden)
        self.intermediate = nn.Linear(hidden, config.get("intermediate_size", 3072))
        self.output = nn.Linear(self.intermediate.out_features, hidden)

    def forward(self, tokens: Tensor) -> Tensor:
        shown = self.layernorm_before(tokens)
        query, key, value = (
            functional.linear(shown, layer.weight, bias).view(*shown.shape[:2], self.heads, -1).transpose(1, 2)
            for layer, bias in ((self.query, self.q_bias), (self.key, None), (self.value, self.v_bias))
        )
        attended = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        tokens = tokens + self.attention_output(attended)
        widened = functional.gelu(self.intermediate(self.layernorm_after(tokens)))
        narrowed: Tensor = self.output(widened)
        return tokens + narrowed


def load_videomae(folder: Path, config: Mapping[str, Any]) -> VideoMae:
    """The network of a folder, in float32 and evaluation mode, on the CPU.

    Raises:
        ValueError: weights are missing or of another size, or its activation is not the one of every VideoMAE.
    """
    if config.get("hidden_act", "gelu") != "gelu":
        raise ValueError(f"{folder}/config.json has hidden_act {config['hidden_act']!r}, expected 'gelu'")
    stored = {
        _own_name(name): tensor.float()
        for path in sorted(folder.glob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }
    with torch.device("meta"):  # no memory, no random numbers: all weights come from the checkpoint
        network = VideoMae(config)
    expected = {name: tensor.shape for name, tensor in network.state_dict().items()}
    absent = {name for name, shape in expected.items() if name not in stored or stored[name].shape != shape}
    expect_whole(folder, network, absent)
    network.load_state_dict({name: stored[name] for name in expected}, assign=True)
    return network.eval()


def _own_name(name: str) -> str:
    for theirs, ours in _NAMES:
        name = name.replace(theirs, ours)
    return name


def _positions(count: int, hidden: int) -> Tensor:
    """Sine and cosine of each token's place, (count, hidden), in pairs of one wavelength."""
    wavelengths = 10000 ** (2 * (torch.arange(hidden, dtype=torch.float64) // 2) / hidden)
    angles = torch.arange(count, dtype=torch.float64)[:, None] / wavelengths
    return torch.where(torch.arange(hidden) % 2 == 0, angles.sin(), angles.cos())
