"""What people and rollbacks decide about versions: which serves, and whether it is pinned.

The running processes go by the tables: a decision counts from the moment it is
committed, and the worker publishes it within seconds.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend_ml import model_store
from backend_ml.learners.base import ModelUnreadable
from backend_ml.tables import ProjectRow, VersionRow, hold
from backend_ml.workshop import Workshop
from projects.kit import logs
from projects.kit.database import transaction
from projects.kit.errors import PlatformError

log = logs.get(__name__)


class UnknownVersion(PlatformError):
    """There is no version of that name."""

    status = 404

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"There is no version {self.name!r}. 'understudy models list' shows them all."


class SeveralVersions(PlatformError):
    """Projects of the same kind have a version of that name."""

    status = 409

    def __init__(self, name: str, projects: tuple[int, ...]) -> None:
        super().__init__(name, projects)
        self.name = name
        self.projects = projects

    def __str__(self) -> str:
        which = " and ".join(str(one) for one in self.projects)
        return f"Projects {which} each have a version {self.name!r}; choose one with --project."


class VersionGone(PlatformError):
    """The version is known, but its model is not kept any more, or was never made."""

    status = 410

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"The model of {self.name} is not kept any more, so it cannot serve."


class NothingBefore(PlatformError):
    """No readable version served before the one that does."""

    status = 409

    def __init__(self, project_id: int) -> None:
        super().__init__(project_id)
        self.project_id = project_id

    def __str__(self) -> str:
        return f"Project {self.project_id} has no earlier version that served and is still kept."


def find(session: Session, name: str, *, project_id: int | None = None) -> VersionRow:
    """The version of that name; ``project_id`` is needed where several projects have it.

    Raises
    ------
    UnknownVersion, SeveralVersions
    """
    query = sa.select(VersionRow).where(VersionRow.name == name).order_by(VersionRow.project_id)
    if project_id is not None:
        query = query.where(VersionRow.project_id == project_id)
    found = session.scalars(query).all()
    if not found:
        raise UnknownVersion(name)
    if len(found) > 1:
        raise SeveralVersions(name, tuple(row.project_id for row in found))
    return found[0]


def promote(
    workshop: Workshop, name: str, *, pin: bool, why: str, project_id: int | None = None
) -> VersionRow:
    """Let a version serve because somebody says so; ``pin`` keeps it there.

    Raises
    ------
    UnknownVersion, SeveralVersions, VersionGone, ModelUnreadable
    """
    with workshop.reading() as session:
        version = find(session, name, project_id=project_id)
    check_usable(workshop, version)
    return serve(workshop, version, why=why, pin=True if pin else None)


def roll_back(workshop: Workshop, project_id: int, *, why: str) -> VersionRow:
    """Let the newest readable version serve that is older than the serving one.

    Raises
    ------
    NothingBefore
    """
    with workshop.reading() as session:
        before = earlier(session, project_id)
    for version in before:
        if is_usable(workshop, version):
            return serve(workshop, version, why=why)
    raise NothingBefore(project_id)


def unpin(workshop: Workshop, project_id: int) -> bool:
    """Let better versions serve again; False when none was kept from it."""
    with transaction(workshop.sessions) as session:
        hold(session, project_id)
        row = session.get(ProjectRow, project_id)
        if row is None or not row.pinned:
            return False
        row.pinned = False
    log.info("model.unpinned", project=project_id)
    return True


def serve(
    workshop: Workshop,
    version: VersionRow,
    *,
    why: str,
    pin: bool | None = None,
    instead_of: int | None = None,
    rolled_back: bool = False,
) -> VersionRow:
    """Make it the champion, in one transaction.

    ``instead_of`` is the id of the version that must still serve; when another one
    serves by now, nothing changes and the version comes back as it is.
    """
    now = workshop.clock()
    with transaction(workshop.sessions) as session:
        hold(session, version.project_id)
        row = session.get_one(VersionRow, version.id)
        serving = model_store.champion(session, version.project_id)
        if instead_of is not None and (serving is None or serving.id != instead_of):
            return row
        model_store.serve(session, row)
        row.reason = why
        project = project_row(session, version.project_id)
        if pin is not None:
            project.pinned = pin
        if rolled_back:
            project.rolled_back_at = now
        pinned = project.pinned
    log.info("model.chosen", project=row.project_id, version=row.name, pinned=pinned)
    return row


def project_row(session: Session, project_id: int) -> ProjectRow:
    """The row of a project, made when it is missing."""
    row = session.get(ProjectRow, project_id)
    if row is None:
        row = ProjectRow(project_id=project_id)
        session.add(row)
        session.flush()
    return row


def earlier(session: Session, project_id: int) -> list[VersionRow]:
    """The versions that served and are older than the serving one, newest first."""
    serving = model_store.champion(session, project_id)
    query = sa.select(VersionRow).where(
        VersionRow.project_id == project_id, VersionRow.state == model_store.RETIRED
    )
    if serving is not None:
        query = query.where(VersionRow.number < serving.number)
    return list(session.scalars(query.order_by(VersionRow.number.desc())))


def check_usable(workshop: Workshop, version: VersionRow) -> None:
    """Make sure that a version can serve; raises VersionGone or ModelUnreadable."""
    if not workshop.store.folder(version).is_dir():
        raise VersionGone(version.name)
    workshop.store.load(version, workshop.kind(version.project_id))


def is_usable(workshop: Workshop, version: VersionRow) -> bool:
    """Whether a version can serve."""
    try:
        check_usable(workshop, version)
    except (VersionGone, ModelUnreadable):
        return False
    return True
