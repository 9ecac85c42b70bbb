"""From the shards of a dataset to the batches of a training step (3.3, A.3, B.2)."""
