"""Puts the built portal into the wheel, where `make portal` has built it."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PortalHook(BuildHookInterface[Any]):
    """The gateway looks for the portal beside itself first, then in ``web/dist`` of a checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files, save to an editable install, which finds them where they are built."""
        built = Path(self.root, "web", "dist")
        if version == "standard" and (built / "index.html").is_file():
            build_data["force_include"][str(built)] = "serve/portal"
