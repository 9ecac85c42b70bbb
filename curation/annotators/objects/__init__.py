"""Objects of a fixed list of classes: where they are in a picture, and how surely."""
