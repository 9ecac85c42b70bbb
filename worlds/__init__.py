"""Drawn worlds, for demos, proofs, benchmarks, tests, and for training the content filter.

Two, which know nothing of each other: `sprites` knows the truth about every pixel that it draws, `filmed` looks like
footage and knows only its class. Beside them lies what both draw with: `chances`, `fields`, `affine`, `arrays`.
"""
