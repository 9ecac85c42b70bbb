"""The content filter's network: desirable clips, and four undesirable kinds (A.1)."""
