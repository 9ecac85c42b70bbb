"""Shot detectors: where a video cuts from one shot to another (A.1)."""
