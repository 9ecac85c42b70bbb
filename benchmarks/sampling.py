"""Sampling with cached keys and values and batched guidance, against the naive loop of the same model.

    python -m benchmarks.sampling [--steps 6] [--rounds 2]

17x144x256 with six reference images of 256 tokens and 256 text tokens, both of Table 5's 1024 channels; width 512 and 8
blocks, so that it takes minutes. The naive loop asks the whole model three times a step, with zeros for what is
dropped, and encodes the conditions anew each time. The cache is made once a video, so the paper's 256 steps gain a
little more than the few that are measured here. What it saves is a smaller share of a wider model or a longer
clip: the last lines say how much of the multiplications remains at the paper's width.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor

from benchmarks.measuring import Run, cpu_seconds, machine, peak_mib, verdict
from dataset_schema import TABLE_6_BUCKETS, Bucket
from modeling.encoders import LatentGeometry
from modeling.model.backbone import VideoBackbone
from modeling.model.conditions import Conditions, ReferenceTokens
from modeling.model.costs import Workload
from modeling.model.dit import DiTConfig
from modeling.model.parts import Part
from modeling.model.weights import build_model
from modeling.sampling.denoising import SamplingConfig, sample_latents
from modeling.sampling.flow import FlowConfig, timestep_schedule

SEED: Final = 0
BUCKET: Final = Bucket(17, 144, 256)
CONFIG: Final = DiTConfig(width=512, heads=8, blocks=8, dropout=0.0)
TEXT_TOKENS: Final = 256
IMAGE_TOKENS: Final = 256
GOAL: Final = 1.5
TOLERANCE: Final = 1e-4
# For which the arithmetic is told.
TOLD_BUCKETS: Final = (BUCKET, *(bucket for bucket in TABLE_6_BUCKETS if bucket.frames == 121))

Sample = Callable[[], Tensor]


def random_conditions() -> Conditions:
    """A full caption and six images."""
    draw = torch.Generator().manual_seed(SEED)
    images = CONFIG.max_images
    return Conditions(
        text=torch.randn(1, TEXT_TOKENS, CONFIG.text_channels, generator=draw),
        is_text=torch.ones(1, TEXT_TOKENS, dtype=torch.bool),
        references=ReferenceTokens(
            image_tokens=torch.randn(1, images, IMAGE_TOKENS, CONFIG.image_channels, generator=draw),
            word_tokens=torch.randn(1, images, CONFIG.words_per_image, CONFIG.text_channels, generator=draw),
            is_present=torch.ones(1, images, dtype=torch.bool),
        ),
    )


def random_model() -> VideoBackbone:
    """As after training: no layer is zero any more."""
    model = build_model(CONFIG, seed=SEED).eval()
    draw = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=draw))
    return model


def naive(model: VideoBackbone, conditions: Conditions, noise: Tensor, sampling: SamplingConfig) -> Sample:
    """Equation 2 and Euler steps as they are written in the paper."""
    references = conditions.references
    if references is None:
        raise ValueError("conditions have no references, expected some")
    no_images = replace(references, is_present=torch.zeros_like(references.is_present))
    told = (conditions, conditions.without_text(), replace(conditions, references=no_images))
    schedule = timestep_schedule(sampling.steps or 1, shift=FlowConfig().shift(sampling.bucket)).tolist()

    @torch.no_grad()
    def sample() -> Tensor:
        latents, estimate = noise, torch.zeros_like(noise)
        for timestep, following in pairwise(schedule):
            at = torch.full((1,), timestep)
            full, no_text, no_image = (model(latents, at, each, estimate) for each in told)
            pushes = sampling.text_scale * (full - no_text) + sampling.image_scale * (full - no_image)
            estimate = latents - timestep * full
            latents = latents + (following - timestep) * (full + pushes)
        return latents

    return sample


def samplers(steps: int) -> dict[str, Sample]:
    """The three ways, of one model and one seed."""
    model, conditions = random_model(), random_conditions()
    shape = (1, LatentGeometry().channels, *LatentGeometry().shape(BUCKET))
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(SEED))
    batched = SamplingConfig(bucket=BUCKET, steps=steps)
    one_by_one = replace(batched, batches_branches=False)
    ours = partial(sample_latents, model, conditions, noise, flow=FlowConfig())
    return {
        "naive loop": naive(model, conditions, noise, batched),
        "cached, one by one": partial(ours, sampling=one_by_one),
        "cached, one batch": partial(ours, sampling=batched),
    }


def prepare(name: str) -> Run:
    """One of the three, built in the process that measures its memory."""
    return samplers(steps=1)[name]


def remaining_multiplications(config: DiTConfig, bucket: Bucket, *, steps: int) -> float:
    """The share of the naive loop's operations that cached and skipped layers leave, by the formula of `costs.py`."""
    tokens = LatentGeometry().tokens(bucket)
    images = config.max_images * IMAGE_TOKENS
    work = Workload(clips=1, tokens=tokens, text_tokens=TEXT_TOKENS, image_tokens=images)
    flops = config.forward_flops(work)
    encoded = flops.products[Part.BINDING] + 4 * config.blocks * config.width * (
        TEXT_TOKENS * config.text_channels + images * config.image_channels
    )
    own = 4 * config.blocks * tokens * config.width**2  # a cross-attention's query and output
    skipped = sum(own + flops.scores[part] for part in (Part.TEXT_ATTENTION, Part.PERSONALIZATION))
    return (steps * (3 * (flops.total - encoded) - skipped) + encoded) / (steps * 3 * flops.total)


def main() -> None:
    """Compare results, CPU time and memory, and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    ways = samplers(arguments.steps)
    print(machine(["torch"], seed=SEED))
    print(f"{BUCKET}, width {CONFIG.width}, {CONFIG.blocks} blocks, {arguments.steps} steps, float32;")
    print(f"median of {arguments.rounds} interleaved runs, CPU time\n")
    results: dict[str, Tensor] = {}
    runs = {name: partial(_keep, results, name, sample) for name, sample in ways.items()}
    seconds = cpu_seconds(runs, rounds=arguments.rounds, warm_ups=0)
    expected = results["naive loop"]
    print(f"{'':20}{'s a step':>10}{'speed-up':>10}{'peak MiB':>10}{'difference':>12}")
    for name in ways:
        difference = float((results[name] - expected).abs().max() / expected.abs().max())
        if difference > TOLERANCE:
            raise SystemExit(f"{name} differs from the naive loop by {difference:.1e} of the largest latent")
        a_step, speed_up = seconds[name] / arguments.steps, seconds["naive loop"] / seconds[name]
        print(f"{name:20}{a_step:10.2f}{speed_up:10.2f}{peak_mib(partial(prepare, name)):10.0f}{difference:12.0e}")
    print(verdict(seconds["naive loop"] / seconds["cached, one batch"], GOAL, at_most=False))
    print("\nfewer multiplications than the naive loop, by arithmetic, 128 steps:")
    for config, what in ((CONFIG, "this model"), (DiTConfig(), "the paper's")):
        times = [f"{b} {1 / remaining_multiplications(config, b, steps=128):.2f}x" for b in TOLD_BUCKETS]
        print(f"  {what:12}{', '.join(times)}")


def _keep(results: dict[str, Tensor], name: str, sample: Sample) -> None:
    results[name] = sample()


if __name__ == "__main__":
    main()
