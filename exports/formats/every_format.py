"""Every format by its name."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from exports.form import Format
from exports.formats.ai_toolkit import AiToolkit
from exports.formats.coco import Coco
from exports.formats.diffsynth_h3 import DiffSynthH3
from exports.formats.diffsynth_wan import DiffSynthFun, DiffSynthVace
from exports.formats.label_studio import LabelStudio
from exports.formats.ltx2 import Ltx2, Ltx2Numbered
from exports.formats.musubi import Musubi
from exports.formats.opens2v import OpenS2V
from exports.formats.phantom import Phantom
from exports.formats.plain import Plain
from exports.formats.videox_fun import VideoXFun
from exports.formats.webdataset import WebDataset
from exports.formats.youtube_vis import YoutubeVis


class FormatName(StrEnum):
    """As `--to` takes it."""

    MUSUBI = "musubi"
    DIFFSYNTH_H3 = "diffsynth-h3"
    DIFFSYNTH_VACE = "diffsynth-vace"
    DIFFSYNTH_FUN = "diffsynth-fun"
    LTX2 = "ltx2"
    LTX2_NUMBERED = "ltx2-numbered"
    AI_TOOLKIT = "ai-toolkit"
    PLAIN = "plain"
    VIDEOX_FUN = "videox-fun"
    WEBDATASET = "webdataset"
    OPENS2V = "opens2v"
    YOUTUBE_VIS = "youtube-vis"
    COCO = "coco"
    LABEL_STUDIO = "label-studio"
    PHANTOM = "phantom"


FORMATS: Final[Mapping[FormatName, Format]] = MappingProxyType(
    {
        FormatName(form.name): form
        for form in (
            Musubi(),
            DiffSynthH3(),
            DiffSynthVace(),
            DiffSynthFun(),
            Ltx2(),
            Ltx2Numbered(),
            AiToolkit(),
            Plain(),
            VideoXFun(),
            WebDataset(),
            OpenS2V(),
            YoutubeVis(),
            Coco(),
            LabelStudio(),
            Phantom(),
        )
    }
)
