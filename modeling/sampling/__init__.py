"""Rectified flow, guidance, and the pipeline from a prompt and reference images to a video (3.2, B.3)."""
