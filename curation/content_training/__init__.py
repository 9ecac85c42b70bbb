"""Teaches the content filter (A.1) from clips that are drawn, not collected: a generator per class, and training."""
