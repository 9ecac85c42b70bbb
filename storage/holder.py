"""Who holds a lock, in the words of the next one who wants it."""

import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A process that took a lock.

    Attributes:
        token: tells this taking from every other.
        renewals: since then.
        is_done: the lock was given back, and is free.
    """

    host: str
    pid: int
    since: str
    token: str
    renewals: int = 0
    is_done: bool = False

    @classmethod
    def this_process(cls) -> Self:
        """Its next taking."""
        return cls(
            host=socket.gethostname(),
            pid=os.getpid(),
            since=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
            token=uuid.uuid4().hex,
        )

    @classmethod
    def of_text(cls, text: bytes) -> Self | None:
        """What `to_text` wrote; None where nobody did."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None

    def to_text(self) -> bytes:
        """One line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"
