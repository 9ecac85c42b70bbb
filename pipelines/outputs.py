"""Where a command writes its result: made ready before the work, so that a wrong name costs none of it."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipelines.config import ConfigError
from storage.whole_files import whole_file


@contextmanager
def output_file(path: Path) -> Iterator[Path]:
    """A path to write the result to; at the end of the block it is put in place, after an error nothing has changed.

    Raises:
        ConfigError: no file can be written there.
    """
    with ExitStack() as stack:
        try:
            written = stack.enter_context(whole_file(path))
        except OSError as error:
            raise _refusal(path, "file", error) from error
        yield written


def output_folder(path: Path) -> Path:
    """The folder, made if need be, into which files can be written.

    Raises:
        ConfigError: it cannot be made, or nothing can be written into it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise _refusal(path, "folder", error) from error


def _refusal(path: Path, kind: str, error: OSError) -> ConfigError:
    found = f"cannot be written ({error.strerror})"
    if isinstance(error, IsADirectoryError):
        found = "is a folder"
    elif isinstance(error, NotADirectoryError | FileExistsError):
        places = (*reversed(path.absolute().parents), path.absolute())
        file = next((place for place in places if place.is_file()), None)
        if file is not None:
            found = "is a file" if file == places[-1] else f"lies below {file}, which is a file"
    return ConfigError(f"output {path} {found}; expected the name of a {kind} that can be written")
