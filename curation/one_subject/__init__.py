"""Clips of one subject: which show it, by its pictures, and which pictures of it are the best to train with.

The paper takes every subject that a caption names (3.1); all here is ours. `pictures.py` reads what the subject looks
like, `finding.py` holds a curated clip against it, `rules.py` says what is left out, `choice.py` which pictures tell
the most, `coverage.py` what none of them shows.
"""
