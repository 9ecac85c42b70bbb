"""The formats, one file each; `every_format.py` lists them."""
