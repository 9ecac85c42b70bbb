"""Datasets as files: join several, compare two, make few shards of many, look whether everything is sound."""
