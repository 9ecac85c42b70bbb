"""A whole run whose language model server dies half-way: nothing is lost, and the next run asks only for the rest."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from curation.annotators.language.entity_words import LanguageEntityWordsConfig
from curation.annotators.language.server import ChatServerConfig
from curation.execution.local import LocalExecutor
from curation.execution.plan import PlanError
from curation.funnel import Counts
from curation.stage import Stage
from curation.stages.entity_words import EntityWords, EntityWordsConfig
from dataset_schema import FailureKind
from tests.curation.annotators.language.language_server import Reply, Request, completion, refusal, serving
from tests.curation.scripted_stages import JudgeStage, MeasureStage, PublishStage, curate, make_clip, read_tables

ANSWER = json.dumps({"subject": ["dog"], "object": [], "background": []})
CLIPS = [replace(make_clip(number), caption=f"A dog chases ball number {number}.") for number in range(9)]


def stages(url: str, cache: Path) -> list[Stage]:
    server = ChatServerConfig(url=url, model="m", in_flight=3, retries=0)
    words = server.build(LanguageEntityWordsConfig(cache=str(cache)))
    return [EntityWords(EntityWordsConfig(), words), MeasureStage(), JudgeStage(), PublishStage()]


def test_a_server_that_dies_half_way_loses_nothing_and_is_asked_again_for_the_rest_alone(tmp_path: Path) -> None:
    dead: list[str] = []

    def script(request: Request, before: int) -> Reply:
        if request.text == "Hello":
            return completion("Hello")
        number = int(request.caption.split()[-1].removesuffix("."))
        return refusal(503) if dead and number >= 6 else completion(ANSWER)

    with serving(script) as (server, url):
        dead.append("from clip 6 on")
        first = curate(CLIPS, tmp_path / "dataset", LocalExecutor(), lambda: stages(url, tmp_path / "answers"))
        failures = read_tables(tmp_path / "dataset")["failures"]
        dead.clear()
        server.requests.clear()
        second = curate(
            CLIPS,
            tmp_path / "dataset",
            LocalExecutor(),
            lambda: stages(url, tmp_path / "answers"),
            retry=frozenset({FailureKind.IO}),
        )

    assert first.counts == Counts(kept=6, failed=3)
    assert {(row["stage"], row["kind"]) for row in failures} == {("entity_words", "io")}
    assert second.counts == Counts(kept=9)
    assert sorted(server.captions[1:]) == [f"A dog chases ball number {number}." for number in (6, 7, 8)]


def test_a_server_that_is_down_stops_the_plan_with_one_line(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="stage entity_words cannot reach its server: language model") as error:
        curate(CLIPS, tmp_path / "dataset", LocalExecutor(), lambda: stages("http://127.0.0.1:9/v1", tmp_path / "a"))

    assert "\n" not in str(error.value)
