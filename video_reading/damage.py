"""What is wrong with a clip that still decodes, as a sentence. A damaged file is flagged, not shortened in silence."""

from typing import Final

from dataset_schema import MediaFacts
from video_reading.shown_frames import Trouble
from video_reading.timeline import Timeline

# These codecs put one shown frame into every packet. Others have packets that show nothing (VP8, MPEG-4 in AVI).
_FRAME_PER_PACKET: Final = frozenset({"h264", "hevc", "av1", "vp9", "mjpeg", "prores", "vvc", "ffv1"})
# MP4 lists every frame. Others guess, or count repeated frames too (AVI).
_COUNTS_FRAMES: Final = "mov,mp4"
# The container's duration is rounded, and sound may end a little later than the last packet says.
_DURATION_TOLERANCE_S: Final = 1.0
_DURATION_TOLERANCE: Final = 0.02


def describe_damage(media: MediaFacts, timeline: Timeline, trouble: Trouble, *, is_whole: bool) -> str | None:
    """All that is wrong, or None for a sound clip.

    The container's figures are about the clip only if it is the whole video (`is_whole`).
    """
    findings = [
        *(_of_the_file(media.container, timeline) if is_whole else []),
        *_of_the_frames(media, timeline, trouble),
    ]
    return "; ".join(findings) or None


def _of_the_file(container: str, timeline: Timeline) -> list[str]:
    findings = []
    declared, read_s = timeline.declared_end_s, timeline.read_end_s
    if declared is not None and read_s is not None:
        tolerance_s = max(_DURATION_TOLERANCE_S, _DURATION_TOLERANCE * declared)
        if read_s + tolerance_s < declared:
            findings.append(f"the file ends at {read_s:.2f} s of the {declared:.2f} s that its header declares")
    if container.startswith(_COUNTS_FRAMES) and timeline.packets < (timeline.declared_frames or 0):
        findings.append(
            f"only {timeline.packets} of the {timeline.declared_frames} frames that its header declares are in the file"
        )
    return findings


def _of_the_frames(media: MediaFacts, timeline: Timeline, trouble: Trouble) -> list[str]:
    expected, decoded = len(timeline.times_s), media.decoded_frames
    lacks_frames = decoded < expected and (media.codec in _FRAME_PER_PACKET or trouble.refused > 0)
    sizes = ", ".join(f"{width}x{height}" for height, width in trouble.sizes[:4])
    first = trouble.messages[0] if trouble.messages else ""
    counts = {
        f"frames that cannot be decoded, of {expected}": expected - decoded if lacks_frames else 0,
        "packets cut off": timeline.cut_off,
        "packets that are not valid": trouble.refused,
        "frames that the decoder flags as corrupt": trouble.corrupt,
        "frames with a time not later than the frame before": trouble.backwards,
        f"changes of the frame size ({sizes} ...)": max(0, len(trouble.sizes) - 1),
        f"errors reported by the decoder (the first: {first})": len(trouble.messages),
    }
    endings = dict.fromkeys(text for text in (timeline.trouble, trouble.ended_early) if text)
    return [f"{what}: {count}" for what, count in counts.items() if count] + list(endings)
