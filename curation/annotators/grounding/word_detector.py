"""A box detector out of any GroundingDINO: prompts, batches, and the score of a box for a word from its tokens."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch

from curation.annotators.device import Device
from curation.annotators.grounding.networks import Question, WordBoxes
from curation.annotators.grounding.prompts import Prompt, build_prompts
from curation.annotators.tensors import check_finite
from curation.records import Image
from curation.stage import ClipError
from dataset_schema import Annotator, FailureKind

# Our choice: beyond it, the 800 x 1333 pixels that the network looks at leave a strip too thin for its 900 proposals.
_MAX_ASPECT: Final = 16


class TokenBoxes(NamedTuple):
    """What a GroundingDINO answers for a batch.

    Attributes:
        boxes: (images, boxes, 4), centre x, y, width, height as shares of the frame.
        logits: (images, boxes, tokens), how well each box fits each token of the prompt; -inf beyond its end.
    """

    boxes: torch.Tensor
    logits: torch.Tensor


class TokenDetector(Protocol):
    """A loaded GroundingDINO, whoever wrote it down.

    Attributes:
        tokenizer: its fast BERT tokenizer.
        max_tokens: of one prompt.
    """

    tokenizer: Any
    max_tokens: int

    def detect(self, images: Sequence[Image], texts: Sequence[str]) -> TokenBoxes:
        """The boxes of a batch of frames of one size, each with its prompt."""
        ...


class WordDetector:
    """A `BoxDetector`.

    Frames are put into one batch only with frames of their size, so that none is padded and the answer does not depend
    on what else is in the batch.

    Args:
        describe: names the weights.
        load: loads the network.
        device: for its batch size.
        max_words: of one prompt.
    """

    def __init__(
        self,
        *,
        describe: Callable[[], Annotator],
        load: Callable[[], TokenDetector],
        device: Device,
        max_words: int,
    ) -> None:
        self.describe: Final = describe
        self._load = load
        self._device = device
        self._max_words = max_words
        self._network: TokenDetector | None = None

    def load(self) -> None:
        """Load the network; idempotent."""
        self._loaded()

    def find_boxes(self, questions: Sequence[Question]) -> list[WordBoxes]:
        """The proposals for every question.

        Raises:
            ClipError: the network did not answer with numbers, or a frame is too long and thin for it.
        """
        found: list[list[WordBoxes]] = [[] for _ in questions]
        for of_one_size in self._prompts(questions):
            for start in range(0, len(of_one_size), self._device.batch_size):
                batch = of_one_size[start : start + self._device.batch_size]
                answers = self._detect([(questions[index], prompt) for index, prompt in batch])
                for (index, _), answer in zip(batch, answers, strict=True):
                    found[index].append(answer)
        return [_join(answers, len(question.words)) for answers, question in zip(found, questions, strict=True)]

    def _loaded(self) -> TokenDetector:
        if self._network is None:
            self._network = self._load()
        return self._network

    def _prompts(self, questions: Sequence[Question]) -> list[list[tuple[int, Prompt]]]:
        """Every prompt with the index of its question, those about frames of one size together."""
        network = self._loaded()
        prompts: dict[tuple[int, ...], list[tuple[int, Prompt]]] = {}
        for index, (image, words) in enumerate(questions):
            _check_shape(image)
            asked = build_prompts(words, network.tokenizer, max_tokens=network.max_tokens, max_words=self._max_words)
            prompts.setdefault(image.shape, []).extend((index, prompt) for prompt in asked)
        return list(prompts.values())

    def _detect(self, batch: Sequence[tuple[Question, Prompt]]) -> list[WordBoxes]:
        images, texts = [question.image for question, _ in batch], [prompt.text for _, prompt in batch]
        answer = self._loaded().detect(images, texts)
        probabilities = answer.logits.float().sigmoid()
        check_finite(probabilities, "scores of the box detector")
        check_finite(answer.boxes, "boxes of the box detector")
        return [
            WordBoxes(_corners(boxes, question.image), _word_scores(scores, prompt, len(question.words)))
            for (question, prompt), boxes, scores in zip(
                batch, answer.boxes.double().cpu().numpy(), probabilities.double().cpu().numpy(), strict=True
            )
        ]


def _check_shape(image: Image) -> None:
    height, width = image.shape[:2]
    if max(height, width) > _MAX_ASPECT * min(height, width):
        raise ClipError(
            FailureKind.ANNOTATOR,
            f"a frame has {width} x {height} pixels, expected at most {_MAX_ASPECT} times as many on one side as on "
            "the other: the box detector sees nothing in such a strip",
        )


def _corners(boxes: npt.NDArray[np.float64], image: Image) -> npt.NDArray[np.float64]:
    height, width = image.shape[:2]
    centres, sides = boxes[:, :2], boxes[:, 2:]
    return np.concatenate([centres - sides / 2, centres + sides / 2], axis=1) * [width, height, width, height]


def _word_scores(scores: npt.NDArray[np.float64], prompt: Prompt, words: int) -> npt.NDArray[np.float64]:
    """(max + mean) / 2 over a word's tokens, as the authors' evaluator; 0 for a word of another prompt."""
    of_words = np.zeros((len(scores), words))
    for word, places in prompt.tokens.items():
        of_tokens = scores[:, list(places)]
        of_words[:, word] = (of_tokens.max(axis=1) + of_tokens.mean(axis=1)) / 2
    return of_words


def _join(answers: Sequence[WordBoxes], words: int) -> WordBoxes:
    none = WordBoxes(np.zeros((0, 4)), np.zeros((0, words)))
    boxes, scores = zip(none, *answers, strict=True)
    return WordBoxes(np.concatenate(boxes), np.concatenate(scores))
