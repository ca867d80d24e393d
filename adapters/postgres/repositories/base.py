"""What all repositories are: queries over a session."""

from adapters.postgres.session import Session


class Repository:
    """Holds the session. Repositories are made anew for each transaction and keep nothing."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session
