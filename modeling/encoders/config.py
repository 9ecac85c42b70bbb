"""What builds the encoders: the two profiles of this library, or a class of the user's own."""

from typing import Any, ClassVar, Protocol, runtime_checkable

from modeling.encoders.geometry import LatentGeometry
from modeling.encoders.protocols import Encoders


@runtime_checkable
class EncodersConfig(Protocol):
    """A config of encoders: a frozen dataclass, `strict` if it is to be held to its types, with the members below.

    One whose text encoder makes a vector of each text, too (`TextTokens.pooled`), also has `pooled_channels`.

    Python hands over an object. Files name the class by its import path, `profile = "package.module:ClassName"`, and
    give its fields; so it stands at the top of a module that whoever reads the file can import.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def text_channels(self) -> int:
        """Of a text token."""
        ...

    @property
    def max_text_tokens(self) -> int:
        """Of a caption; later ones are cut off."""
        ...

    @property
    def image_channels(self) -> int:
        """Of a token of a reference image."""
        ...

    @property
    def image_tokens(self) -> int:
        """Of one reference image."""
        ...

    @property
    def latents(self) -> LatentGeometry:
        """What the autoencoder makes of a clip."""
        ...

    def build(self) -> Encoders:
        """The three encoders; nothing is loaded or downloaded before."""
        ...
