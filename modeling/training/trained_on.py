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
        fingerprint: of what the run sees of them (`modeling.data.survey`).
    """

    dataset: str
    clips: int
    fingerprint: str

    @classmethod
    def of(cls, dataset: Place, found: Survey) -> "TrainedOn":
        """The data that was surveyed."""
        return cls(dataset=str(dataset), clips=found.clips, fingerprint=found.fingerprint)

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
