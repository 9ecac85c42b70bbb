"""One file for each layout of a foreign dataset."""
