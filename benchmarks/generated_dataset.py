"""A dataset of any number of clips, real in shape, with tiny media: for measuring what only size shows.

    python -m benchmarks.generated_dataset FOLDER [--rows 1000000] [--seed 0]

Some thousand clips are drawn (`drawn_clips.py`) and decided by the project's rules; every row is one of them under an
id of its own, with scores that differ in the third decimal, and its caption made longer, up to 40 words. One source in
eight was split into two to six clips, which lie in whichever tables they came to. A million rows take four minutes of
one core and 2.7 GB. `generate` does the same from Python; a former layout can be written by handing its writer over.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.drawn_clips import CONFIG, draw_clips
from curation.entity_words.word_lists import sections
from curation.funnel import dataset_funnel
from dataset_schema import (
    SHARE_SCORES,
    TABLES,
    DatasetManifest,
    FailedClip,
    RejectedClip,
    Sample,
    new_dataset_id,
    shard_name,
    write_manifest,
)
from dataset_schema.layout import write_rows
from dataset_schema.rows import Row, to_row
from pipelines.verbs.curate import Curate, run_of
from storage.whole_files import whole_file

Kind = type[Sample | RejectedClip | FailedClip]
Writer = Callable[[Path, pa.Schema, Iterable[Row]], None]

# A clip of some seconds has about a quarter of a megabyte, and a shard of a run 256.
ROWS_PER_SHARD: Final[Mapping[Kind, int]] = {Sample: 1000, RejectedClip: 10_000, FailedClip: 10_000}

_BEFORE_THE_SPLIT: Final = frozenset({"entity_words", "decode", "split_shots"})
_SPLIT_SHARE: Final = 1 / 8
_MOST_WORDS: Final = 40
_FORMER_ROWS_PER_GROUP: Final = 4


def generate(folder: Path, *, rows: int, seed: int = 0, drawn: int = 6000, write: Writer = write_rows) -> None:
    """Write a dataset of that many rows over its three tables, as a finished run leaves it, without an index.

    Args:
        folder: new or empty.
        rows: of all tables together.
        seed: the same seed gives the same rows.
        drawn: how many different clips there are.
        write: of one shard; `write_former` for the layout before schema 3.2.
    """
    shards = _Shards(folder, write)
    for kind, row in islice(_rows(seed, drawn), rows):
        shards.add(kind, row)
    shards.close()
    run = run_of(Curate(input=Path("videos"), output=folder, curation=CONFIG))
    names = [stage.name for stage in run.stages]
    write_manifest(
        folder,
        DatasetManifest(
            profile=run.profile,
            config=json.loads(json.dumps(dict(run.config))),
            id=new_dataset_id(),
            annotators=tuple(annotator for stage in run.stages for annotator in stage.annotators()),
            funnel=dataset_funnel(folder, ("read", *names)),
            complete=True,
        ),
    )


def write_former(path: Path, schema: pa.Schema, rows: Iterable[Row]) -> None:
    """A shard as versions before 3.2 wrote it: everything compressed, four rows a group."""
    rest = iter(rows)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while group := list(islice(rest, _FORMER_ROWS_PER_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


@dataclass
class _Shards:
    """Rows come in one by one, and leave as shards."""

    folder: Path
    write: Writer
    rows: dict[Kind, list[Row]] = field(default_factory=lambda: {kind: [] for kind in TABLES})
    numbers: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(TABLES, 0))

    def add(self, kind: Kind, row: Row) -> None:
        self.rows[kind].append(row)
        if len(self.rows[kind]) == ROWS_PER_SHARD[kind]:
            self.publish(kind)

    def close(self) -> None:
        for kind, rows in self.rows.items():
            if rows:
                self.publish(kind)

    def publish(self, kind: Kind) -> None:
        name = shard_name(run=1, writer=0, number=self.numbers[kind])
        with whole_file(self.folder / TABLES[kind].folder / name) as written:
            self.write(written, TABLES[kind].schema, self.rows[kind])
        self.numbers[kind] += 1
        self.rows[kind] = []


def _rows(seed: int, count: int) -> Iterator[tuple[Kind, Row]]:
    """Without end, the clips of one source after the other."""
    drawn = [(type(outcome), to_row(outcome)) for outcome in draw_clips(count, seed=seed)]
    drawing = random.Random(seed)
    whole = _in_turns(drawn, drawing)
    shots = _in_turns([each for each in drawn if _stage(each[1]) not in _BEFORE_THE_SPLIT], drawing)
    words = sorted(word for some in sections().values() for word in some if word.isalpha())
    number = 0
    while True:
        source = blake2b(f"{seed} {number}".encode(), digest_size=16).hexdigest()
        number += 1
        clips = drawing.randint(2, 6) if drawing.random() < _SPLIT_SHARE else 1
        for shot in range(1, clips + 1):
            kind, row = next(shots if clips > 1 else whole)
            yield kind, _as_clip(row, source, shot, clips, drawing, words)


def _in_turns(drawn: list[tuple[Kind, Row]], drawing: random.Random) -> Iterator[tuple[Kind, Row]]:
    """All before any again, so that no shard has one twice."""
    while True:
        yield from drawing.sample(drawn, len(drawn))


def _stage(row: Row) -> str | None:
    stage: str | None = row.get("stage")
    return stage


def _as_clip(row: Row, source: str, shot: int, clips: int, drawing: random.Random, words: list[str]) -> Row:
    is_shot = clips > 1
    start_s = drawing.randrange(6_000) / 10
    changed: dict[str, Any] = {
        "clip_id": f"{source}-shot{shot}" if is_shot else source,
        "source": {
            "id": source,
            "uri": f"s3://videos/{source[:2]}/{source}.mp4",
            "start_s": start_s if is_shot else None,
            "end_s": start_s + (row.get("media") or {"duration_s": 2.0})["duration_s"] if is_shot else None,
            "num_clips": clips,
        },
    }
    if "caption" in row:
        caption = row["caption"]
        longer = drawing.choices(words, k=drawing.randint(0, _MOST_WORDS - caption.count(" ") - 1))
        changed["caption"] = " ".join((caption.removesuffix("."), *longer)) + "."
        changed["scores"] = _varied(row["scores"], clips if is_shot else None, drawing)
    return row | changed


def _varied(scores: Row, clips: int | None, drawing: random.Random) -> Row:
    """Other numbers with the same first two decimals, in the same order: what the rules say holds for them too."""
    more = drawing.random() * 0.0049
    varied = {
        name: value + more if name in SHARE_SCORES and value and value < 1 else value for name, value in scores.items()
    }
    return varied if clips is None else varied | {"shots": float(clips)}


def main() -> None:
    """Generate one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    generate(arguments.folder, rows=arguments.rows, seed=arguments.seed)


if __name__ == "__main__":
    main()
