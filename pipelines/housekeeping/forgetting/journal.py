"""What a forgetting that was begun will do, kept in the dataset until all is done: after a kill it goes on from there.

Once the rows are gone nothing else knows which entries of a cache or an export were made of them.
"""

import json
from typing import Final

from pipelines.housekeeping.forgetting.plan import Plan
from storage.address import Place
from storage.configs import from_plain, to_plain
from storage.whole_files import write_whole_text

JOURNAL_NAME: Final = ".forgetting.json"


def begin(dataset: Place, plan: Plan) -> None:
    """Note what will be done."""
    write_whole_text(dataset / JOURNAL_NAME, json.dumps(to_plain(plan), ensure_ascii=False) + "\n")


def begun(dataset: Place) -> Plan | None:
    """What was begun and is not at its end; None where nothing is.

    Raises:
        ValueError: it cannot be understood.
    """
    path = dataset / JOURNAL_NAME
    if not path.is_file():
        return None
    try:
        return from_plain(Plan, json.loads(path.read_bytes()))
    except ValueError as error:
        raise ValueError(
            f"{path} is not what `forget` writes ({error}); delete it, and ask again for what was to be forgotten"
        ) from error


def end(dataset: Place) -> None:
    """Forget what was done, too."""
    (dataset / JOURNAL_NAME).unlink(missing_ok=True)
