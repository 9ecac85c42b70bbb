"""Whether everything in a dataset is as it should be.

`media.py` looks at one video or picture, `rows.py` at one row, `shard.py` at one file, in a process of its own,
`whole.py` at what only the tables together show; `findings.py` says what they report, and `validate.py` asks them all.
"""
