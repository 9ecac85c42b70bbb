"""The dataset browser: pages over a dataset's index, served to a browser of the same machine.

`opened.py` holds the dataset as it is now, `clip_query.py` what is asked for, `clip_table.py` which clips answer it,
`media.py` their bytes in the shards, `stored_clip.py` what a shard says of one, `guard.py` who may ask at all, `app.py`
which address shows which page. It writes nothing.
"""
