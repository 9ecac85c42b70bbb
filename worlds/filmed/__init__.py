"""Clips that look filmed or recorded, one kind for each class of the content filter (A.1).

For training and measuring what must work on footage at large: no clip is like another, each follows from the generator
it is drawn with, and nothing is known of it but its kind. Where every pixel's truth is asked for, see `worlds.sprites`.

A film is made of a scene (`subjects.py`, `scenes.py`) before a camera (`camera.py`), or of a screen (`desktop.py`,
`widgets.py`); `degradation.py` then does what editors and codecs do.
"""

from worlds.filmed.degradation import add_editing, compress
from worlds.filmed.desktop import film_screen_recording
from worlds.filmed.footage import film_desirable, film_slight_motion, film_still_image
from worlds.filmed.insets import film_screen_in_screen

__all__ = [
    "add_editing",
    "compress",
    "film_desirable",
    "film_screen_in_screen",
    "film_screen_recording",
    "film_slight_motion",
    "film_still_image",
]
