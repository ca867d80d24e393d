"""Folders of batch runs: what is done is kept, so that a killed run goes on where it stood."""

from adapters.runs.folder import RunFolder
from adapters.runs.manifest import Manifest, digest_of_files

__all__ = ["Manifest", "RunFolder", "digest_of_files"]
