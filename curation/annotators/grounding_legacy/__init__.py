"""The same locator with the packages `groundingdino-py` and `segment-anything` (docs/decisions/0008)."""
