"""The flat index of a dataset: one row for every clip of its three tables, and no picture or video.

`columns.py` says what a row holds, `derivation.py` makes rows of a shard, `parts.py` keeps them in `DATASET/index/`,
`index.py` reads them, `refreshing.py` writes what is missing. The shards alone are the truth: an index is only ever
derived from them, and wherever it does not fit them its rows are derived again.
"""

from dataset_schema.index.columns import INDEX_SCHEMA, Outcome
from dataset_schema.index.index import Index, open_index
from dataset_schema.index.refreshing import refresh_index

__all__ = ["INDEX_SCHEMA", "Index", "Outcome", "open_index", "refresh_index"]
