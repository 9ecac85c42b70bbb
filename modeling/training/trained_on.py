"""Which data a run trains on: remembered in its checkpoints, so that it does not go on with other data unnoticed."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from modeling.data.survey import Survey
from storage.address import Place
from storage.configs import read_config, write_config

_NAME: Final = "data.json"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedOn:
    """The dataset of a run.

    Attributes:
        dataset: where it lay; it may move. An address holds no credentials.
        clips: that fill a bucket of the run.
        fingerprint: of what is said of them (`modeling.data.survey`).
        held_out_share: of their videos, that the run does not see.
    """

    dataset: str
    clips: int
    fingerprint: str
    held_out_share: float = 0.0

    @classmethod
    def of(cls, dataset: Place, found: Survey, *, held_out_share: float) -> "TrainedOn":
        """The data that was surveyed."""
        return cls(
            dataset=str(dataset), clips=found.clips, fingerprint=found.fingerprint, held_out_share=held_out_share
        )

    @staticmethod
    def held_out_share_of(checkpoint: Path) -> float:
        """What the run of a checkpoint holds out; nothing, where that is not said."""
        path = checkpoint / _NAME
        return read_config(path, TrainedOn).held_out_share if path.is_file() else 0.0

    def write(self, checkpoint: Path) -> None:
        """Write it into the folder of a checkpoint."""
        write_config(checkpoint / _NAME, self)

    def expect_same(self, checkpoint: Path) -> None:
        """Refuse a checkpoint of a run on other data; one from before they were remembered passes with a warning.

        Raises:
            ValueError: it is one.
        """
        if not (checkpoint / _NAME).is_file():
            _logger.warning(
                "checkpoint %s does not say what it was trained on; going on with %s", checkpoint, self.dataset
            )
            return
        found = read_config(checkpoint / _NAME, TrainedOn)
        if found.fingerprint != self.fingerprint:
            raise ValueError(
                f"checkpoint {checkpoint} was trained on {found._described()}, and this is {self._described()}; if it "
                "is to go on with that (the dataset has grown, say), set training.accepts_other_data "
                "(--run.training.accepts-other-data); otherwise name the former data, or start in an empty directory"
            )

    def _described(self) -> str:
        return f"{self.clips} clips of {self.dataset} (fingerprint {self.fingerprint[:8]})"
