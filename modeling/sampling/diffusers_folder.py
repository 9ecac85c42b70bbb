"""A pipeline on a published Wan as a folder that `diffusers.WanPipeline.from_pretrained` loads, with the new layers.

The folder stands alone: the base's weights and the new ones as safetensors, text encoder, tokenizer, autoencoder and
scheduler as published, and the class of the transformer as a file, `transformer/personalized_wan.py`, which diffusers
runs where it is told to (`trust_remote_code=True`).
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from modeling import backbones
from modeling.backbones.wan import WanConfig
from modeling.encoders import WanEncoders, build_encoders
from modeling.model.lora import with_saved_lora
from modeling.model.weight_files import MAX_FILE_BYTES, read_weights, write_weights
from modeling.model.weights import complete, empty_model
from modeling.sampling.condition_encoding import bind_conditions
from modeling.sampling.pipeline import CONFIG_NAME, LORA_NAME, PipelineConfig
from modeling.sampling.prompt import Prompt, reference_images
from storage.checkpoints import checkpoint_parts, read_json
from storage.configs import read_config
from storage.devices import torch_device
from storage.places import expect_folder_to_write
from storage.whole_files import publish, unfinished, write_whole_text

_CODE: Final = Path(backbones.__file__).with_name("personalized_wan.py")
_CLASS: Final = "PersonalizedWanTransformer3DModel"
_INDEX_NAME: Final = "model_index.json"
_WEIGHTS_STEM: Final = "diffusion_pytorch_model"
_OF_ENCODERS: Final = ("vae", "text_encoder", "tokenizer")


def write_diffusers(directory: Path, output: Path) -> Path:
    """Write the folder, whole or not at all; returns `output`.

    Args:
        directory: of a pipeline on a published Wan.
        output: of the folder, which does not exist yet.

    Raises:
        FileExistsError: it does.
        FileNotFoundError: there is no pipeline, or its base is nowhere to be had, or not all of it.
        ValueError: the pipeline's model or encoders are not Wan's, or its base is another one now.
    """
    if output.exists():
        raise FileExistsError(f"{output} exists already; name another folder, or remove it")
    expect_folder_to_write(output)
    config = read_config(directory / CONFIG_NAME, PipelineConfig)
    model, encoders = _wan_of(directory, config)
    base = checkpoint_parts(model.checkpoint, [".", "scheduler"])
    index = read_json(base, _INDEX_NAME)
    encoder_base = checkpoint_parts(encoders.checkpoint, list(_OF_ENCODERS))
    with _whole_folder(output) as folder:
        for prefix, source in model.transformers().items():
            _write_transformer(folder / source.name, directory, config, prefix=prefix)
            index[source.name] = [_CODE.stem, _CLASS]
        for source, name in ((base, "scheduler"), *((encoder_base, name) for name in _OF_ENCODERS)):
            _copy(source / name, folder / name)
        _write_json(folder / _INDEX_NAME, index)
    return output


@torch.no_grad()
def reference_tokens(directory: Path | str, prompt: Prompt, *, device: torch.device | str = "cpu") -> dict[str, Tensor]:
    """What the transformer of such a folder takes as `attention_kwargs={"references": ...}`.

    Only the encoders of the pipeline are loaded.

    Args:
        directory: of the pipeline that the folder was made of.
        prompt: with pictures of its words.
        device: where to encode.

    Raises:
        FileNotFoundError: there is no pipeline.
        ValueError: the prompt has no pictures, or as for `Pipeline`.
    """
    config = read_config(Path(directory) / CONFIG_NAME, PipelineConfig)
    images = reference_images(prompt, most=config.model.max_images)
    if not images:
        raise ValueError("the prompt has no pictures, expected at least one; without any, leave attention_kwargs out")
    encoders = build_encoders(config.encoders)
    encoders.to(torch_device(str(device)))
    conditions = bind_conditions(
        encoders.text.encode([prompt.text]),
        [images],
        image_encoder=encoders.image,
        words_per_image=config.model.words_per_image,
        device=torch_device(str(device)),
    )
    return {name: getattr(conditions.references, name) for name in ("image_tokens", "word_tokens", "is_present")}


def _wan_of(directory: Path, config: PipelineConfig) -> tuple[WanConfig, WanEncoders]:
    model, encoders = config.model, config.encoders
    if not isinstance(model, WanConfig):
        raise ValueError(  # noqa: TRY004  as of any other wrong field
            f"pipeline {directory} has a model of profile {model.profile}, expected wan: of other models diffusers has "
            "no class to load them with; sample it with modeling.Pipeline"
        )
    if not isinstance(encoders, WanEncoders):
        raise ValueError(  # noqa: TRY004
            f"pipeline {directory} has encoders {type(encoders).__name__}, expected WanEncoders, because WanPipeline "
            "has no others"
        )
    return model, encoders


def _write_transformer(folder: Path, directory: Path, config: PipelineConfig, *, prefix: str) -> None:
    """One network of the model, with adapters merged, if the pipeline has any."""
    model, _ = _wan_of(directory, config)
    expected = dict(empty_model(model).named_parameters())
    read = chain(model.published_weights(), read_weights(directory))
    weights = complete(read, expected, source=f"pipeline {directory}")
    if config.has_adapters:
        weights = with_saved_lora(weights, directory / LORA_NAME, model)
    own = ((name.removeprefix(prefix), weight) for name, weight in weights if name.startswith(prefix))
    write_weights(folder, own, max_file_bytes=MAX_FILE_BYTES, stem=_WEIGHTS_STEM)
    base = model.transformers()[prefix]
    new = ("image_channels", "max_images", "words_per_image", "binds_words", "every_nth_block")
    content = {**read_json(base, "config.json"), "_class_name": _CLASS, **{name: getattr(model, name) for name in new}}
    _write_json(folder / "config.json", content)
    shutil.copyfile(_CODE, folder / _CODE.name)


def _copy(source: Path, target: Path) -> None:
    if not source.is_dir():
        raise FileNotFoundError(f"{source} does not exist; expected the folder of a complete checkpoint")
    shutil.copytree(source, target, copy_function=shutil.copyfile)


def _write_json(path: Path, content: dict[str, object]) -> None:
    write_whole_text(path, json.dumps(content, indent=2) + "\n")


@contextmanager
def _whole_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which has its name when all is there; of one that was not finished nothing is kept."""
    folder = unfinished(path)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
        publish(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
