"""What is raised where a file cannot be shown."""

from dataset_schema import FailureKind


class VideoError(Exception):
    """A file is no video, cannot be read, or does not have what was asked for.

    Args:
        kind: what sort of trouble, as far as it matters for trying again.
        message: what was found, what was expected, what to do next; whoever knows the file's name puts it in front.
    """

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
