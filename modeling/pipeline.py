"""From a prompt and reference images to a video (B.3)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from dataset_schema import Bucket
from modeling.batches import ConditionImage
from modeling.condition_encoding import encode_conditions
from modeling.conditions import Conditions
from modeling.dit import DiT, DiTConfig
from modeling.encoders import LATENT_CHANNELS, EmbeddedEncoders, latent_shape
from modeling.flow import FlowConfig, data_estimate, integrate_euler, timestep_schedule
from modeling.guidance import guide
from modeling.randomness import torch_generator
from modeling.saved_config import read_config, write_config
from modeling.video import Video

CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"

# What the paper's scores are measured at (Table 1).
_EVALUATED_BUCKET = Bucket(49, 288, 512)

# Denoising steps by pixels of a frame (B.3); larger frames take the last.
_STEPS = ((144 * 256, 256), (288 * 512, 128))
_STEPS_FOR_LARGEST = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfig:
    """Everything that the weights alone do not say: the model's shape, its encoders, its flow."""

    model: DiTConfig = field(default_factory=DiTConfig)
    encoders: EmbeddedEncoders = field(default_factory=EmbeddedEncoders)
    flow: FlowConfig = field(default_factory=FlowConfig)

    def __post_init__(self) -> None:
        for name in ("text_channels", "image_channels"):
            expected, found = getattr(self.encoders, name), getattr(self.model, name)
            if found != expected:
                raise ValueError(f"model has {name} {found}, expected the encoders' {expected}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingConfig:
    """How a video is sampled; the defaults are those of the paper's evaluation (Table 1, B.3).

    Attributes:
        bucket: size of the video.
        steps: denoising steps; None takes the paper's number for the resolution.
        text_scale: s_T of Equation 2; `image_scale` is s_I.
    """

    bucket: Bucket = _EVALUATED_BUCKET
    steps: int | None = None
    seed: int = 0
    text_scale: float = 8.0
    image_scale: float = 3.0

    def __post_init__(self) -> None:
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"sampling has {self.steps} steps, expected at least 1")


