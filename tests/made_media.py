"""Media facts of a sound file, for records that a test makes up."""

from dataset_schema import MediaFacts


def media_facts(*, width: int = 640, height: int = 360, frames: int = 48, fps: float = 24.0) -> MediaFacts:
    return MediaFacts(
        container="mov,mp4",
        codec="h264",
        width=width,
        height=height,
        declared_frames=frames,
        decoded_frames=frames,
        duration_s=frames / fps,
        fps=fps,
        is_vfr=False,
        rotation_deg=0,
        sample_aspect_ratio=1.0,
        color_transfer=None,
        is_interlaced=False,
        has_audio=False,
    )
