"""Paints regions out of pictures (3.1)."""
