"""Pretrained networks and rule sets that are only run, behind the protocols of `protocols.py`."""
