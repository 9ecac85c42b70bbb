"""The page says what `repolicy` says, of the same dataset and the same limits."""

import re
from pathlib import Path
from urllib.parse import urlencode

import pytest

from pipelines.__main__ import main
from pipelines.browser import what_if
from tests.pipelines.browser.asking import Served
from tests.pipelines.browser.conftest import served

LIMITS = [
    {"content_filter.min_desirable": 0.82},
    {"content_filter.min_desirable": 0.05},
    {"single_shot.threshold": 0.12, "content_filter.min_desirable": 0.99},
    {"reference_images.min_area": 0.14},
    {"reference_images.min_area": 0.0005},
    {"background.max_leak": 0.01, "reference_images.min_frames": 2},
    {"entity_masks.min_confidence": 0.9},
]


@pytest.mark.parametrize("limits", LIMITS, ids=" ".join)
def test_the_page_counts_what_a_dry_run_of_repolicy_says(
    site: Served, limits: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [f"--curation.{name.replace('_', '-')}={value}" for name, value in limits.items()]
    assert main(["repolicy", "--dataset", str(site.dataset), *flags, "--dry-run"]) == 0
    said = " ".join(capsys.readouterr().out.split())

    page = site.get(f"/what-if?{urlencode(limits)}").page

    sums = re.findall(r"(?:before|after): +read \d+ = kept \d+ \+ rejected \d+ \+ failed \d+", said)
    assert len(sums) == 2
    assert all(re.sub(": +", ": ", one) in page.text for one in sums)
    table = re.findall(r"│ ([^│]+?) │ +(\d+) │", said)
    assert sum(int(count) for _, count in table) > 0
    for what, count in table:
        assert f"{what} {count}" in page.text


def test_its_examples_are_clips_that_change_and_its_command_applies_the_limits(site: Served) -> None:
    page = site.get("/what-if?content_filter.min_desirable=0.82").page

    examples = [link["href"] for link in page.all("a") if link["href"].startswith("/clip/")]
    scores = [re.findall(r"desirable (0\.\d+)", site.get(address).page.text)[0] for address in examples]
    assert sorted(map(float, scores)) == [0.1, 0.7, 0.75, 0.8]
    assert f'make repolicy DATASET={site.dataset} ARGS="--curation.content-filter.min-desirable 0.82"' in page.text


def test_limits_as_they_are_change_nothing(site: Served) -> None:
    page = site.get("/what-if?content_filter.min_desirable=0.3&background.max_leak=0.25").page

    assert "No limit is moved." in page.text
    assert all(field["value"] == field["data-given"] for field in page.all("input"))


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("reference_images.same_mask_iou=0.5", "none of the limits of this dataset"),
        ("content_filter.min_desirable=high", "content_filter.min_desirable is 'high', expected a number"),
        ("content_filter.min_desirable=nan", "expected a number"),
        ("reference_images.min_frames=1.5", "expected a whole number"),
    ],
)
def test_what_is_no_limit_is_said_on_the_page(site: Served, query: str, sentence: str) -> None:
    assert sentence in site.get(f"/what-if?{query}").page.text


def test_a_dataset_that_nobody_waits_for_leads_to_the_command(
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(what_if, "MOST_CLIPS", 10)

    with served(small_dataset, tmp_path) as site:
        page = site.get("/what-if?content_filter.min_desirable=0.82").page

    assert "the dataset has 11 clips, of which a page looks through 10 at most" in page.text
    assert "--curation.content-filter.min-desirable 0.82" in page.text
    assert "DRY_RUN=1" in page.text
