"""One process holds a data folder; a second is told who; the dead hold nothing."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.embedded.folder import DataFolder, FolderHeldError, private_folder
from domain.errors import RejectedError

HOLD = """
import sys, pathlib
from adapters.embedded.folder import DataFolder
with DataFolder(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold_elsewhere(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=10)


def test_a_second_process_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    other = hold_elsewhere(tmp_path / "data")
    with pytest.raises(FolderHeldError) as refusal:
        DataFolder(tmp_path / "data").hold()
    end(other)
    assert refusal.value.holder is not None
    assert refusal.value.holder.pid == other.pid
    assert str(other.pid) in str(refusal.value)
    assert refusal.value.holder.host in str(refusal.value)


def test_a_dead_holder_leaves_no_lock(tmp_path: Path) -> None:
    other = hold_elsewhere(tmp_path / "data")
    assert DataFolder(tmp_path / "data").holder() is not None
    other.send_signal(signal.SIGKILL)
    end(other)
    assert DataFolder(tmp_path / "data").holder() is None
    with DataFolder(tmp_path / "data") as folder:
        holder = folder.holder()
        assert holder is not None
        assert holder.pid == os.getpid()


def test_looking_at_the_holder_takes_nothing_from_it(tmp_path: Path) -> None:
    with DataFolder(tmp_path / "data") as folder:
        assert DataFolder(folder.path).holder() == folder.holder()
        with pytest.raises(FolderHeldError):
            DataFolder(folder.path).hold()
        folder.hold()
    assert DataFolder(tmp_path / "data").holder() is None


def test_an_unreadable_name_of_the_holder_is_no_obstacle(tmp_path: Path) -> None:
    with DataFolder(tmp_path / "data") as folder:
        (folder.path / "lock").write_text("{")
        with pytest.raises(FolderHeldError, match="another process"):
            DataFolder(folder.path).hold()


def test_the_folder_and_its_parts_are_for_their_owner_alone(tmp_path: Path) -> None:
    with DataFolder(tmp_path / "deep" / "data") as folder:
        paths = [folder.path, folder.subfolder("keys"), folder.socket_folder("redis"), folder.path / "lock"]
        assert [path.stat().st_mode & 0o077 for path in paths] == [0, 0, 0, 0]
        assert json.loads((folder.path / "lock").read_bytes())["pid"] == os.getpid()


def test_a_folder_that_others_could_write_to_is_tightened(tmp_path: Path) -> None:
    loose = tmp_path / "loose"
    loose.mkdir()
    loose.chmod(0o777)
    assert private_folder(loose).stat().st_mode & 0o066 == 0


def test_a_link_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(RejectedError, match="link"):
        private_folder(tmp_path / "link")


def test_sockets_of_a_long_path_lie_in_a_short_one_that_stays_the_same(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 60) / ("y" * 60)
    with DataFolder(long) as folder:
        sockets = folder.socket_folder("postgres")
        assert len(str(sockets)) < 60
        assert sockets == folder.socket_folder("postgres") != folder.socket_folder("redis")
        assert sockets.stat().st_mode & 0o077 == 0
        sockets.rmdir()
        folder.socket_folder("redis").rmdir()
