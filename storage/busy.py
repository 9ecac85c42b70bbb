"""What is in use by another process."""


class BusyError(RuntimeError):
    """Another process works on what was asked for: the same command can work later."""
