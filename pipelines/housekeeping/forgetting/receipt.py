"""What is said of a forgetting afterwards: what went, by ids and hashes, and that nothing of it is left."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from curation.opt_outs import digest_of
from pipelines.housekeeping.forgetting.plan import Plan
from pipelines.housekeeping.forgetting.proof import Proof
from storage.address import Place
from storage.whole_files import write_whole_text

_VERSION: Final = 1


def new_receipt(dataset: Place) -> Place:
    """Where the next receipt of a dataset lies: beside it, since no id of what is forgotten may stand in it."""
    whole = dataset.absolute()
    number = 1
    while (path := whole.with_name(f"{whole.name}.forgotten-{number:04d}.json")).exists():
        number += 1
    return path


def write_receipt(path: Place, dataset: Place, dataset_id: str, plan: Plan, proof: Proof) -> dict[str, Any]:
    """Write it, and give what it says: ids and hashes, and no word, picture, address or name."""
    content = {
        "version": _VERSION,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "dataset": str(dataset.absolute()),
        "dataset_id": dataset_id,
        "asked": {"by": plan.by, "sha256": plan.asked_sha256},
        "sources": [
            {
                "id": source.id,
                "uri_sha256": digest_of(source.uri),
                "content_sha256": source.content_sha256,
                "perceptual_hash": source.perceptual_hash,
            }
            for source in plan.sources
        ],
        "clips": [asdict(clip) for clip in plan.clips],
        "media": [{"sha256": each.sha256, "size_bytes": each.size_bytes} for each in plan.contents],
        "shards": list(plan.shards),
        "pictures_in_other_clips": dict(plan.pictures),
        "cache_entries": dict(plan.cached),
        "contact_sheets": list(plan.sheets),
        "exports": [
            {"folder": part.folder, "clips": list(part.clips), "files": [each.sha256 for each in part.files]}
            for part in plan.exports
        ],
        "opt_out": {kind: len(values) for kind, values in plan.opt_outs.items()},
        "proof": asdict(proof),
    }
    write_whole_text(path, json.dumps(content, indent=2) + "\n")
    return content
