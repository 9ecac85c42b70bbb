"""What holds for every test."""

from importlib.util import find_spec

# The environment of the older packages (tests/legacy) has no hypothesis.
if find_spec("hypothesis"):
    from hypothesis import settings

    # How long an example takes depends on the machine and on what else it does: no test is about that.
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")
