"""What to curate: a folder of videos, or a CSV, JSONL or Parquet manifest of (video, caption, optional span) (A.1).

The whole input is looked through before anything runs: where it is wrong as a whole, one `ValueError` says so. Then
every row comes out exactly once, in order: as a clip, or as a failure that says what is wrong with the row. Videos are
not opened here: a manifest may have millions of rows, and workers open them. docs/input.md says what is read and how.
"""

from curation.sources.config import SourcesConfig
from curation.sources.reading import Sources, read_sources
from curation.sources.records import clip_id_of

__all__ = ["Sources", "SourcesConfig", "clip_id_of", "read_sources"]
