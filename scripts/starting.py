"""The order in which the parts of one Understudy come up."""

from __future__ import annotations

import os
import threading

from projects.kit import logs
from projects.kit.errors import PlatformError
from projects.kit.label_studio import LabelStudioWriter
from scripts import backend, bootstrap, checking, prepared
from scripts.label_studio import use_write_ahead_log
from scripts.programs import House, trainers
from scripts.state import Options, read_json, write_json
from scripts.supervisor import Supervisor

LOOK_SECONDS = 10.0
"""Between two looks whether a model serves."""
log = logs.get(__name__)


def start(supervisor: Supervisor, house: House, options: Options) -> None:
    """Start every program in turn; ends early when the supervisor is told to stop."""
    checking.check(house, os.environ)
    for instance in (house.production, house.sandbox):
        prepared.begin_with(instance, supervisor.set_phase)
    supervisor.set_phase("starting two Label Studio servers")
    supervisor.start(house.label_studio(house.production, "production"))
    supervisor.start(house.label_studio(house.sandbox, "sandbox"))
    for instance in (house.production, house.sandbox):
        supervisor.wait_until_healthy(instance.name)
        use_write_ahead_log(instance)
    if supervisor.stopping.is_set():
        return
    supervisor.set_phase("preparing the projects")
    production = LabelStudioWriter(house.production.url, house.production.token)
    sandbox = LabelStudioWriter(house.sandbox.url, house.sandbox.token)
    projects = bootstrap.production_projects(production)
    bootstrap.sandbox_examples(sandbox)
    bootstrap.trainer_accounts(sandbox, house, trainers(os.environ))
    supervisor.set_phase("starting our own services")
    backend.remember(house.state, house.backend_environment(projects))
    for program in house.services(projects):
        supervisor.start(program)
    for program in house.services(projects):
        supervisor.wait_until_healthy(program.name)
    if supervisor.stopping.is_set():
        return
    supervisor.set_phase("connecting everything")
    bootstrap.connect(production, projects, house)
    _load_samples(supervisor, house, options, production, projects)
    _load_gold(supervisor, house)
    _follow_with_suggestions(supervisor, house)


def _load_samples(
    supervisor: Supervisor,
    house: House,
    options: Options,
    production: LabelStudioWriter,
    projects: dict[int, str],
) -> None:
    """Load the samples into an empty production once, also when killed half-way before."""
    marker = house.state.folder / "samples.json"
    begun = read_json(marker)
    if not options.samples or (begun or {}).get("done"):
        return
    if begun is None and not bootstrap.is_empty(production, list(projects)):
        return
    chosen = begun or {"count": options.samples, "seed": options.sample_seed}
    write_json(marker, chosen)
    supervisor.set_phase(f"loading {chosen['count']} sample messages")
    bootstrap.load_samples(production, projects, count=chosen["count"], seed=chosen["seed"])
    write_json(marker, chosen | {"done": True})


def _load_gold(supervisor: Supervisor, house: House) -> None:
    """The gold of the sample messages comes with them, once."""
    marker = house.state.folder / "gold.json"
    begun = (read_json(house.state.folder / "samples.json") or {}).get("done")
    if not begun or (read_json(marker) or {}).get("done"):
        return
    supervisor.set_phase("loading the gold of the samples")
    from scripts import gold_loading

    try:
        gold_loading.load_own(house)
    except PlatformError as error:  # a config that was changed meanwhile takes it no more
        supervisor.set_phase(f"the gold of the samples was left out: {error}")
    write_json(marker, {"done": True})


def _follow_with_suggestions(supervisor: Supervisor, house: House) -> None:
    """Once a model serves, load the gold of the samples again, behind: it then looks like the rest.

    That takes some seconds after the first start, and nobody should wait for it.
    """
    marker = house.state.folder / "gold.json"
    known = read_json(marker) or {}
    if not known.get("done") or known.get("suggested"):
        return
    from scripts import gold_loading

    def follow() -> None:
        while not supervisor.stopping.wait(LOOK_SECONDS):
            try:
                if gold_loading.models_serve(house):
                    gold_loading.load_own(house)
                    write_json(marker, known | {"suggested": True})
                    return
            except PlatformError as error:
                log.warning("gold.not_suggested", error=type(error).__name__)

    threading.Thread(target=follow, daemon=True).start()
