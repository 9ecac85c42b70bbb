"""Entry points: the commands, their configuration, the demo and the pictures that people look at."""
