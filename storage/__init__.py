"""What lies on disk and how it gets there: files whole or not at all, checkpoints, configs. A leaf below everything."""
