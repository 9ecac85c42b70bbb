"""Language models in this process: what is loaded, what is refused, and what vLLM is asked for."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, VideoMAEConfig, VideoMAEForVideoClassification

from curation.annotators.device import Device
from curation.annotators.language.chat import AnswerFormat
from curation.annotators.language.transformers_chat import TransformersChat, TransformersChatConfig
from curation.annotators.language.vllm_chat import VllmChat, VllmChatConfig
from curation.entity_words.instruction import ANSWER_SCHEMA, entity_word_instruction
from curation.stage import ClipError
from dataset_schema import FailureKind
from tests.curation.annotators.language.language_model import captions_and_answers

FORM = AnswerFormat(max_tokens=64, schema=ANSWER_SCHEMA)


def chat(folder: Path, form: AnswerFormat = FORM, **device: Any) -> TransformersChat:
    on = Device(**{"name": "cpu", "precision": "float32", **device})
    return TransformersChat(TransformersChatConfig(model=str(folder), device=on), form)


@pytest.fixture
def damaged(language_model: Path, tmp_path: Path) -> Path:
    """A copy of the model that a test may break."""
    return Path(shutil.copytree(language_model, tmp_path / "model"))


def edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_batch_of_questions_of_different_lengths_is_answered_as_one_at_a_time(language_model: Path) -> None:
    pairs = captions_and_answers(16, seed=31)
    questions = [entity_word_instruction(caption) for caption, _ in pairs]
    model = chat(language_model)

    together = model.answer(questions)

    assert together == [model.answer([question])[0] for question in questions]
    assert sum(answer.strip() == truth for answer, (_, truth) in zip(together, pairs, strict=True)) >= 14


def test_an_answer_is_cut_off_at_its_limit(language_model: Path) -> None:
    (answer,) = chat(language_model, AnswerFormat(max_tokens=3)).answer([entity_word_instruction("A dog runs.")])

    assert 0 < len(AutoTokenizer.from_pretrained(language_model)(answer).input_ids) <= 3


def test_is_named_by_its_weights_without_reading_them_into_a_network(language_model: Path, damaged: Path) -> None:
    weights = load_file(damaged / "model.safetensors")
    save_file({**weights, "model.norm.weight": weights["model.norm.weight"] + 1}, damaged / "model.safetensors")

    described, other = chat(language_model).describe("entity_words"), chat(damaged).describe("entity_words")

    assert described.weights_sha256 != other.weights_sha256
    assert chat(language_model).identity() != chat(damaged).identity()
    assert chat(language_model).identity() == chat(language_model).identity()
    assert chat(language_model).identity() != chat(language_model, AnswerFormat(max_tokens=3)).identity()


def test_nan_is_an_error_not_an_answer(damaged: Path) -> None:
    weights = load_file(damaged / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, damaged / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ClipError, match="NaN or infinite") as caught:
        chat(damaged).answer([entity_word_instruction("A dog runs.")])

    assert caught.value.kind is FailureKind.ANNOTATOR


def test_a_question_that_is_longer_than_the_network_reads_is_refused(damaged: Path) -> None:
    edit_json(damaged / "config.json", max_position_embeddings=80)
    model = chat(damaged)
    model.answer([entity_word_instruction("A dog runs.")])

    with pytest.raises(ClipError, match="reads 80 tokens"):
        model.answer([entity_word_instruction("A dog runs. " * 10)])


def remove_template(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()


def remove_weights(folder: Path) -> None:
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def remove_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def remove_tensor(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.0.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def make_videomae(folder: Path) -> None:
    config = VideoMAEConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=1, intermediate_size=16)
    VideoMAEForVideoClassification(config).save_pretrained(folder)


@pytest.mark.parametrize(
    ("breaks", "error", "message"),
    [
        (remove_template, ValueError, "has no chat template"),
        (remove_weights, FileNotFoundError, r"expected weights as \*\.safetensors"),
        (remove_config, FileNotFoundError, r"no config\.json"),
        (remove_tensor, ValueError, "lack .*up_proj.* whole .*ForCausalLM"),
        (make_videomae, ValueError, "no causal language model"),
    ],
)
def test_refuses_what_is_no_language_model(
    damaged: Path, breaks: Callable[[Path], None], error: type[Exception], message: str
) -> None:
    breaks(damaged)

    with pytest.raises(error, match=message):
        chat(damaged).load()


def test_missing_weights_are_found_before_anything_is_loaded(tmp_path: Path) -> None:
    for model in (chat(tmp_path), VllmChat(VllmChatConfig(model=str(tmp_path)), FORM)):
        with pytest.raises(FileNotFoundError):
            model.describe("entity_words")


@dataclass
class ScriptedParams:
    """Takes what the real one of vLLM 0.29 takes."""

    json: Any


@dataclass
class ScriptedSampling:
    """Takes what the real one of vLLM 0.29 takes."""

    temperature: float
    max_tokens: int
    structured_outputs: ScriptedParams | None


class ScriptedLlm:
    """Echoes the last line of each question."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.calls: list[dict[str, Any]] = []
        engines.append(self)

    def chat(self, messages: Any, sampling_params: Any, **options: Any) -> list[Any]:
        self.calls.append({"sampling": sampling_params, **options})
        texts = [conversation[-1]["content"].splitlines()[-1] for conversation in messages]
        return [SimpleNamespace(outputs=[SimpleNamespace(text=text)]) for text in texts]


