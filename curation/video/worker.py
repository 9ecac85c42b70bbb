"""The supervised child: reads requests from its standard input, answers on its standard output, dies with its parent.

Started by `curation.video.child`, as `python -m curation.video.worker PARENT_PID MEMORY_BYTES TIMEOUT_S`.
"""

import faulthandler
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO

import av.error
import av.logging

from curation.orphan import end_with_parent
from curation.stage import ClipError
from curation.video.child_messages import Defect, Done, Lost, Ready, read_from, receive, send
from curation.video.cutting import cut
from curation.video.decoding import decode
from curation.video.loudness import listen
from curation.video.one_frame import grab_frame
from curation.video.requests import CutRequest, DecodeRequest, FrameRequest, ListenRequest
from dataset_schema import FailureKind
from video_reading.video_error import VideoError


def serve(answer: Callable[[Any], Any], *, parent: int, memory_bytes: int, timeout_s: float) -> None:
    """Answer requests until the parent closes the pipe.

    Args:
        answer: does the work; a `ClipError` or a `MemoryError` of it costs one request.
        parent: process id; when it is no longer our parent, this process ends within half a second.
        memory_bytes: limit on heap and anonymous maps. The kernel counts them at once (RLIMIT_DATA), so that an
            allocation too many fails inside the decoder instead of bringing the machine down. Files and libraries,
            which RLIMIT_AS would count, do not matter. Systems that ignore it (macOS) have only the timeout.
        timeout_s: the parent gives up on a request after this long. The alarm here only matters if the parent is gone
            and the decoder hangs so badly that no Python code runs; it needs none.
    """
    requests, answers = _take_over_pipes()
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    end_with_parent(parent)
    send(answers, Ready())
    while True:
        try:
            request = receive(partial(read_from, requests))
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_REAL, 2 * timeout_s)
        send(answers, _try(answer, request))
        signal.setitimer(signal.ITIMER_REAL, 0)


def answer_video_request(request: DecodeRequest | FrameRequest | CutRequest | ListenRequest) -> Any:
    """Decode all of it or one frame, cut or listen, whichever is asked.

    Raises:
        ClipError: the video is at fault; so it is whenever the decoding library gives up.
    """
    try:
        match request:
            case DecodeRequest():
                return decode(request)
            case FrameRequest():
                return grab_frame(request)
            case CutRequest():
                return cut(request)
            case ListenRequest():
                return listen(request)
    except VideoError as error:
        raise ClipError(error.kind, str(error)) from error
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError as error:
        raise ClipError(
            FailureKind.CORRUPT, f"the decoding library gives up ({error}); convert it, or leave it out"
        ) from error


def _try(answer: Callable[[Any], Any], request: Any) -> Done | Lost | Defect:
    try:
        return Done(answer(request))
    except ClipError as error:
        return Lost(error.kind, str(error))
    except MemoryError as error:
        return Lost(FailureKind.MEMORY, f"out of memory ({error or 'no detail'})")
    except Exception:  # noqa: BLE001  the parent raises it again, as a defect with this traceback
        return Defect(traceback.format_exc())


def _take_over_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep the two pipes for messages alone: whatever a library prints goes to standard error."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return requests, answers


def main() -> None:
    """Serve video requests with the limits given on the command line.

    What the decoder says becomes part of what is known of a video, however often it said the same of the one before.
    """
    parent, memory_bytes, timeout_s = sys.argv[1:]
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    serve(answer_video_request, parent=int(parent), memory_bytes=int(memory_bytes), timeout_s=float(timeout_s))


if __name__ == "__main__":
    main()
