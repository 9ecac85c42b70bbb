"""The training loop and what goes with it: phases, optimizer, checkpoints, devices, costs (B.2, Table 6)."""
