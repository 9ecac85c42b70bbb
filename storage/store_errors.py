"""What a store says, as the errors of files: what happened, and what to do.

Only its status and its code are told. The rest of what a store or the library says can hold keys and tokens.
"""

import errno
import os
import re
from typing import Final
from urllib.parse import urlsplit

_STATUS: Final = re.compile(r"status code: (\d+)")
_CODE: Final = re.compile(r"<Code>(\w+)</Code>")

# Where the library looks for the role of a machine in the cloud, after it found no key.
_ROLE_OF_MACHINE: Final = ("169.254.169.254", "169.254.170.2", "metadata.google.internal")

_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")

_BY_CODE: Final = {
    "NoSuchBucket": (errno.ENOENT, "there is no such bucket; make it, or correct its name"),
    "RequestTimeTooSkewed": (
        errno.EACCES,
        "the clock of this machine differs too much from that of the store; set it (by NTP), and try again",
    ),
    "InvalidAccessKeyId": (errno.EACCES, "the store does not know the key in AWS_ACCESS_KEY_ID; correct it"),
    "SignatureDoesNotMatch": (
        errno.EACCES,
        "AWS_SECRET_ACCESS_KEY is not the secret of the key in AWS_ACCESS_KEY_ID; correct it",
    ),
    "ExpiredToken": (errno.EACCES, "the session in AWS_SESSION_TOKEN has ended; get a new one"),
    "AuthorizationHeaderMalformed": (errno.EINVAL, "the bucket lies in another region; set AWS_REGION"),
    "PermanentRedirect": (errno.EINVAL, "the bucket lies in another region; set AWS_REGION"),
    "InvalidBucketName": (errno.EINVAL, "the store takes no bucket of this name; correct it"),
}
_NOT_ALLOWED: Final = (
    errno.EACCES,
    "the credentials in the environment do not allow this; grant them to read, write, list and delete here",
)
_NOT_ACCEPTED: Final = (
    errno.EACCES,
    "the store does not accept the credentials in the environment; correct them",
)
_BY_TYPE: Final = {
    "FileNotFoundError": (errno.ENOENT, "there is no such object"),
    "PermissionDeniedError": _NOT_ALLOWED,
    "UnauthenticatedError": _NOT_ACCEPTED,
    "AlreadyExistsError": (errno.EEXIST, "there is one already"),
    "PreconditionError": (errno.ESTALE, "the object was replaced or deleted by another process meanwhile"),
    "InvalidPathError": (
        errno.EINVAL,
        "there are objects here with empty parts, '.' or '..' in their keys; rename or delete them",
    ),
    "NotSupportedError": (errno.ENOTSUP, "the server cannot do this (ranges, lists or conditional puts); use another"),
    "NotImplementedError": (errno.ENOTSUP, "the server cannot do this; use another"),
}

# Of a list that is refused the library tells no type.
_BY_STATUS: Final = {401: _NOT_ACCEPTED, 403: _NOT_ALLOWED}


def is_worth_another_try(error: Exception) -> bool:
    """Whether the store, or the line to it, may do better in a moment: it answered nothing, in part, or 429 or 5xx."""
    if type(error).__name__ != "GenericError" or _asks_for_role(str(error)):
        return False
    status = _status(error)
    return status is None or status == 429 or status >= 500 or _code(error) == "RequestTimeout"


def told(error: Exception, *, where: str, waited_s: float) -> OSError:
    """The error to raise: of the type that a file's would have, with a sentence."""
    status, code = _status(error), _code(error)
    if _asks_for_role(str(error)):
        number, sentence = (
            errno.EACCES,
            "the environment holds no credentials; set AWS_ACCESS_KEY_ID and its like",
        )
    elif code in _BY_CODE:
        number, sentence = _BY_CODE[code]
    elif type(error).__name__ in _BY_TYPE:
        number, sentence = _BY_TYPE[type(error).__name__]
    elif status in _BY_STATUS:
        number, sentence = _BY_STATUS[status]
    elif status is None:
        number = errno.ECONNREFUSED
        sentence = f"{_server(where)} cannot be reached, tried for {waited_s:.0f} s; see that it is up, and its address"
    elif is_worth_another_try(error):
        number = errno.EBUSY
        sentence = f"the store refuses requests ({_said(status, code)}), tried for {waited_s:.0f} s; try again later"
    else:
        number, sentence = errno.EPROTO, f"the store answered {_said(status, code)}, which nobody can act on here"
    return OSError(number, sentence, where)


def no_fork(where: str) -> RuntimeError:
    """The error of a process that cannot ask."""
    return RuntimeError(
        f"{where} cannot be asked for in a process forked from one that asked a store before; start it by spawn"
    )


def no_such_settings(where: str) -> OSError:
    """The error of an environment that no store can be opened with."""
    return OSError(
        errno.EINVAL,
        "the environment lacks what this store needs (an account), or its endpoint is no plain URL",
        where,
    )


def _server(where: str) -> str:
    """The store's own address."""
    if where.startswith("http"):
        return f"the server {urlsplit(where).netloc}"
    named = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), "")
    return f"the store at {urlsplit(named).netloc}" if where.startswith("s3:") and named else "the store"


def _said(status: int, code: str | None) -> str:
    return f"{status} {code}" if code else str(status)


def _status(error: Exception) -> int | None:
    found = _STATUS.search(str(error))
    return int(found[1]) if found else None


def _code(error: Exception) -> str | None:
    found = _CODE.search(str(error))
    return found[1] if found else None


def _asks_for_role(text: str) -> bool:
    return any(host in text for host in _ROLE_OF_MACHINE)
