"""The jobs of the clock that are about what clusters cost."""

from actors.clock.clock import PeriodicJob
from actors.clock.schedule import Period
from actors.insight.fleets import FleetKeeper
from actors.services import Services

FIGURE_EVERY_S = 10.0
HOUR_S = 3_600.0
HOURS_CAUGHT_UP = 48
"""Hours of savings that are made up for after the platform was down; rates are kept for longer."""


def insight_jobs(services: Services) -> tuple[PeriodicJob, ...]:
    """Figures of all clusters, and savings by the hour."""
    keeper = FleetKeeper(services)
    return (
        PeriodicJob(name="reckon fleets", period=Period(every_s=FIGURE_EVERY_S), run=keeper.figure),
        PeriodicJob(
            name="savings by the hour",
            period=Period(every_s=HOUR_S, caught_up=HOURS_CAUGHT_UP),
            run=keeper.close_hour,
        ),
    )
