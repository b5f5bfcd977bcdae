"""Writes the vectors: `python -m tests.vectors.make`, into another folder with its path."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.vectors import (
    of_bodies,
    of_documents,
    of_entries,
    of_evidence,
    of_notes,
    of_operations,
    of_origins,
    of_requests,
    of_signatures,
    of_statements,
    of_trees,
    of_witness,
)
from tests.vectors.fixed import Case

FOLDER: Final = Path(__file__).parent

FILES: Final[dict[str, Callable[[], list[Case]]]] = {
    "signatures": of_signatures.signatures,
    "origins": of_origins.origins,
    "addresses": of_origins.addresses,
    "vkeys": of_notes.vkeys,
    "notes": of_notes.notes,
    "checkpoints": of_notes.checkpoints,
    "cosignatures": of_notes.cosignatures,
    "tile-paths": of_trees.tile_paths,
    "tiles": of_trees.tiles,
    "bundles": of_trees.bundles,
    "inclusion": of_trees.inclusion,
    "consistency": of_trees.consistency,
    "tlog-proofs": of_trees.tlog_proofs,
    "entries": of_entries.entries,
    "replay": of_entries.replay,
    "statements": of_statements.statements,
    "operations": of_operations.operations,
    "equivocations": of_evidence.equivocations,
    "in-force": of_documents.documents_in_force,
    "return-points": of_documents.return_points,
    "same-house": of_documents.houses,
    "missing-bodies": of_bodies.missing,
    "signed-requests": of_requests.signed_requests,
    "add-checkpoint": of_witness.requests,
    "body-answers": of_bodies.answers,
}


def render(name: str) -> str:
    """What the file of this name should hold."""
    return json.dumps({"cases": FILES[name]()}, indent=1, ensure_ascii=True) + "\n"


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.json"


def main(folder: Path = FOLDER) -> None:
    for name in FILES:
        (folder / path_of(name).name).write_text(render(name))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