class Pipeline:
    """A trained model and its encoders.

    `Pipeline.from_pretrained(directory)` reads what `save_pretrained` or training wrote.
    """

    def __init__(self, config: PipelineConfig, model: DiT, *, device: torch.device) -> None:
        self.config = config
        self.model = model.to(device).eval()
        self._device = device
        self._encoders = config.encoders.build()
        self._encoders.to(device)

    @classmethod
    def from_pretrained(cls, directory: Path, *, device: torch.device | str = "cpu") -> "Pipeline":
        """Read a pipeline.

        Raises:
            FileNotFoundError: `directory` holds no pipeline.
            ValueError: its config has unknown fields.
            RuntimeError: its weights do not fit its config.
        """
        config = read_config(directory / CONFIG_NAME, PipelineConfig)
        with torch.device("meta"):
            model = DiT(config.model)
        # Copied into fresh memory: weights used where the file is mapped may lie unaligned, and then round differently.
        model.to_empty(device="cpu").load_state_dict(load_file(directory / WEIGHTS_NAME), strict=True)
        return cls(config, model, device=torch.device(device))

    def save_pretrained(self, directory: Path) -> None:
        """Write the config as JSON and the weights as safetensors."""
        directory.mkdir(parents=True, exist_ok=True)
        write_config(directory / CONFIG_NAME, self.config)
        save_file(self.model.state_dict(), directory / WEIGHTS_NAME)

    @torch.no_grad()
    def __call__(
        self,
        prompt: str,
        *,
        references: Mapping[str, Sequence[Image.Image]] | None = None,
        background: Image.Image | None = None,
        background_word: str | None = None,
        sampling: SamplingConfig | None = None,
        on_step: Callable[[], object] = lambda: None,
    ) -> Video:
        """Sample a video; equal arguments give equal videos.

        Args:
            prompt: what happens in the video.
            references: for each entity word, copied from the prompt, one or more pictures of it on a transparent or
                white background.
            background: a picture of the place.
            background_word: the prompt's word for the place, to which `background` is then bound.
            sampling: size, seed and guidance.
            on_step: called after every denoising step, for progress bars.

        Raises:
            ValueError: a word is not in the prompt, there are too many images, or the prompt is too long.
        """
        sampling = sampling or SamplingConfig()
        images = self._condition_images(prompt, references or {}, background, background_word)
        conditions = self._encode(prompt, images)
        shape = (1, LATENT_CHANNELS, *latent_shape(sampling.bucket))
        noise = torch.randn(shape, generator=torch_generator("sample", sampling.seed)).to(self._device)
        schedule = timestep_schedule(
            sampling.steps or steps_for(sampling.bucket), shift=self.config.flow.shift(sampling.bucket)
        )
        velocity = GuidedVelocity(
            self.model, conditions, text_scale=sampling.text_scale, image_scale=sampling.image_scale
        )

        def reported(latents: Tensor, timestep: float) -> Tensor:
            predicted = velocity(latents, timestep)
            on_step()
            return predicted

        latents = integrate_euler(reported, noise, schedule)
        return self._encoders.autoencoder.decode(latents)[0].cpu().numpy()

    def _condition_images(
        self,
        prompt: str,
        references: Mapping[str, Sequence[Image.Image]],
        background: Image.Image | None,
        background_word: str | None,
    ) -> list[ConditionImage]:
        """All condition images in the order of training: entities as given, the background last."""
        images = [
            ConditionImage(start=start, end=end, image=image)
            for word, pictures in references.items()
            for start, end in [_span_in_prompt(word, prompt)]
            for image in pictures
        ]
        if background is not None:
            start, end = _span_in_prompt(background_word, prompt) if background_word else (0, 0)
            images.append(ConditionImage(start=start, end=end, image=background))
        most = self.config.model.max_images
        if len(images) > most:
            raise ValueError(f"{len(images)} reference images, expected at most {most}; leave out {len(images) - most}")
        return images

    def _encode(self, prompt: str, images: Sequence[ConditionImage]) -> Conditions:
        tokens = self._encoders.text.encode([prompt])[0]
        if not tokens.spans:
            raise ValueError(f"prompt is {prompt!r}, expected at least one word")
        if tokens.spans[-1][1] < len(prompt.rstrip()):
            raise ValueError(
                f"prompt has more than the {self._encoders.text.max_tokens} tokens that the text encoder reads; "
                f"shorten it to what comes before {prompt[tokens.spans[-1][1] :].strip()[:40]!r}"
            )
        return encode_conditions(
            [prompt],
            [images],
            encoders=self._encoders,
            words_per_image=self.config.model.words_per_image,
            device=self._device,
        )


class GuidedVelocity:
    """The velocity of Equation 2, with only as many calls of the model as the scales ask for.

    With self-conditioning the model is shown its last estimate of the data. Our choice: the estimate without guidance,
    because that is what training shows it.
    """

    def __init__(self, model: DiT, conditions: Conditions, *, text_scale: float, image_scale: float) -> None:
        self._model = model
        self._conditions = conditions
        self._text_scale = text_scale
        self._image_scale = image_scale
        self._estimate: Tensor | None = None

    def __call__(self, latents: Float[Tensor, "batch channels time height width"], timestep: float) -> Tensor:
        """The guided velocity; to be called along one trajectory, from noise to data."""
        timesteps = torch.full((len(latents),), timestep, device=latents.device)
        full = without_text = without_images = self._model(latents, timesteps, self._conditions, self._estimate)
        if self._text_scale:
            without_text = self._model(latents, timesteps, self._conditions.without_text(), self._estimate)
        if self._image_scale and self._conditions.references is not None:
            without_images = self._model(latents, timesteps, self._conditions.without_references(), self._estimate)
        self._estimate = data_estimate(latents, full, timesteps)
        return guide(full, without_text, without_images, text_scale=self._text_scale, image_scale=self._image_scale)


def steps_for(bucket: Bucket) -> int:
    """The paper's number of denoising steps for a resolution: 256, 128 or 64 (B.3)."""
    pixels = bucket.height * bucket.width
    return next((steps for most, steps in _STEPS if pixels <= most), _STEPS_FOR_LARGEST)


def _span_in_prompt(word: str, prompt: str) -> tuple[int, int]:
    """Where the word first stands in the prompt."""
    start = prompt.find(word) if word else -1
    if start < 0:
        raise ValueError(f"reference word {word!r} is not in the prompt {prompt!r}; copy the word from the prompt")
    return start, start + len(word)
