"""How a picture is shown: which way up, in which colors, what of it is transparent. A leaf.

Whatever shows a picture, or gives it to a model, opens it by `opening.py`: the command line, the library, training and
the contact sheets. `showing.py` makes 8-bit RGBA of what was decoded, `color_profiles.py` turns its colors into sRGB.
"""
