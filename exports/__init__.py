"""A curated dataset in the form that another trainer reads: one core, and one file for each format.

`export.py` is the door. Of every row of the dataset it is decided first what becomes of it: `cutting.py` finds the
frames that fit the trainer's grid (`grids.py`), `binding.py` the pictures and the words that name them. What no reader
would take is refused with a reason, and told before anything is written. Then `rendering.py` makes the files of a clip
(`encoding.py`, `sound.py`, `pictures.py`), `ledger.py` keeps what is finished, so that a killed export goes on, and the
format in `formats/` writes what its trainer opens first.
"""
