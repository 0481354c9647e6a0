"""A webhook call becomes a row, and calls that wait together a piece of background work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend_ml import events, lanes
from backend_ml.settings import Settings
from projects.kit import database, logs
from projects.kit.database import Sessions, transaction
from projects.kit.engine import Acceptor

log = logs.get(__name__)


class Inbox:
    """Records each call once and has it handled later, by the worker."""

    def __init__(self, settings: Settings, sessions: Sessions, acceptor: Acceptor) -> None:
        self._settings = settings
        self._sessions = sessions
        self._acceptor = acceptor

    def take(self, body: Mapping[str, Any]) -> str | None:
        """The key under which the call is recorded; ``None`` for what we do not use.

        Raises
        ------
        BadInput
            When an action that we use carries something of the wrong type.
        """
        project_id = events.project_of(body)
        kind = None if project_id is None else self._settings.kind_of(project_id)
        heard = None if kind is None else events.read(body, kind)
        if heard is None:
            log.info("event.ignored", project=project_id)
            return None
        with transaction(self._sessions) as session:
            is_new = events.record_once(session, heard, now=database.now())
            if is_new and not events.will_be_seen(session, heard):
                self._acceptor.accept(
                    session,
                    lanes.EVENTS,
                    lanes.DIGEST,
                    heard.project_id,
                    key=heard.key,
                    lane_key=str(heard.project_id),
                )
        return heard.key
