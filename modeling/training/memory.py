"""What a training step occupies on each device, without running it.

The model of the estimate: weights, their gradients, moments and average are float32. The residual stream, norms and the
timestep's modulation are float32 too; what enters a matrix product or an attention is in the run's precision. Blocks
run eagerly, with a GPU's kernels (fused attention and RMS norm, a byte for each dropped value); compiled blocks keep
less. Several devices share weights and what belongs to them, and gather a block at a time. The frozen encoders, the
device's own context and the fragments between tensors come on top.
"""

from dataclasses import dataclass

from modeling.model.backbone import BackboneConfig
from modeling.model.costs import Workload
from modeling.model.parts import Part, Trainable
from modeling.model.precision import Precision
from modeling.model.weights import parameters_by_part, trained_parameters
from modeling.training.parallel import ExecutionConfig

_FLOAT32 = 4  # bytes

# Computed in the run's precision, all but their norms, which are a ten-thousandth of them.
_OF_MATRICES = (
    Part.PATCH_EMBEDDING,
    Part.SELF_ATTENTION,
    Part.TEXT_ATTENTION,
    Part.PERSONALIZATION,
    Part.MLP,
    Part.BINDING,
)

_OF_BLOCKS = (Part.SELF_ATTENTION, Part.TEXT_ATTENTION, Part.PERSONALIZATION, Part.MLP, Part.MODULATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSetup:
    """How a training step is run.

    Attributes:
        trainable: the weights that have gradients and moments.
        trained_by_run: what each of the run's phases trains; other weights have no average, and their matrices are in
            the precision of the products.
        averages_weights: whether an average of the trained weights is kept.
        adapter_parameters: weights of adapters beside the model's own.
        devices: that share the weights (FSDP).
    """

    trainable: Trainable
    execution: ExecutionConfig
    trained_by_run: tuple[Trainable, ...]
    averages_weights: bool
    adapter_parameters: int = 0
    devices: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMemory:
    """Bytes on one device.

    Attributes:
        copies: of weights, in the precision of the products or gathered from other devices.
        moments: the two of AdamW.
        activations: at the fullest moment of the backward pass; AdamW, which comes after it, needs no more.
    """

    weights: int
    copies: int
    gradients: int
    moments: int
    average: int
    activations: int

    @property
    def state(self) -> int:
        """What stays from step to step, whatever the clips."""
        return self.weights + self.gradients + self.moments + self.average

    @property
    def total(self) -> int:
        """At the fullest moment of the step."""
        return self.state + self.copies + self.activations


def step_memory(config: BackboneConfig, workload: Workload, setup: StepSetup) -> StepMemory:
    """What a step of this workload occupies on each device."""
    counts = parameters_by_part(config)
    weights = sum(counts.values()) + setup.adapter_parameters
    trained = trained_parameters(config, setup.trainable) + setup.adapter_parameters
    averaged = sum(count for part, count in counts.items() if _is_ever_trained(part, setup)) + setup.adapter_parameters
    shrunk = _shrunk_parameters(config, setup)
    return StepMemory(
        weights=_share(_FLOAT32 * (weights - shrunk) + _bytes_of(setup.execution.precision) * shrunk, setup.devices),
        copies=_copied_weights(config, setup),
        gradients=_share(_FLOAT32 * trained, setup.devices),
        moments=_share(2 * _FLOAT32 * trained, setup.devices),
        average=_share(_FLOAT32 * averaged, setup.devices) if setup.averages_weights else 0,
        activations=activation_bytes(config, workload, setup.execution),
    )


def activation_bytes(config: BackboneConfig, workload: Workload, execution: ExecutionConfig) -> int:
    """What is kept for the backward pass and computed in it, at its fullest moment: when it enters the last block.

    Where blocks recompute, each keeps its input, and one block at a time everything. For a published model this is an
    upper bound: the residual stream is in the precision of its weights, and for frozen weights less is kept.
    """
    size = _bytes_of(execution.precision)
    tokens = -(-workload.tokens // execution.devices_per_clip)
    stream = (size if config.is_published else _FLOAT32) * tokens * config.width
    block = tokens * config.width * _kept_per_channel(size, has_images=workload.image_tokens > 0)
    block += tokens * config.mlp_width * (2 * size + (1 if config.dropout else 0))  # before and after; what is dropped
    block += _kept_contexts(config, workload, size)
    if execution.devices_per_clip > 1:
        block += 2 * size * workload.tokens * config.width  # keys and values of the whole clip
    gradients = 2 * stream + size * tokens * config.mlp_width
    output = 3 * stream + size * tokens * config.width
    if execution.recomputes_activations:
        kept = config.blocks * stream + max(block, output)
    else:
        kept = config.blocks * block + output
    return workload.clips * (kept + gradients + _kept_conditions(config, workload, size))


def _kept_per_channel(size: int, *, has_images: bool) -> int:
    """Bytes per token and channel that the backward pass of one block needs, but for what is inside the MLP.

    Args:
        size: of a product's factor.
        has_images: whether the block attends to images.
    """
    cross_attentions = 2 if has_images else 1
    inputs = _FLOAT32 * (2 + cross_attentions)
    return inputs + _self_attention(size) + cross_attentions * _cross_attention(size) + _around_mlp(size)


def _self_attention(size: int) -> int:
    """Bytes per token and channel.

    The norm's result; the same modulated, then queries, keys and values; queries and keys as their norms take them in
    lower precision, and turned; the attention's result, and that projected.
    """
    normalised = 2 * _FLOAT32 if size < _FLOAT32 else 0
    return _FLOAT32 + 4 * size + normalised + 2 * size + 2 * size


def _cross_attention(size: int) -> int:
    """Bytes per token and channel: the norm's result, the query as its norm takes and gives it, the result."""
    return size + _FLOAT32 + size + size


def _around_mlp(size: int) -> int:
    """Bytes per token and channel: the norm's result, modulated, and the output."""
    return _FLOAT32 + size + size


def _kept_contexts(config: BackboneConfig, workload: Workload, size: int) -> int:
    """Bytes of what one block makes of one clip's text and images: keys and values, and the keys normalised.

    In lower precision the norm has float32 keys of its own, and the product a copy of the context.
    """
    kept = 0
    contexts = ((workload.text_tokens, config.text_channels), (workload.image_tokens, config.image_channels))
    for tokens, channels in contexts:
        kept += tokens * config.width * 3 * size
        if size < _FLOAT32:
            kept += tokens * (config.width * _FLOAT32 + channels * size)
    return kept


def _kept_conditions(config: BackboneConfig, workload: Workload, size: int) -> int:
    """Bytes of one clip's conditions: as encoded, masked, and images with the words that are bound to them."""
    bound_channels = config.image_channels + config.words_per_image * config.text_channels
    encoded = workload.text_tokens * config.text_channels + workload.image_tokens * config.image_channels
    return 2 * _FLOAT32 * encoded + size * workload.image_tokens * bound_channels


def _copied_weights(config: BackboneConfig, setup: StepSetup) -> int:
    """One device copies all matrices to the lower precision, if there is one, but for those that are in it.

    Several gather from each other: what is outside of the blocks, the block that is computed and the next one, and
    the gradients of what is trained of one block, which are summed in float32.
    """
    counts = parameters_by_part(config)
    size = _bytes_of(setup.execution.precision)
    is_lower = size < _FLOAT32
    if setup.devices == 1:
        matrices = sum(counts[part] for part in _OF_MATRICES)
        return size * (matrices - _shrunk_parameters(config, setup)) if is_lower else 0
    in_blocks = sum(counts[part] for part in _OF_BLOCKS)
    trained = sum(counts[part] for part in _OF_BLOCKS if part.is_trained(setup.trainable)) + setup.adapter_parameters
    gradients = (size + (_FLOAT32 if is_lower else 0)) * trained
    return size * (sum(counts.values()) - in_blocks) + (2 * size * in_blocks + gradients) // config.blocks


def _is_ever_trained(part: Part, setup: StepSetup) -> bool:
    return any(map(part.is_trained, setup.trained_by_run))


def _shrunk_parameters(config: BackboneConfig, setup: StepSetup) -> int:
    """Weights of matrices that the run leaves as they are: they are in lower precision (`Team`)."""
    if setup.execution.precision is Precision.FLOAT32:
        return 0
    counts = parameters_by_part(config)
    return sum(counts[part] for part in _OF_MATRICES if not _is_ever_trained(part, setup))


def _bytes_of(precision: Precision) -> int:
    return 2 if precision is Precision.BFLOAT16 else _FLOAT32


def _share(size_bytes: int, devices: int) -> int:
    return -(-size_bytes // devices)
