"""Pictures laid over a video: found by their borders, which stand still in the frame (A.1, screen in screen)."""
