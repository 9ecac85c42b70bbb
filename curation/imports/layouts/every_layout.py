"""The layouts by name."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from curation.imports.foreign import Layout
from curation.imports.layouts.msrvtt_personalization import MsrvttPersonalization
from curation.imports.layouts.opens2v import OpenS2V
from curation.imports.layouts.phantom import PhantomData

LayoutName: TypeAlias = Literal["opens2v", "phantom", "msrvtt-personalization"]

LAYOUTS: Final[Mapping[LayoutName, Layout]] = {
    "opens2v": OpenS2V(),
    "phantom": PhantomData(),
    "msrvtt-personalization": MsrvttPersonalization(),
}