engines: list[ScriptedLlm] = []


@pytest.fixture
def scripted_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vLLM that is not there: its real self is tried by hand."""
    vllm, sampling = ModuleType("vllm"), ModuleType("vllm.sampling_params")
    vars(vllm).update(LLM=ScriptedLlm, SamplingParams=ScriptedSampling)
    vars(sampling).update(StructuredOutputsParams=ScriptedParams)
    monkeypatch.setitem(sys.modules, "vllm", vllm)
    monkeypatch.setitem(sys.modules, "vllm.sampling_params", sampling)
    engines.clear()


@pytest.mark.usefixtures("scripted_vllm")
def test_vllm_is_started_once_and_asked_for_the_likeliest_answers(language_model: Path) -> None:
    model = VllmChat(VllmChatConfig(model=str(language_model), gpus=0.4), FORM)
    model.load()

    assert model.answer(["a\nb", "c"]) == ["b", "c"]

    (engine,) = engines
    assert engine.options["model"] == str(language_model)
    assert engine.options["gpu_memory_utilization"] == 0.4
    assert engine.calls[0]["sampling"] == ScriptedSampling(temperature=0.0, max_tokens=64, structured_outputs=None)
    assert engine.calls[0]["chat_template_kwargs"] == {"enable_thinking": False}


@pytest.mark.usefixtures("scripted_vllm")
def test_vllm_is_held_to_the_schema_where_that_is_asked_for(language_model: Path) -> None:
    config = VllmChatConfig(model=str(language_model), gpus=0, response_format="json_schema")
    model = VllmChat(config, FORM)
    model.answer(["a"])

    (engine,) = engines
    assert "gpu_memory_utilization" not in engine.options
    assert engine.calls[0]["sampling"].structured_outputs == ScriptedParams(json=ANSWER_SCHEMA)
    assert model.resources.gpus == 0


def test_says_how_to_get_vllm(language_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)

    with pytest.raises(ModuleNotFoundError, match="vllm"):
        VllmChat(VllmChatConfig(model=str(language_model)), FORM).load()


@pytest.mark.parametrize("wrong", [{"gpus": 1.5}, {"gpus": -0.1}, {"batch_size": 0}, {"max_model_len": 0}])
def test_refuses_a_config_that_cannot_work(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        VllmChatConfig(**wrong)
