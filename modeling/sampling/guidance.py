"""Classifier-free guidance with two conditions (B.3): the predictions it needs, their weights, and their sum."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from modeling.model.backbone import CachedConditions, VideoBackbone
from modeling.model.conditions import Conditions
from modeling.sampling.flow import data_estimate


class GuidanceForm(StrEnum):
    """From which predictions the conditioned one is pushed away."""

    SEPARATE = "separate"
    CHAINED = "chained"


class Branch(NamedTuple):
    """What the model is told in one of its predictions; the rest of the conditions is set to zero."""

    has_text: bool
    has_images: bool


FULL = Branch(has_text=True, has_images=True)
WITHOUT_TEXT = Branch(has_text=False, has_images=True)
WITHOUT_IMAGES = Branch(has_text=True, has_images=False)
WITHOUT_BOTH = Branch(has_text=False, has_images=False)

# Branches with text stand together, and so do those with images, whichever of the four are needed.
_ORDER = (WITHOUT_IMAGES, FULL, WITHOUT_TEXT, WITHOUT_BOTH)


class _Plan(NamedTuple):
    """The weights of all branches but the full one, and the model's calls: which branches, and what they are told."""

    pushes: Mapping[Branch, float]
    calls: Sequence[tuple[Sequence[Branch], CachedConditions]]


def guidance_weights(form: GuidanceForm, *, text_scale: float, image_scale: float) -> dict[Branch, float]:
    """The weight of each prediction in the guided one; they sum to 1.

    Args:
        form: SEPARATE is Equation 2, the paper's: `full + s_T (full - without_text) + s_I (full - without_images)`.
            CHAINED is Equation 1, which the paper compares with:
            `full + s_T (full - without_text) + s_I (without_text - without_both)`.
        text_scale: s_T; the paper uses 8. Zero is no guidance.
        image_scale: s_I; the paper uses 3. Larger values copy the reference images.
    """
    if form is GuidanceForm.SEPARATE:
        return {FULL: 1 + text_scale + image_scale, WITHOUT_TEXT: -text_scale, WITHOUT_IMAGES: -image_scale}
    return {FULL: 1 + text_scale, WITHOUT_TEXT: image_scale - text_scale, WITHOUT_BOTH: -image_scale}


def needed_weights(weights: Mapping[Branch, float], *, has_references: bool) -> dict[Branch, float]:
    """The same without what does not count: zero weights, and, where there are no references, a second text branch."""
    needed: dict[Branch, float] = {}
    for branch, weight in weights.items():
        seen = branch if has_references else branch._replace(has_images=False)
        needed[seen] = needed.get(seen, 0.0) + weight
    return {branch: weight for branch, weight in needed.items() if weight}


class GuidedVelocity:
    """The velocity of Equation 1 or 2, from as many branches as the scales ask for.

    What no step changes about the conditions, such as keys and values, is computed once, and a branch skips the layers
    of the conditions that it does not have. Both change rounding at most: zeros contribute exactly nothing, and what
    else a model reads in place of a text, it reads here too.

    With self-conditioning the model is shown its last estimate of the data. Our choice: the estimate of the branch with
    all conditions and without guidance, because that is what training shows it.

    Args:
        model: in evaluation mode.
        conditions: of the clips that are sampled together.
        weights: of the branches, from `guidance_weights`.
        starts_clean: which clips begin with latents without noise; the model `reads_clean_first_frames`. None has none.
        low_noise: a timestep, and the weights below it; None has the same weights everywhere.
        batches_branches: whether one call of the model predicts all branches; otherwise there is one call for each,
            which takes less memory.
    """

    def __init__(
        self,
        model: VideoBackbone,
        conditions: Conditions,
        weights: Mapping[Branch, float],
        *,
        starts_clean: Bool[Tensor, " clips"] | None = None,
        low_noise: tuple[float, Mapping[Branch, float]] | None = None,
        batches_branches: bool = True,
    ) -> None:
        self._full = WITHOUT_IMAGES if conditions.references is None else FULL
        self._batches_branches = batches_branches
        cached, clips = model.cache(conditions), len(conditions.text)
        boundary, below = low_noise or (0.0, weights)
        self._boundary = boundary
        self._high, self._low = (self._plan(each, cached, clips) for each in (weights, below))
        self._model = model
        self._starts_clean = starts_clean
        self._estimate: Tensor | None = None

    def __call__(
        self, latents: Float[Tensor, "batch channels time height width"], timestep: float
    ) -> Float[Tensor, "batch channels time height width"]:
        """The guided velocity; to be called along one trajectory, from noise to data."""
        told_timestep = torch.tensor(timestep, dtype=torch.float32).item()  # by which a model takes its network
        plan = self._high if told_timestep >= self._boundary else self._low
        predicted = {
            branch: velocity
            for group, told in plan.calls
            for branch, velocity in zip(group, self._predict(latents, timestep, told, len(group)), strict=True)
        }
        full = predicted[self._full]
        self._estimate = data_estimate(latents, full, torch.full((len(latents),), timestep, device=latents.device))
        guided = full
        for branch, weight in plan.pushes.items():
            guided = guided + weight * (predicted[branch] - full)  # the weight of `full` is what the sum of 1 leaves
        return guided

    def _plan(self, weights: Mapping[Branch, float], cached: CachedConditions, clips: int) -> "_Plan":
        needed = needed_weights(weights, has_references=self._full == FULL)
        pushes = {branch: weight for branch, weight in needed.items() if branch != self._full}
        branches = [branch for branch in _ORDER if branch in {self._full, *pushes}]
        groups = [branches] if self._batches_branches else [[branch] for branch in branches]
        return _Plan(pushes, [(group, _told(cached, group, clips)) for group in groups])

    def _predict(self, latents: Tensor, timestep: float, told: CachedConditions, branches: int) -> Sequence[Tensor]:
        """One call of the model for a group of branches, laid one after the other in its batch."""
        velocity: Tensor = self._model(
            latents.repeat(branches, 1, 1, 1, 1),
            torch.cat([self._timesteps(latents, timestep)] * branches),
            told,
            None if self._estimate is None else self._estimate.repeat(branches, 1, 1, 1, 1),
        )
        return velocity.chunk(branches)

    def _timesteps(self, latents: Tensor, timestep: float) -> Tensor:
        """What the model is told of each clip, or of each of its latents in time."""
        clips, _, time, _, _ = latents.shape
        if self._starts_clean is None:
            return torch.full((clips,), timestep, device=latents.device)
        told = torch.full((clips, time), timestep, device=latents.device)
        told[self._starts_clean, 0] = 0
        return told


def _told(cached: CachedConditions, group: Sequence[Branch], clips: int) -> CachedConditions:
    """What a batch of branches is told, each of so many clips."""
    return cached.of_clips(
        text=_clips_of([branch.has_text for branch in group], clips),
        images=_clips_of([branch.has_images for branch in group], clips),
    )


def _clips_of(has_condition: Sequence[bool], clips: int) -> slice | None:
    """Where in a batch of branches those are that have a condition; None if none has it."""
    if not any(has_condition):
        return None
    first = has_condition.index(True)
    return slice(first * clips, (first + sum(has_condition)) * clips)
