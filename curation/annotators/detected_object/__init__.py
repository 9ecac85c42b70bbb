"""The things that words name by a detector of fixed classes, and their outlines in its boxes."""
