"""The network: its parts, what it is told, what it weighs and costs (3.2, B.1); knows nothing of data or training."""
