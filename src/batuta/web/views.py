"""What the API says of models and memory: catalog and lifecycle joined into plain JSON values. Changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import PurePath
from typing import Any

from batuta import starter
from batuta.catalog.entities import ModelSpec
from batuta.catalog.external import SeenKey
from batuta.catalog.finding import FOUND
from batuta.catalog.records import LOCAL, Learned, ProviderState
from batuta.errors import Cause, ModelNotFound
from batuta.lifecycle.forecast import Forecast
from batuta.lifecycle.residency import LoadPlan, ResidencyView
from batuta.lifecycle.states import ModelState
from batuta.web.services import Services
from batuta.web.waits import forecast_view, rounded

View = dict[str, Any]
_IN_MEMORY = {ModelState.READY, ModelState.DRAINING}
_OUT_OF_USE = {ModelState.FAILED, ModelState.DISABLED}
_AT_REST = {ModelState.ABSENT, ModelState.FAILED}
OFFLINE = "offline"  # a state of the view alone: the lifecycle lets a named request try, so that it may find it back


def model_views(services: Services) -> list[View]:
    """Return every model as `GET /manage/models` shows it, by id."""
    residencies = services.runner.snapshot().models
    specs = services.catalog.specs()
    return [_view(services, specs[model_id], residencies.get(model_id)) for model_id in sorted(specs)]


def model_view(services: Services, spec: ModelSpec) -> View:
    """Return one model as `GET /manage/models` shows it."""
    try:
        residency = services.runner.view(spec.id)
    except ModelNotFound:  # its engine could not be made, so nobody can load it
        return _view(services, spec, None)
    return _view(services, spec, residency)


def _view(services: Services, spec: ModelSpec, residency: ResidencyView | None) -> View:
    return compose(
        spec,
        residency,
        services.runner.plan_load(spec.id) if residency else None,
        provider=services.catalog.provider(spec.provider_id),
        learned=services.catalog.learned(spec.id),
    )


def compose(
    spec: ModelSpec,
    residency: ResidencyView | None,
    plan: LoadPlan | None,
    *,
    provider: ProviderState | None,
    learned: Learned,
) -> View:
    """Return the view of one model. Pure.

    Args:
        spec: what it is.
        residency: where it stands; None for one that the lifecycle does not know.
        plan: whether it would fit; None like `residency`.
        provider: who serves it.
        learned: what earlier runs saw of its loads.
    """
    state = residency.state if residency else ModelState.ABSENT
    shown = _shown(spec, residency, provider)
    cause, error = _error(spec, residency, provider)
    is_active = spec.enabled and spec.is_present and state not in _OUT_OF_USE and shown != OFFLINE
    is_here = spec.is_present or shown != ModelState.ABSENT
    view = {
        "id": spec.id,
        "model_id": spec.address,
        "name": spec.name,
        "provider": spec.provider_id,
        "is_local": spec.is_local,
        "is_external": not spec.is_local,
        "is_loadable": spec.is_loadable,
        "is_loaded": shown in _IN_MEMORY,
        "is_loading": state is ModelState.LOADING,
        "is_active": is_active,
        "is_present": spec.is_present,
        "enabled": spec.enabled,
        "state": shown,
        "error": error,
        "cause": cause,
        "roles": sorted(spec.roles),
        "pinned": spec.pinned,
        "ttl_s": spec.ttl_s,
        "context_length": spec.context_length,
        "capabilities": sorted(spec.capabilities),
        "memory_bytes": {
            "needed": plan.need if plan else spec.need_bytes if spec.is_loadable else 0,
            "held": residency.reserved if residency else 0,
        },
        "fits": fits_text(plan) if plan and is_here else None,
        "evict": list(plan.evict) if plan and is_here else [],
        "pinned_by": list(plan.pinned_by) if plan and is_here else [],
        "held_by": list(plan.held_by) if plan and is_here else [],
        "is_fixed": bool(residency and residency.fixed),
        "card": card_view(spec),
    }
    return view | _course(residency, learned)


def card_view(spec: ModelSpec) -> View | None:
    """Return what is known of a model that comes with Batuta, with its measured scores; None for any other."""
    card = starter.card(PurePath(spec.address).stem) if spec.bundled_as is not None else None
    if card is None:
        return None
    scores = [{"part": score.part, "right": score.right, "asked": score.asked} for score in card.scores]
    return {"parameters": card.parameters, "tokens": card.tokens, "scores": scores}


def _course(residency: ResidencyView | None, learned: Learned) -> View:
    """Return what changes while a model is loaded and used; times are wall seconds."""
    r = residency
    is_under_way = r is not None and (r.stage is not None or r.state is ModelState.LOADING)
    return {
        "progress": r.progress if r else None,
        "stage": r.stage if r else None,
        "elapsed_s": round(r.elapsed_s, 2) if r and is_under_way else None,
        "remaining_s": round(r.remaining_s, 2) if r and r.remaining_s is not None else None,
        "last_used": round(r.last_used, 3) if r and r.last_used is not None else None,
        "load_seconds": (r.load_seconds if r else None) or learned.typical_load_s,
        "loads": r.loads if r else 0,
        "failures": r.failures if r else 0,
        "retry_at": round(r.retry_at, 3) if r and r.retry_at is not None else None,
        "in_flight": r.in_flight if r else 0,
        "waiting": r.waiting if r else 0,
        "queue_position": r.queue_position if r else None,
        "waits_for": list(r.waits_for) if r else [],
        "tier": r.tier.value if r and r.tier else None,
        "forecast": forecast_view(r.forecast, r.model_id) if r and r.forecast else None,
    }


def _shown(spec: ModelSpec, residency: ResidencyView | None, provider: ProviderState | None) -> str:
    """Return the state that people are shown.

    1. Not there any more, and not in memory here: absent, whatever it was.
    2. Behind a provider that cannot be reached, as the last look found: offline.
    3. What the lifecycle says.
    """
    state = residency.state if residency else ModelState.ABSENT
    if not spec.is_present and (state in _AT_REST or (state is ModelState.READY and not spec.is_loadable)):  # 1
        return ModelState.ABSENT.value
    if provider is not None and provider.is_online is False:  # 2
        is_offline = residency is None or state in {ModelState.READY, ModelState.ABSENT, ModelState.ASLEEP}
        if is_offline or (residency is not None and residency.cause is Cause.ENGINE_OFFLINE):
            return OFFLINE
    return state.value  # 3


def _error(
    spec: ModelSpec, residency: ResidencyView | None, provider: ProviderState | None
) -> tuple[str | None, str | None]:
    """Return why a model cannot answer: the word for scripts, the sentence for people.

    1. What the lifecycle says of it. 2. It is not there any more. 3. Its provider cannot be reached.
    """
    if residency is not None and (residency.cause or residency.message):  # 1
        return (residency.cause.value if residency.cause else None), residency.message or None
    if not spec.is_present:  # 2
        is_file = spec.provider_id == LOCAL.id
        what = "its file is gone" if is_file else f"{spec.provider_id} does not offer it any more"
        return "not_installed", what
    if provider is not None and provider.is_online is False:  # 3
        return "engine_offline", provider.message
    return None, None


def provider_views(services: Services) -> list[View]:
    """Return every provider as `GET /manage/providers` shows it."""
    models: dict[str, list[ModelSpec]] = {}
    for spec in services.catalog.specs().values():
        models.setdefault(spec.provider_id, []).append(spec)
    return [provider_view(services, each, models.get(each.provider.id, ())) for each in services.catalog.providers()]


def provider_view(services: Services, state: ProviderState, models: Collection[ModelSpec] | None = None) -> View:
    """Return one provider as `GET /manage/providers` shows it. `models`: its own, where they are known already."""
    provider, known = state.provider, services.runner.lifecycle.residencies
    if models is None:
        models = [spec for spec in services.catalog.specs().values() if spec.provider_id == provider.id]
    here = [known[spec.id] for spec in models if spec.is_loadable and spec.id in known]
    return {
        "id": provider.id,
        "kind": provider.kind,
        "name": provider.name,
        "base_url": provider.base_url,
        "key_env": provider.key_ref.removeprefix("env:") if provider.key_ref else None,
        "is_local": provider.is_local,
        "max_in_flight": provider.max_in_flight,
        "enabled": provider.enabled,
        "source": state.source,
        "is_online": state.is_online,
        "version": state.version,
        "note": state.note,
        "message": state.message,
        "checked_at": state.checked_at,
        "models": sum(spec.is_present for spec in models),
        "holds": sorted(r.spec.id for r in here if r.state in _IN_MEMORY),
    }


def key_views(services: Services) -> list[View]:
    """Return the keys of external APIs that are in the environment: by the variable's name, never by value."""
    return [
        {
            "id": key.id,
            "name": key.name,
            "variable": key.variable,
            "is_supported": key.provider is not None,
            "message": _key_text(key, services.catalog.provider(key.id)),
        }
        for key in services.catalog.seen_keys()
    ]


