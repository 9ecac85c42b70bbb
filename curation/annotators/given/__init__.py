"""Words and masks that came with a clip, in the places of the networks that would look for them."""
