"""How a video file is shown: which stream, which frame when, which way up, in which colors and proportions. A leaf.

Curation cuts its reference images out of what is shown here, and modeling trains on it: both by the same rules.
`part.py` says what is asked for, and `clip.py` is the door: `opening.py` finds the stream, `packets.py` and
`timeline.py` find out when its frames are shown, `shown_frames.py` decodes them, `chosen_frames.py` some of them.
`look.py` paints a frame upright,
`constant_pace.py` a whole clip in one size. `media_facts.py` says what was found, `damage.py` what was wrong with the
file on the way.
"""