def _key_text(key: SeenKey, state: ProviderState | None) -> str:
    if key.provider is None:
        return "key found, provider not supported yet"
    if state is None or state.source != FOUND:
        return "key found; a provider that was named is used instead"
    return "key found, and used" if state.provider.enabled else "key found, not used until the provider is switched on"


def fits_text(plan: LoadPlan) -> str:
    """Return `now`, `after evicting a, b`, `after others leave`, `after unpinning a`, `after stopping a` or `never`.

    Others have to leave by themselves where nothing can be evicted yet. What has to be stopped, only a person can.
    """
    if plan.held_by:
        return f"after stopping {', '.join(plan.held_by)}"
    if plan.pinned_by:
        return f"after unpinning {', '.join(plan.pinned_by)}"
    if plan.fits != "after_evicting":
        return plan.fits
    return f"after evicting {', '.join(plan.evict)}" if plan.evict else "after others leave"


def plan_view(plan: LoadPlan, forecast: Forecast) -> View:
    """Return the answer to `POST /manage/plan`. Bytes and seconds.

    Args:
        plan: would it fit, what would go.
        forecast: what a request that came now would wait for.
    """
    return {
        "model": plan.model,
        "fits": fits_text(plan),
        "verdict": plan.fits,
        "evict": list(plan.evict),
        "need": plan.need,
        "free": plan.free,
        "budget": plan.budget,
        "pinned_by": list(plan.pinned_by),
        "held_by": list(plan.held_by),
        "seconds": rounded(plan.seconds),
        "tier": plan.tier.value if plan.tier else None,
        "reason": plan.reason,
        "wait": forecast_view(forecast, plan.model),
    }


def memory_view(services: Services) -> list[View]:
    """Return the devices: budget, what is reserved, and by which model. Bytes."""
    specs = services.catalog.specs()
    devices = services.runner.snapshot().devices.values()
    return [
        {
            "id": device.id,
            "name": "RAM" if device.id == "host" else device.id,
            "budget": device.budget,
            "reserved": device.reserved,
            "free": max(device.budget - device.reserved, 0),
            "segments": [_segment(model, size, specs) for model, size in sorted(device.held.items())],
        }
        for device in devices
    ]


def _segment(model: str, size: int, specs: Mapping[str, ModelSpec]) -> View:
    spec = specs.get(model)
    return {"model": model, "name": spec.name if spec else model, "bytes": size}
