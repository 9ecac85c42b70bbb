"""The objects below an address, as the files of a folder: one listing, of which nothing but names is remembered."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from curation.sources.folder_content import TELLING_NAMES, FolderContent, by_parts, is_written
from storage.address import Address, Place


def list_prefix(folder: Address, *, output: Place | None) -> FolderContent:
    """Look through what lies below an address; `output` is left out where it lies inside, whatever it holds.

    Raises:
        OSError: the store does not list it.
    """
    start = len(folder.key) + 1 if folder.key else 0
    paths = [key[start:] for key in folder.bucket.sizes_below(folder.key)]
    written = _written(folder, paths)
    if isinstance(output, Address) and output.url.startswith(f"{folder}/"):
        written.add(output.url.removeprefix(f"{folder}/"))
    content, left_out, folders = FolderContent(), set[str](), set[str]()
    for path in filter(_is_visible, paths):
        above = list(_folders(path))
        folders.update(above)
        if outermost := next((place for place in above if place in written), None):
            left_out.add(outermost)
        else:
            content.files.append(path)
    # Programs that show a store as folders mark each by an object of its name.
    content.files = sorted((path for path in content.files if path not in folders), key=by_parts)
    content.left_out = [""] if "" in written else sorted(left_out)
    return content


def _written(folder: Address, paths: Iterable[str]) -> set[str]:
    """The folders that an earlier command wrote."""
    telling: defaultdict[str, set[str]] = defaultdict(set)  # folder -> names in it
    for path in paths:
        parts = path.split("/")
        for depth, name in enumerate(parts):
            if name in TELLING_NAMES:
                telling["/".join(parts[:depth])].add(name)
    return {place for place, names in telling.items() if is_written(folder / place if place else folder, names)}


def _folders(path: str) -> Iterator[str]:
    """Those that it lies in, from the outermost on."""
    parts = path.split("/")[:-1]
    return ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))


def _is_visible(path: str) -> bool:
    return not path.startswith(".") and "/." not in path
