"""How much faster than its package TransNetV2 runs here, measure by measure, and what that changes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import torch

from benchmarks.figures import Figure
from benchmarks.measuring import cpu_seconds
from curation.annotators.device import Device
from curation.annotators.shots.detectors import TransNetV2Config, TransNetV2Shots
from curation.annotators.shots.network import Probabilities, package_network
from curation.records import Video
from curation.stages.single_shot import cut_frames

# The package takes six seconds for the first, and the folded form half a minute for the second of fifteen videos.
_TIMED_FRAMES: Final = 250
_COMPARED_FRAMES: Final = 100

Form: TypeAlias = Callable[[Video], Probabilities]


class Forms(NamedTuple):
    """Ways to the same probabilities, each with one measure more than the one before."""

    package: Form
    folded: Form
    stretches: Form
    native: Form
    used: Form

    @classmethod
    def load(cls) -> "Forms":
        """All of them, on this processor."""
        device = Device(name="cpu", precision="float32", batch_size=1)
        folded = TransNetV2Shots(TransNetV2Config(device=device))
        stretches = TransNetV2Shots(TransNetV2Config(device=replace(device, batch_size=8)))
        native = TransNetV2Shots()
        for detector in (folded, stretches, native):
            detector.load()
        return cls(
            partial(_by_package, package_network("cpu")),
            folded.network_probabilities,
            stretches.network_probabilities,
            native.network_probabilities,
            native.cut_probabilities,
        )


class Change(NamedTuple):
    """What a form changes: the largest movement of a probability, and cuts that are gone or new."""

    moved: float
    gone: int
    new: int


def change(before: Sequence[Probabilities], after: Sequence[Probabilities], threshold: float) -> Change:
    """Of the probabilities of several videos."""
    pairs = list(zip(before, after, strict=True))
    cuts = [(set(cut_frames(a, threshold)), set(cut_frames(b, threshold))) for a, b in pairs]
    moved = max(float(np.abs(a - b).max(initial=0.0)) for a, b in pairs)
    return Change(moved, sum(len(a - b) for a, b in cuts), sum(len(b - a) for a, b in cuts))


def show_forms(videos: Sequence[Video], threshold: float) -> None:
    """Print the gain of every form on a long video, and what it changes on all of them."""
    forms = Forms.load()
    longest = max(videos, key=len)[:_TIMED_FRAMES]
    cpu_s = cpu_seconds({name: partial(form, longest) for name, form in forms._asdict().items()}, rounds=3)
    before = [forms.package(video)[:-1] for video in videos]
    for name, form in forms._asdict().items():
        after = [form(video)[:-1] for video in videos]
        found = change(before, after, threshold)
        nearest = min(float(np.abs(values - threshold).min(initial=1.0)) for values in after)
        ratio = cpu_s["package"] / cpu_s[name]
        print(
            f"  {name:10} {len(longest) / cpu_s[name]:4.0f} frames per CPU s, {ratio:.1f} times "
            f"the package's; probabilities move by up to {found.moved:.4f}, the nearest to the threshold is"
            f" {nearest:.3f} from it; {found.gone} cuts gone, {found.new} new"
        )


def figures_of_forms(videos: Sequence[Video], threshold: float) -> Iterator[Figure]:
    """Agreement with the package, and speed."""
    forms = Forms.load()
    longest = max(videos, key=len)[:_TIMED_FRAMES]
    cpu_s = cpu_seconds({"package": partial(forms.package, longest), "used": partial(forms.used, longest)}, rounds=2)
    short = [video[:_COMPARED_FRAMES] for video in videos]
    before = [forms.folded(video)[:-1] for video in short]
    apart = float(np.abs(forms.package(longest) - forms.folded(longest)).max())
    moved = change(before, [forms.native(video)[:-1] for video in short], threshold).moved
    gone = change(before, [forms.used(video)[:-1] for video in short], threshold).gone
    ratio = cpu_s["package"] / cpu_s["used"]
    timed, compared = f"{len(longest)} frames", f"{sum(map(len, short))} frames"
    figure = partial(Figure, job="shots")
    yield figure(name="moved, at the package's windows", value=apart, of=timed, goal=1e-3, at_most=True)
    yield figure(name="moved by long stretches", value=moved, of=compared)
    yield figure(name="the package's cuts that are gone", value=gone, of=compared, goal=0, at_most=True)
    yield figure(name="times as fast as the package", value=ratio, of=timed, goal=3.0)
    yield figure(name="frames per CPU second", value=len(longest) / cpu_s["used"], of=timed)


def _by_package(network: Any, thumbnails: Video) -> Probabilities:
    with torch.inference_mode():
        single, _ = network.predict_frames(torch.from_numpy(thumbnails), quiet=True)
    return np.asarray(single.double().numpy(), np.float64)
