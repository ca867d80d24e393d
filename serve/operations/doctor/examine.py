"""Everything that is looked at, in the order in which a start needs it."""

from adapters.embedded.folder import DataFolder
from adapters.settings import Settings
from serve.operations.doctor import machine
from serve.operations.doctor.finding import Finding
from serve.operations.doctor.folder import folder
from serve.operations.doctor.services import services


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything; changes nothing."""
    runs = settings.data_dir.exists() and DataFolder(settings.data_dir).holder() is not None
    found = [machine.python(), machine.root(settings), *folder(settings.data_dir)]
    if not runs:
        found.append(machine.memory())
    found += [machine.shared_memory(), machine.open_files()]
    found += [*machine.ports(settings, runs=runs), *machine.programs(settings)]
    return found + [finding async for finding in services(settings, runs=runs)]
