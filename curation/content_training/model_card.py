"""The page that goes with the weights: what they are, how they came about, how far to trust them."""

from collections.abc import Mapping

from curation.content_training.evaluation import FilterReport, confusion_table

_PAGE = """# Content filter

A small VideoMAE video classifier that tells desirable clips from the four undesirable kinds of A.1. It runs on a CPU,
and stands in where no network trained on labelled footage is at hand.

- **Weights:** {size_kb} kB, half precision, `model.safetensors`; loaded with `transformers`.
- **Input:** 16 frames over the whole clip, {side} x {side}. The three channels are grey level, what the camera does not
  explain of the change since the frame before, and that change itself (`input_channels: motion` in `config.json`;
  `curation/annotators/content_motion.py`).
- **Training data:** {training_clips} clips drawn by `curation/content_training`, seed {seed}. No photograph, video or
  label of anybody else went into it.
- **Made by:** `python -m pipelines train-filter`.

## Measured on {validation_clips} held-out drawn clips

Accuracy over five classes {accuracy:.3f}; balanced accuracy of desirable against undesirable {balanced:.3f} at the
threshold {threshold:.2f}, which is the best on these clips.

{table}

## Limits

- It has never seen real footage. On real clips expect clearly less than the figures above. For real use, fine-tune a
  larger VideoMAE on labels of your own data and name its folder instead.
- Whether a photograph with artificial parallax is a still image, and whether slow camera work over a still scene is
  slight motion, is hard to tell for people too.
- Long clips are seen through 16 frames: what happens between them is not seen.

## Settings

```json
{settings}
```
"""


def model_card(settings: Mapping[str, int | float], report: FilterReport, size_bytes: int) -> str:
    """The card in Markdown."""
    threshold = report.best_threshold()
    lines = ",\n".join(f'  "{name}": {value}' for name, value in settings.items())
    return _PAGE.format(
        size_kb=round(size_bytes / 1000),
        side=settings["side"],
        seed=settings["seed"],
        training_clips=settings["training_clips"],
        validation_clips=settings["validation_clips"],
        accuracy=report.accuracy,
        balanced=report.balanced_accuracy(threshold),
        threshold=threshold,
        table=confusion_table(report),
        settings="{\n" + lines + "\n}",
    )
