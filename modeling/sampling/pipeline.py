"""From a prompt and reference images to a video (B.3)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from modeling.backbones.cogvideox import CogVideoXConfig
from modeling.backbones.hunyuan import HunyuanConfig
from modeling.backbones.ltx import LTXConfig
from modeling.backbones.wan import UnpublishedWan, WanConfig
from modeling.data.reference_images import ReferenceImage
from modeling.data.video import Video
from modeling.encoders import (
    CogVideoXEncoders,
    EmbeddedEncoders,
    EncodersConfig,
    HunyuanEncoders,
    LatentGeometry,
    LTXEncoders,
    PaperEncoders,
    TokenSpans,
    WanEncoders,
    build_encoders,
    unread_part,
)
from modeling.model.backbone import VideoBackbone
from modeling.model.conditions import Conditions
from modeling.model.dit import DiTConfig
from modeling.model.lora import LoraConfig, adapted_base, load_lora, lora_state, merge_lora
from modeling.model.precision import Precision, computing_in
from modeling.model.weight_files import MAX_FILE_BYTES, NamedWeights, read_weights, weights_sha256, write_weights
from modeling.model.weights import empty_model, fill, whole
from modeling.randomness import torch_generator
from modeling.sampling.condition_encoding import encode_conditions
from modeling.sampling.denoising import SamplingConfig, sample_latents
from modeling.sampling.flow import FlowConfig
from modeling.sampling.prompt import Prompt, fitted_first_frame, reference_images
from picture_reading.opening import PictureSource
from storage.configs import PRESET_ONLY, differing_fields, read_config, strict, write_config
from storage.devices import torch_device

CONFIG_NAME = "config.json"
LORA_NAME = "lora"


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfig:
    """Everything that the weights alone do not say: the model's shape, its encoders, its flow.

    Attributes:
        model: the paper's (profile `dit`), a published one with the paper's new layers (profiles `wan`, `cogvideox`,
            `ltx` and `hunyuan`), or a Wan that is yet to be published (profile `unpublished_wan`).
        encoders: those of this library, or a config of one's own (`EncodersConfig`).
        has_adapters: whether the adapters in `lora/` belong to the pipeline. Training writes it, of a published model,
            into which nothing is merged.
    """

    model: DiTConfig | WanConfig | UnpublishedWan | CogVideoXConfig | LTXConfig | HunyuanConfig = field(
        default_factory=DiTConfig
    )
    encoders: (
        EmbeddedEncoders
        | PaperEncoders
        | WanEncoders
        | CogVideoXEncoders
        | LTXEncoders
        | HunyuanEncoders
        | EncodersConfig
    ) = field(default_factory=EmbeddedEncoders)
    flow: FlowConfig = field(default_factory=FlowConfig)
    has_adapters: bool = field(default=False, metadata=PRESET_ONLY)

    def __post_init__(self) -> None:
        if not isinstance(self.encoders.latents, LatentGeometry):
            raise ValueError(  # noqa: TRY004  as of any other wrong field
                f"encoders.latents is {self.encoders.latents!r}, expected a modeling.LatentGeometry"
            )
        channels = {name: getattr(self.encoders, name) for name in ("text_channels", "image_channels")}
        latents = {"latent_channels": self.encoders.latents.channels, "patch": self.encoders.latents.patch}
        pooled = {"pooled_channels": getattr(self.encoders, "pooled_channels", None)}
        for name, expected in {**channels, **latents, **pooled}.items():
            found = getattr(self.model, name)
            if found != expected:
                raise ValueError(f"model has {name} {found}, expected the encoders' {expected}")
        found, read = self.encoders.max_text_tokens, self.model.text_tokens
        if read is not None and (found > read or (found < read and self.model.needs_whole_texts)):
            raise ValueError(
                f"encoders have max_text_tokens {found}, expected "
                f"{'exactly' if self.model.needs_whole_texts else 'at most'} the {read} that the model reads"
            )


class Pipeline:
    """A trained model and its encoders.

    `Pipeline.from_pretrained(directory)` reads what `save_pretrained` or training wrote.
    """

    def __init__(self, config: PipelineConfig, model: VideoBackbone, *, device: torch.device) -> None:
        if differences := differing_fields(model.config, config.model):
            raise ValueError(f"the model is not the pipeline's: {'; '.join(differences)}")
        self.config = config
        self.model = model.to(device).eval()
        self._device = device
        self._read_from: Path | None = None
        self._encoders = build_encoders(config.encoders)
        self._encoders.to(device)

    @classmethod
    def from_pretrained(
        cls,
        directory: Path | str,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        lora: Path | str | None = None,
        trusts_code: bool = False,
    ) -> "Pipeline":
        """Read a pipeline, whose directory may also be a snapshot of a model repository.

        Args:
            directory: of the pipeline.
            device: where to sample.
            dtype: of the weights in memory; `torch.bfloat16` takes half, and samples in that precision.
            lora: adapters to put onto it as `load_lora` does; wrong ones are told before the weights are read.
            trusts_code: whether the module of its encoders may be imported, and so run, where they are of a class of
                somebody's own. False takes only a class of a module that is imported already.

        Raises:
            FileNotFoundError: `directory` holds no pipeline, or `lora` no adapters.
            NotADirectoryError: it is a file.
            ValueError: its config has unknown fields, or names code that is not trusted; its weights are damaged, or do
                not fit its config; the adapters are not for it.
        """
        place = torch_device(str(device))
        if dtype not in (torch.float32, torch.bfloat16):
            raise ValueError(f"dtype is {dtype}, expected torch.float32 or torch.bfloat16")
        directory = Path(directory)
        if directory.is_file():
            raise NotADirectoryError(f"{directory} is a file; give its directory, {directory.parent}")
        if not directory.is_dir():
            raise FileNotFoundError(
                f"{directory} does not exist; expected a directory that save_pretrained or training wrote. For a "
                f"pipeline on the Hugging Face hub: hf download {directory} --local-dir DIRECTORY, then name DIRECTORY"
            )
        _expect_no_run(directory)
        config = read_config(directory / CONFIG_NAME, PipelineConfig, trusts_code=trusts_code)
        if config.has_adapters and lora is not None:
            raise ValueError(f"pipeline {directory} has adapters already; give the pipeline that {lora} was trained on")
        adapters = directory / LORA_NAME if config.has_adapters else lora
        if adapters is not None:
            _expect_base_of(Path(adapters), directory, config)
        weights = read_weights(directory)
        model = empty_model(config.model)
        if dtype is torch.bfloat16:
            model.halve()
        model = model.to_empty(device=place)
        fill(model, chain(config.model.published_weights(), weights), source=f"pipeline {directory}")
        pipeline = cls(config, model, device=place)
        pipeline._read_from = directory
        if adapters is not None:
            pipeline._adapt(Path(adapters), merges=not config.model.is_published)
        return pipeline

    def save_pretrained(self, directory: Path | str, *, max_file_bytes: int = MAX_FILE_BYTES) -> None:
        """Write the config as JSON and the weights as safetensors, as model repositories have them.

        Args:
            directory: of the pipeline.
            max_file_bytes: larger weights are several files and an index, as the hub's libraries divide them.

        Raises:
            ValueError: the model has adapters beside its weights.
        """
        if lora_state(self.model) or self.config.has_adapters:
            raise ValueError(
                "the pipeline has adapters beside its weights; save them alone (modeling.save_lora), or, unless its "
                "model is published, merge them first (modeling.merge_lora)"
            )
        weights = whole(self.model.named_parameters())
        write_pipeline(Path(directory), self.config, weights, max_file_bytes=max_file_bytes)

    def load_lora(self, directory: Path | str, *, merges: bool | None = None) -> LoraConfig:
        """Put adapters that a fine-tune wrote, `PIPELINE/lora`, onto the weights that they were trained on.

        Their files hold nothing else, so one base pipeline serves any number of them.

        Args:
            directory: of the adapters.
            merges: into the weights, which costs nothing in sampling; else they stay beside them, as peft has them.
                None does so, but for a published model, whose weights stay as they are.

        Raises:
            FileNotFoundError: `directory` holds none.
            ModuleNotFoundError: peft is not installed.
            ValueError: they were trained on another pipeline's weights, or for another model, or they are damaged.
        """
        _expect_base_of(Path(directory), self._read_from, self.config)
        return self._adapt(Path(directory), merges=not self.config.model.is_published if merges is None else merges)

    def _adapt(self, lora: Path, *, merges: bool) -> LoraConfig:
        config = load_lora(lora, self.model)
        self.model.eval()
        if merges:
            merge_lora(self.model)
            self._read_from = None
        return config

    @torch.no_grad()
    def __call__(  # noqa: PLR0913  # the fields of a prompt, so that one video needs none
        self,
        prompt: str,
        *,
        references: Mapping[str, PictureSource | Sequence[PictureSource]] | None = None,
        background: PictureSource | None = None,
        background_word: str | None = None,
        first_frame: PictureSource | None = None,
        negative_prompt: str | None = None,
        sampling: SamplingConfig | None = None,
        on_step: Callable[[], object] = lambda: None,
    ) -> Video:
        """Sample a video; equal arguments give equal videos.

        Args:
            prompt: what happens in the video; this and the next four are those of `Prompt`.
            references: pictures by entity word.
            background: a picture of the place.
            background_word: its word.
            first_frame: a picture that the video is to begin with.
            negative_prompt: as for `sample_batch`.
            sampling: size, seed and guidance.
            on_step: called after every denoising step, for progress bars.

        Raises:
            ValueError: a word is not in the prompt or has no pictures, one of them cannot be opened, there are too many
                images, the prompt is empty or too long; or a first frame leaves nothing to be sampled.
            TypeError: `references` does not say of which word its pictures are, or there are several prompts.
            torch.OutOfMemoryError: the message says what to change.
        """
        if not isinstance(prompt, str):
            raise TypeError(f"prompt is a {type(prompt).__name__}, expected a text; for several videos: sample_batch")
        given = Prompt(
            text=prompt,
            references=references or {},
            background=background,
            background_word=background_word,
            first_frame=first_frame,
        )
        (video,) = self.sample_batch([given], negative_prompt=negative_prompt, sampling=sampling, on_step=on_step)
        return video

    @torch.no_grad()
    def sample_batch(
        self,
        prompts: Sequence[Prompt],
        *,
        negative_prompt: str | None = None,
        sampling: SamplingConfig | None = None,
        on_step: Callable[[], object] = lambda: None,
    ) -> list[Video]:
        """Sample several videos at once; each is the one that its prompt gives alone, up to rounding.

        Args:
            prompts: of the videos.
            negative_prompt: what guidance leads away from, in place of the text that the model reads where one is
                dropped (`null_text`); for models that read one.
            sampling: size, seed and guidance of all of them.
            on_step: called after every denoising step, for progress bars.

        Raises:
            ValueError, TypeError: as for one video, or there is no prompt; or a negative one that the model does not
                read, or guidance does not use.
            torch.OutOfMemoryError: the message says what to change.
        """
        if not prompts:
            raise ValueError("there are no prompts, expected at least one")
        if not_prompts := [type(prompt).__name__ for prompt in prompts if not isinstance(prompt, Prompt)]:
            raise TypeError(f"one of the prompts is a {not_prompts[0]}, expected Prompt(text=...)")
        sampling = sampling or SamplingConfig()
        sampling.expect_networks(self.config.model)
        null_text = self._null_text(negative_prompt, sampling)
        images = [reference_images(prompt, most=self.config.model.max_images) for prompt in prompts]
        frames = [fitted_first_frame(prompt, sampling.bucket) for prompt in prompts]
        geometry = self.config.encoders.latents
        shape = (1, geometry.channels, *geometry.shape(sampling.bucket))
        noise = torch.randn(shape, generator=torch_generator("sample", sampling.seed)).to(self._device)
        with _saying_what_takes_less_memory(sampling, videos=len(prompts)):
            conditions = self._encode([prompt.text for prompt in prompts], images, null_text=null_text)
            first = [None if frame is None else self._latents(frame[None])[0] for frame in frames]
            with computing_in(self._precision(sampling), self._device):
                latents = sample_latents(
                    self.model,
                    conditions,
                    noise.expand(len(prompts), *shape[1:]),
                    sampling=sampling,
                    flow=self.config.flow,
                    first=first,
                    on_step=on_step,
                )
            return [self._encoders.autoencoder.decode(each[None])[0].cpu().numpy() for each in latents]

    def _precision(self, sampling: SamplingConfig) -> Precision:
        is_small = any(weight.dtype is torch.bfloat16 for weight in self.model.parameters())
        if is_small and sampling.precision is Precision.FLOAT32:
            raise ValueError(
                "sampling has precision float32, but the pipeline's weights are bfloat16; read it with "
                "dtype=torch.float32, or leave the precision out"
            )
        is_faster = is_small or self._device.type != "cpu"
        return sampling.precision or (Precision.BFLOAT16 if is_faster else Precision.FLOAT32)

    @torch.no_grad()
    def reconstruct(self, video: Video) -> Video:
        """What the autoencoder makes of a video: the best that the model could sample.

        Raises:
            ValueError: the number of frames, or a side, is none that latents make up (4k + 1, multiples of 8).
        """
        latents = self._latents(torch.from_numpy(video))
        return self._encoders.autoencoder.decode(latents)[0].cpu().numpy()

    def _latents(
        self, video: UInt8[Tensor, "frames height width 3"]
    ) -> Float[Tensor, "1 channels time latent_height latent_width"]:
        return self._encoders.autoencoder.encode(video[None].to(self._device))

    def _null_text(self, negative_prompt: str | None, sampling: SamplingConfig) -> str | None:
        """What the model reads where a text is dropped."""
        null_text = self.config.model.null_text
        if negative_prompt is None:
            return null_text
        if null_text is None:
            raise ValueError(
                f"negative_prompt is {negative_prompt!r}, but the model was trained with zeros where a text is "
                "dropped, and reads no other text there; leave it out"
            )
        if not sampling.is_led_by_text:
            raise ValueError(
                f"negative_prompt is {negative_prompt!r}, which changes nothing with text_scale 0; raise that, or "
                "leave it out"
            )
        return negative_prompt

    def _encode(
        self, texts: Sequence[str], images: Sequence[Sequence[ReferenceImage]], *, null_text: str | None
    ) -> Conditions:
        for text, tokens in zip(texts, self._encoders.text.encode(texts), strict=True):
            if not any(start < end for start, end in tokens.spans):
                raise ValueError(f"prompt is {text!r}, expected at least one word")
            self._expect_read("prompt", text, tokens.spans)
        if null_text:
            self._expect_read("negative_prompt", null_text, self._encoders.text.spans([null_text])[0])
        return encode_conditions(
            texts,
            images,
            encoders=self._encoders,
            words_per_image=self.config.model.words_per_image,
            null_text=null_text,
            device=self._device,
        )

    def _expect_read(self, name: str, text: str, spans: TokenSpans) -> None:
        most = self._encoders.text.max_tokens
        if unread := unread_part(text, spans, max_tokens=most):
            raise ValueError(
                f"{name} has more than the {most} tokens that the text encoder reads; shorten it to what comes before "
                f"{unread[:40]!r}"
            )


def write_pipeline(
    directory: Path, config: PipelineConfig, weights: NamedWeights, *, max_file_bytes: int = MAX_FILE_BYTES
) -> Path:
    """Write what `Pipeline.from_pretrained` reads, the weights whole or not at all; returns `directory`.

    Of a published model that is the new layers, and in the config the digest of those that they were trained on.
    """
    directory.mkdir(parents=True, exist_ok=True)
    write_config(directory / CONFIG_NAME, replace(config, model=config.model.pinned()))
    own = ((name, weight) for name, weight in weights if config.model.stands_in_files(name))
    write_weights(directory, own, max_file_bytes=max_file_bytes)
    return directory


def _expect_base_of(lora: Path, directory: Path | None, config: PipelineConfig) -> None:
    """Refuse adapters of another model than the pipeline's, or of other weights than lie in its directory."""
    sha256 = adapted_base(lora, config.model)
    if sha256 is None:
        return
    remedy = "use the pipeline that they were trained on; modeling.load_lora takes any model of that shape"
    if directory is None:
        raise ValueError(
            f"the pipeline's weights are not those of a directory, or not any more, and the adapters {lora} were "
            f"trained on those of one (sha256 {sha256}); read it again with from_pretrained, or {remedy}"
        )
    if (found := weights_sha256(directory)) != sha256:
        raise ValueError(
            f"the adapters {lora} were trained on other weights (sha256 {sha256}) than those of {directory} ({found}); "
            f"{remedy}"
        )


def _expect_no_run(directory: Path) -> None:
    """Refuse what training writes around a pipeline, by what it is."""
    if (directory / CONFIG_NAME).is_file():
        return
    if (directory / "pipeline" / CONFIG_NAME).is_file():
        raise FileNotFoundError(f"{directory} is the output of a training run; give its pipeline: {directory}/pipeline")
    if (directory / "state.json").is_file() or (directory / "checkpoints").is_dir():
        what = "a checkpoint" if (directory / "state.json").is_file() else "a training run that has no pipeline yet"
        raise FileNotFoundError(f"{directory} is {what}; make one of a checkpoint: python -m pipelines to-pipeline")


@contextmanager
def _saying_what_takes_less_memory(sampling: SamplingConfig, *, videos: int) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        remedy = "sample fewer videos at once, or " if videos > 1 else ""
        remedy += "set batches_branches to False, or " if sampling.batches_branches else ""
        raise torch.OutOfMemoryError(
            f"out of memory while sampling {sampling.bucket}: {remedy}take a smaller bucket"
        ) from error
