"""A language model small enough to train in a test: it answers Figure 7's instruction about captions of a few frames.

Qwen3 with a byte-level vocabulary, trained here and saved by the real libraries in the real format. Its chat template
shows it only the last line of the instruction: what an entity word is, it has learned from examples.
"""

import math
import os
import random
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
from transformers.utils.logging import disable_progress_bar

Pair = tuple[str, str]  # a caption and its answer

SUBJECTS = "man woman boy girl dog cat horse bear chef dancer farmer monkey"
OBJECTS = "hat ball guitar cup kite bag car bicycle book coat table boat"
PLACES = "beach kitchen park street forest bedroom garden field meadow road"
LOOKS = "red blue green small large white black brown young yellow snowy busy"
VERBS = "holds carries watches chases pushes cleans follows finds"
WAYS = "walks runs sits stands jumps sleeps dances plays"
OPENINGS = ("", "", "", "a video of ", "in this scene ", "the camera shows ")
FRAMES = (
    "{subject} {way} on {background}",
    "{subject} {verb} {object} in {background}",
    "{subject} in {object} and {object} {way}",
    "{subject} and {subject} {way} near {object}",
    "{subject} with {object} {way} behind {background}",
    "{subject} {verb} {subject} and {object} on {background}",
    "{object} is in {background}",
)

_END, _PAD = "<|end|>", "<|pad|>"
# One token each, which leaves half as many to train on.
_FRAMEWORK = (" ### Output:", " {'background': ['", "'], 'subject': ['", "'], 'object': ['", "', '", "']}")
_TEMPLATE = "{{ messages[-1]['content'].split('Caption: ')[-1] }}"
_SHOWN = "{caption} ### Output:"
_IGNORED = -100
_LEARNING_RATE = 4e-3


def figure_7(**words: Sequence[str]) -> str:
    """An answer as the figure prints it: a Python dictionary, with an empty word where there is none."""
    return str({kind: list(words.get(kind, ())) or [""] for kind in ("background", "subject", "object")})


def captions_and_answers(number: int, *, seed: int) -> list[Pair]:
    """Captions of the frames above, and what is true of them."""
    rng = random.Random(seed)
    return [_caption_and_answer(rng) for _ in range(number)]


def trained_language_model(folder: Path, *, by_heart: Sequence[Pair] = (), steps: int = 300) -> Path:
    """Train the model and save it; takes about 20 s on one core.

    Args:
        folder: where to.
        by_heart: pairs of any other kind, which it learns by heart.
        steps: of training; each more pair by heart wants a few more.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            tokenizer = _tokenizer([*captions_and_answers(2000, seed=1), *by_heart])
            model = _model(tokenizer)
            _train(model, _batches(tokenizer, by_heart, steps))
    finally:
        torch.set_num_threads(threads)
    disable: Any = disable_progress_bar
    disable()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@contextmanager
def served_language_model(folder: Path) -> Iterator[str]:
    """Serve the model as a process of its own, `transformers serve`, until the end of the block; gives the address."""
    port = _free_port()
    command = [str(Path(sys.executable).with_name("transformers")), "serve", str(folder), "--device", "cpu"]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_healthy(process, f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait_until_healthy(process: "subprocess.Popen[bytes]", url: str) -> None:
    deadline_s = time.monotonic() + 200
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            raise RuntimeError(f"transformers serve ended with {process.returncode}; is transformers[serving] there?")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(f"{url} did not answer within 200 s")


def _caption_and_answer(rng: random.Random) -> Pair:
    nouns = {"subject": SUBJECTS, "object": OBJECTS, "background": PLACES}
    drawn = {kind: iter(rng.sample(words.split(), 2)) for kind, words in nouns.items()}
    words: dict[str, list[str]] = {kind: [] for kind in nouns}

    def fill(blank: re.Match[str]) -> str:
        kind = blank[1]
        if kind not in nouns:
            return rng.choice({"verb": VERBS, "way": WAYS}[kind].split())
        looks = rng.sample(LOOKS.split(), rng.choice((0, 1, 1)))
        words[kind].append(" ".join((*looks, next(drawn[kind]))))
        return f"{rng.choice(('a', 'the'))} {words[kind][-1]}"

    caption = re.sub(r"\{(\w+)\}", fill, rng.choice(OPENINGS) + rng.choice(FRAMES))
    return f"{caption[0].upper()}{caption[1:]}.", figure_7(**words)


def _tokenizer(pairs: Sequence[Pair]) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    # A word is the same token at the start of a list and after a space, so that copying it is all there is to learn.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("[A-Za-z]+"), "isolated"),
            pre_tokenizers.ByteLevel(use_regex=False, add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1024,
        special_tokens=[_PAD, _END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([f"{_shown(caption)} {answer}" for caption, answer in pairs], trainer)
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in _FRAMEWORK])
    untyped: Any = PreTrainedTokenizerFast
    return cast(
        "PreTrainedTokenizerFast",
        untyped(tokenizer_object=tokenizer, eos_token=_END, pad_token=_PAD, chat_template=_TEMPLATE),
    )


def _shown(caption: str) -> str:
    return _SHOWN.format(caption=caption)


def _model(tokenizer: PreTrainedTokenizerFast) -> Qwen3ForCausalLM:
    config = Qwen3Config(
        # Training the vocabulary may skip numbers, so its length does not bound them.
        vocab_size=max(tokenizer.get_vocab().values()) + 1,
        hidden_size=64,
        intermediate_size=192,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.1,  # the usual 0.02 is for wide networks; this narrow one would learn ten times slower
        head_dim=32,  # the least that vLLM's kernels for processors take
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    return Qwen3ForCausalLM(config)


def _batches(
    tokenizer: PreTrainedTokenizerFast, by_heart: Sequence[Pair], steps: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Tokens and labels (batch, length), padded on the right; only answers are to be learned."""
    rng = random.Random(0)
    for step in range(steps):
        pairs = captions_and_answers(24, seed=2 + step)
        pairs += rng.sample(list(by_heart), min(12, len(by_heart)))
        rows = []
        for caption, answer in pairs:
            shown, answered = tokenizer([_shown(caption), f" {answer}{_END}"]).input_ids
            rows.append((shown + answered, [_IGNORED] * len(shown) + answered))
        longest = max(len(tokens) for tokens, _ in rows)
        pad = tokenizer.pad_token_id
        yield (
            torch.tensor([tokens + [pad] * (longest - len(tokens)) for tokens, _ in rows]),
            torch.tensor([labels + [_IGNORED] * (longest - len(labels)) for _, labels in rows]),
        )


def _train(model: Qwen3ForCausalLM, batches: Iterator[tuple[torch.Tensor, torch.Tensor]]) -> None:
    steps = list(batches)
    optimizer = torch.optim.AdamW(model.parameters(), lr=_LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / 30) * (0.5 + 0.5 * math.cos(math.pi * step / len(steps)))
    )
    for tokens, labels in steps:
        loss = model(input_ids=tokens, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
