"""The page that goes with the weights: what they are, how they came about, how far to trust them."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from curation.annotators.content.network import ContentInput
from curation.annotators.protocols import CONTENT_CLASSES
from curation.content_training.dataset import SplitInputs
from curation.content_training.evaluation import FilterReport, class_table, confusion_table, roc_table

_CHANNELS: Final = {
    "rgb": "The channels are red, green and blue.",
    "motion": (
        "The channels are grey level, what the camera does not explain of the change since the frame before, and that "
        "change itself (`curation/annotators/content/motion.py`)."
    ),
}

_PAGE: Final = """# Content filter

A VideoMAE video classifier that tells desirable clips from the four undesirable kinds of A.1.

- **Network:** {network}
- **Weights:** {size_mb:.1f} MB, half precision, `model.safetensors`; loaded with `transformers`.
- **Input:** 16 frames over the whole clip, {form.side} x {form.side}. {channels}
- **Made by:** `python -m pipelines train-filter`, with the settings below.
- **Licence:** that of the network it was made from and of the clips it was trained on. Published VideoMAE weights are
  CC BY-NC 4.0: what is fine-tuned from them is not for commercial use.

## Clips

{clips.origin}

{splits}

## Threshold: {threshold:.2f}

A clip is kept if `desirable` has at least this probability. It was chosen on the validation split alone, for the
highest mean of desirable clips kept and undesirable ones removed, and stands as `min_desirable` in `config.json`, where
the content filter finds it.

## Measured on the {count} clips of the test split

Nothing was chosen by these clips. At the threshold {kept:.1%} of the desirable clips are kept and {passed:.1%} of the
undesirable ones (balanced accuracy {balanced:.3f}). Accuracy over five classes is {accuracy:.3f}, area under the curve
{area:.3f}.

{confusion}

{classes}

What other thresholds would keep:

{roc}

## Limits

- Measured on {count} clips: a share of them is known to about {doubt:.0%} either way.
- On clips of other kinds than those above expect less.
- Whether a photograph with artificial parallax is a still image, and whether slow camera work over a still scene is
  slight motion, is hard to tell for people too.
- Long clips are seen through 16 frames: what happens between them is not seen.

## Settings

```json
{settings}
```
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CardFacts:
    """What the card tells.

    Attributes:
        network: where the network comes from.
        threshold: chosen on the validation split.
        report: of the test split.
        settings: the resolved config.
    """

    network: str
    form: ContentInput
    size_bytes: int
    clips: SplitInputs
    threshold: float
    report: FilterReport
    settings: Mapping[str, Any]


def model_card(facts: CardFacts) -> str:
    """The card in Markdown."""
    report, threshold = facts.report, facts.threshold
    kept, passed = report.kept_share(threshold)
    return _PAGE.format(
        network=facts.network,
        size_mb=facts.size_bytes / 1e6,
        form=facts.form,
        channels=_CHANNELS[facts.form.channels],
        clips=facts.clips,
        splits=_split_table(facts.clips),
        threshold=threshold,
        count=len(report.labels),
        kept=kept,
        passed=passed,
        balanced=report.balanced_accuracy(threshold),
        accuracy=report.accuracy,
        area=report.area_under_curve,
        confusion=confusion_table(report),
        classes=class_table(report),
        roc=roc_table(report),
        doubt=1 / math.sqrt(len(report.labels)),
        settings=json.dumps(facts.settings, indent=2, default=str),
    )


def _split_table(clips: SplitInputs) -> str:
    """Clips per class and split."""
    splits = {"training": clips.training, "validation": clips.validation, "test": clips.test}
    lines = ["| class | " + " | ".join(splits) + " |", "|---" * (len(splits) + 1) + "|"]
    counts = zip(CONTENT_CLASSES, *(split.class_counts for split in splits.values()), strict=True)
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in counts)])
