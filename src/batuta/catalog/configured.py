"""What the settings say of providers and models, in the catalog's words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath

from batuta.catalog import names
from batuta.catalog.discovery import model_stem
from batuta.catalog.entities import ModelSpec, Provider, Role
from batuta.catalog.files import SUFFIX
from batuta.catalog.records import COMMANDS, LOCAL, Problem, ProviderState
from batuta.catalog.returning import return_problem
from batuta.errors import BadRequest, BadSettings
from batuta.kinds import is_loaded
from batuta.settings import Settings


def holders(wanted: Mapping[Role, str | None], specs: Mapping[str, ModelSpec]) -> dict[Role, str]:
    """Return who holds the roles that the settings give, as far as those models are here."""
    found = {role: names.find(name, specs) for role, name in wanted.items() if name}
    return {role: spec.id for role, spec in found.items() if spec is not None}


def taken(known: ProviderState) -> BadRequest:
    """Return why another provider cannot have the id of one that no person added."""
    source = "in the settings" if known.source == "settings" else "with Batuta"
    return BadRequest(f"there is a provider {known.provider.id!r} {source} already; choose another id")


def unmatched_wishes(
    wanted: Mapping[Role, str | None], specs: Mapping[str, ModelSpec], *, return_to: str
) -> tuple[Problem, ...]:
    """Return a problem for each model that the settings name and that is not there, with the nearest ids.

    Args:
        wanted: role -> model.
        specs: every model.
        return_to: the model that is to come back, or one of the words for that.
    """
    here = [model_id for model_id, spec in specs.items() if spec.is_present]
    problems = []
    for role, name in wanted.items():
        if not name or ((spec := names.find(name, specs)) is not None and spec.is_present):
            continue
        near = names.nearest(model_stem(name) if name.lower().endswith(SUFFIX) else name, here)
        hint = f"did you mean {' or '.join(near)}?" if near else "`batuta models` lists what there is."
        problems.append(Problem(role.value, f"the settings name {name!r}, and there is no such model; {hint}"))
    problem = return_problem(return_to, specs)
    return tuple(problems) if problem is None else (*problems, problem)


def configured_providers(settings: Settings) -> dict[str, ProviderState]:
    """Return the providers that are there before the database is read. Raises BadSettings for an id used twice."""
    states = {LOCAL.id: ProviderState(LOCAL, "builtin", is_online=True)}
    if settings.commands or any(each.id == COMMANDS.id for each in settings.providers):
        states[COMMANDS.id] = ProviderState(COMMANDS, "builtin", is_online=True)
    for each in settings.providers:
        if each.id in states:
            raise BadSettings(f"providers: the id {each.id!r} is used twice, or is Batuta's own; choose another one")
        provider = Provider(
            each.id,
            each.kind,
            name=each.name or each.id,
            base_url=each.base_url,
            key_ref=f"env:{each.key_env}" if each.key_env else None,
            is_local=is_loaded(each.kind) if each.is_local is None else each.is_local,
            max_in_flight=each.max_in_flight,
            preset=each.preset,
        )
        states[each.id] = ProviderState(provider, "settings")
    return states


def named_files(wanted: Iterable[str | None]) -> Iterable[Path]:
    """Yield the model files that a person named by path; they need not lie in a models folder."""
    for name in wanted:
        if name and name.lower().endswith(SUFFIX) and PurePath(name).name != name:
            yield Path(name).expanduser().absolute()
