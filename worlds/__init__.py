"""Drawn worlds, with the truth about every frame: for demos, proofs, training the content filter, and tests. A leaf."""
