"""What users install holds what the product reads."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_wheel_carries_every_file_of_the_packages(tmp_path: Path) -> None:
    wheel_settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    carried = set(zipfile.ZipFile(wheel).namelist())

    tracked = ["git", "ls-files", "-z", "--", *wheel_settings["packages"]]
    listing = subprocess.run(tracked, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    files = {name for name in listing.split("\0") if name and (ROOT / name).is_file()}
    assert files - carried == set()
    assert any(name.endswith(".html.j2") for name in carried)
