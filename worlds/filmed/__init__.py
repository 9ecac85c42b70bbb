"""Clips that look filmed or recorded, one kind for each class of the content filter (A.1)."""
