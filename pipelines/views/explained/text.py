"""An explanation in the terminal: the verdict first, then what every stage measured; it says all without color too."""

from collections.abc import Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from curation.annotators.protocols import CONTENT_CLASSES
from curation.records import Clip
from dataset_schema import EntityKind
from pipelines.views.explained.explanation import Explanation
from pipelines.views.explained.stage_lines import StageLine, stage_lines
from pipelines.views.explained.verdict import Verdict, profile_limits, verdict_of
from pipelines.views.explained.watched_run import Standing, Story
from pipelines.views.explained.words import WordFinding, word_findings

_STANDING_STYLES: Final = {
    Standing.PASSED: "green",
    Standing.REJECTED: "bold red",
    Standing.BROKEN: "red",
    Standing.FAILED: "bold red",
    Standing.NOT_RUN: "dim",
}
_KIND_STYLES: Final = {
    EntityKind.SUBJECT: "bold red",
    EntityKind.OBJECT: "bold blue",
    EntityKind.BACKGROUND: "bold green",
}
_MOST_SHOTS: Final = 12
_LABEL: Final = 12  # characters


def print_explanation(console: Console, explanation: Explanation) -> None:
    """The whole of it; of a video that was split, a line a shot."""
    console.print()
    if len(explanation.stories) > 1:
        _print_shots(console, explanation)
        return
    (story,) = explanation.stories
    _print_verdict(console, verdict_of(story), explanation.video.name)
    console.print(_stage_table(stage_lines(story)))
    if story.clip is None:
        return
    for label, text in (
        ("caption", _caption(story.clip)),
        ("shots", _shots(explanation)),
        ("content", _content(story.clip)),
        *(("word", _word(word)) for word in _shown_words(story)),
        ("buckets", _buckets(explanation)),
        *(("limits", Text(limit)) for limit in profile_limits(story, explanation.config)),
    ):
        if text:
            console.print(_row(label, text))


def _print_shots(console: Console, explanation: Explanation) -> None:
    kept, shots = explanation.kept, len(explanation.stories)
    console.print(
        Text.assemble((f" {kept} of {shots} shots KEPT ", "bold reverse"), (f"   {explanation.video.name}", "dim"))
    )
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=True)
    for name in ("shot", "from s", "to s", "verdict and why"):
        table.add_column(
            name, no_wrap=name != "verdict and why", overflow="fold", justify="left" if "v" in name else "right"
        )
    for number, story in enumerate(explanation.stories, start=1):
        verdict, source = verdict_of(story), story.outcome.source
        why = Text.assemble((verdict.headline, _STANDING_STYLES[verdict.standing]), f"; {verdict.detail}")
        table.add_row(str(number), f"{source.start_s or 0:.2f}", f"{source.end_s or 0:.2f}", why)
    console.print(table)
    clip = explanation.stories[0].clip
    if clip is not None:
        console.print(_row("caption", _caption(clip)))
    console.print(_row("buckets", _buckets(explanation)))


def _print_verdict(console: Console, verdict: Verdict, name: str) -> None:
    head, _, rest = verdict.headline.partition(" ")
    style = f"{_STANDING_STYLES[verdict.standing]} bold reverse"
    console.print(Text.assemble((f" {head} ", style), f" {rest}" if rest else "", (f"   {name}", "dim")))
    for label, text in (
        ("what" if verdict.standing is Standing.PASSED else "why", verdict.detail),
        ("what to do", verdict.advice),
        *(("also broken", text) for text in verdict.also),
    ):
        if text:
            console.print(_row(label, Text(text)))


def _row(label: str, text: Text) -> Padding:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=_LABEL, style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(label, text)
    return Padding(grid, (0, 0, 0, 2))


def _stage_table(lines: Sequence[StageLine]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=True)
    for name in ("stage", "", "measured", "must be", "s"):
        table.add_column(
            name,
            no_wrap=name not in ("measured", "must be"),
            overflow="fold",
            justify="right" if name == "s" else "left",
        )
    for line in lines:
        standing = Text(_standing(line.standing), style=_STANDING_STYLES[line.standing])
        seconds = "" if line.standing is Standing.NOT_RUN else f"{line.seconds:.1f}"
        table.add_row(line.name, standing, Text(line.measured), Text(line.limit), seconds)
    return table


def _standing(standing: Standing) -> str:
    return standing.value.upper() if standing in (Standing.REJECTED, Standing.FAILED) else standing.value


def _caption(clip: Clip) -> Text:
    """Its words in the color of their kind, with the kind in brackets."""
    if not clip.caption.strip():
        return Text("none: entity words need one; shots and content are judged all the same")
    text, at = Text(), 0
    for word in sorted(clip.entity_words or (), key=lambda word: word.start):
        text.append(clip.caption[at : word.start])
        text.append(word.word, style=_KIND_STYLES[word.kind])
        text.append(f" [{word.kind}]", style="dim")
        at = word.end
    text.append(clip.caption[at:])
    return text


def _shots(explanation: Explanation) -> Text:
    shots_s = explanation.shots_s
    spans = [f"{start_s:.2f} to {end_s:.2f} s" for start_s, end_s in shots_s[:_MOST_SHOTS]]
    more = f", and {len(shots_s) - _MOST_SHOTS} more" if len(shots_s) > _MOST_SHOTS else ""
    return Text(f"{len(shots_s)}: {', '.join(spans)}{more}" if shots_s else "")


def _content(clip: Clip) -> Text:
    values = {name: getattr(clip.scores, name) for name in CONTENT_CLASSES}
    known = (f"{name.replace('_', ' ')} {value:.2f}" for name, value in values.items() if value is not None)
    return Text(", ".join(known))


def _shown_words(story: Story) -> list[WordFinding]:
    """Those that somebody looked for."""
    is_located = story.clip is not None and story.clip.located is not None
    words = word_findings(story) if is_located else []
    return [word for word in words if word.kind is not EntityKind.BACKGROUND or word.found]


def _word(word: WordFinding) -> Text:
    text = Text.assemble((word.word, _KIND_STYLES[word.kind]), f" [{word.kind}] ", _where(word))
    good = [picture for picture in word.pictures if not picture.why_dropped]
    faces = sum(picture.is_face for picture in good)
    if word.pictures:
        text.append(f"; {len(good)} good picture{'s' * (len(good) != 1)}")
        text.append(f", {faces} of them of the face" if faces else "")
    for picture in word.pictures:
        if picture.why_dropped:
            text.append(f"; dropped the one at {picture.time_s:.2f} s: {picture.why_dropped}")
    return text


def _where(word: WordFinding) -> str:
    if word.same_as is not None:
        return f"another name of {word.same_as!r}"
    if not word.found:
        return "fits several places, so it is none's" if word.is_ambiguous else "not located"
    places = ", ".join(f"{time_s:.2f} s ({confidence:.2f})" for time_s, confidence in word.found)
    return f"in {len(word.found)} of {word.num_frames} frames, with confidence: {places}"


def _buckets(explanation: Explanation) -> Text:
    """The longest of each size."""
    if explanation.whole is None:
        return Text()
    longest = {(bucket.height, bucket.width): bucket.frames for bucket in explanation.buckets}
    sizes = [f"{height}x{width} with up to {frames} frames" for (height, width), frames in longest.items()]
    return Text(f"fills {', '.join(sizes)}" if sizes else "fills none")
