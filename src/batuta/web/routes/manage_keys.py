"""The keys of external providers over HTTP: list, add, change, delete, test, rotate. Decides nothing; see `keys`.

A key is taken in a body and nowhere else, and no answer has it. All answers say that they are not to be stored.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Response
from pydantic import SecretStr

from batuta import kinds
from batuta.catalog.entities import Provider
from batuta.catalog.external import preset_of
from batuta.keys.service import KeyRow, Keys, kind_of
from batuta.vault.secret import Secret
from batuta.web.first_look import keys_read
from batuta.web.routes import manage_keys_forms as f
from batuta.web.routes.manage_forms import ErrorView
from batuta.web.services import Services
from batuta.web.views import View

_ERRORS: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorView, "description": "no such key"},
    409: {"model": ErrorView, "description": "it is stored already, or is in the environment and changed there"},
    503: {"model": ErrorView, "description": "the vault is sealed or was tampered with; `code` says which"},
}


async def _not_stored(response: Response) -> None:  # not in a thread: it only sets a header
    response.headers["cache-control"] = "no-store"


def router(services: Services) -> APIRouter:
    """Build the routes."""

    async def known() -> None:
        await keys_read(services)

    rules = [Depends(_not_stored), Depends(known)]
    routes = APIRouter(prefix="/manage/keys", responses=_ERRORS, tags=["keys"], dependencies=rules)
    ours = _Keys(services.keys)

    def add(method: str, path: str, endpoint: Any, summary: str, **rest: Any) -> None:
        routes.add_api_route(path, endpoint, methods=[method], summary=summary, **rest)

    add("GET", "", ours.all, "List all keys", response_model=f.KeyList)
    add("POST", "", ours.add, "Add a key", response_model=f.KeyAdded, status_code=201)
    add("POST", "/rotate", ours.rotate, "Seal all keys anew", response_model=f.VaultInfo)
    add("POST", "/unseal", ours.unseal, "Open a sealed vault", response_model=f.VaultInfo)
    add("GET", "/{key_id}", ours.one, "Look at one key", response_model=f.KeyInfo)
    add("PATCH", "/{key_id}", ours.edit, "Change a key", response_model=f.KeyInfo)
    add("DELETE", "/{key_id}", ours.remove, "Delete a key", status_code=204)
    add("POST", "/{key_id}/test", ours.test, "Ask the provider whether a key is good", response_model=f.KeyTestInfo)
    return routes


class _Keys:
    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def all(self) -> View:
        """Every key by its last four characters, those of the environment too, and the providers to add one for."""
        return {
            "keys": [view(row) for row in self._keys.rows()],
            "sealed": self._keys.sealed,
            "master_key": self._keys.source,
            "providers": [
                {"id": each.id, "name": each.name, "is_new": each.is_new, "is_unofficial": each.is_unofficial}
                for each in self._keys.offers()
            ],
        }

    async def one(self, key_id: str) -> View:
        """One key, as the list shows it."""
        return view(self._keys.row(key_id))

    async def add(self, form: f.KeyForm) -> View:
        """Store a key, sealed; a provider that is known is added with its first one.

        `conflict` for a key that is stored already. Nothing is sent with it but the question which models there are;
        `POST .../test` says whether it is good.
        """
        added = await self._keys.add(
            form.provider,
            secret_of(form.key),
            label=form.label,
            daily_limit=form.daily_limit,
            monthly_limit=form.monthly_limit,
            new=_new_provider(form) if form.base_url else None,
        )
        return {**view(added.row), "hint": added.hint}

    async def edit(self, key_id: str, form: f.KeyPatch) -> View:
        """Change what is sent, leave the rest. `key` puts another key in the place of this one."""
        changes = form.model_dump(include=form.model_fields_set, exclude={"key"})
        if form.key is not None:
            changes["secret"] = secret_of(form.key)
        return view(await self._keys.edit(key_id, **changes))

    async def remove(self, key_id: str) -> None:
        """Delete it for good."""
        await self._keys.remove(key_id)

    async def test(self, key_id: str) -> View:
        """Ask its own provider, and nobody else, the cheapest thing that proves a key. Once a second at most.

        A bad key is an answer, not an error: `outcome` says `invalid`.
        """
        found = await self._keys.test(key_id)
        return {
            "outcome": found.outcome.value,
            "latency_ms": round(found.latency_ms, 1),
            "models": found.models,
            "message": found.message,
        }

    async def rotate(self, form: Annotated[f.RotateForm | None, Body()] = None) -> View:
        """Seal every key anew, under a new master key. Either all are, or nothing was changed."""
        form = form or f.RotateForm()
        count = await self._keys.rotate(form.source, passphrase=secret_of(form.passphrase) if form.passphrase else None)
        return self._vault(count)

    async def unseal(self, form: Annotated[f.UnsealForm | None, Body()] = None) -> View:
        """Open a vault whose master key was not there when Batuta started: by its passphrase, or by asking again."""
        passphrase = form.passphrase if form else None
        await self._keys.unseal(secret_of(passphrase) if passphrase else None)
        return self._vault(sum(not row.variable for row in self._keys.rows()))

    def _vault(self, count: int) -> View:
        return {"keys": count, "sealed": self._keys.sealed, "master_key": self._keys.source}


def secret_of(pasted: SecretStr) -> Secret:
    """Return what a person pasted as a secret of ours."""
    return Secret(pasted.get_secret_value())


def _new_provider(form: f.KeyForm) -> Provider:
    base_url = (form.base_url or "").rstrip("/")
    api = preset_of(Provider(form.provider, "", base_url=base_url))
    return Provider(
        form.provider,
        (kind_of(api) if api is not None else None) or kinds.OPENAI_COMPAT,
        name=form.name or form.provider,
        base_url=base_url,
        is_local=form.is_local,
    )


def view(row: KeyRow) -> View:
    """Return a key as `GET /manage/keys` shows it."""
    record, health = row.record, row.health
    return {
        "id": record.id,
        "provider": record.provider_id,
        "provider_name": (row.provider.name if row.provider else "") or record.provider_id,
        "label": record.label,
        "last4": record.last4,
        "source": record.source,
        "variable": row.variable or None,
        "can_change": not row.variable,
        "enabled": record.enabled,
        "position": record.position,
        "state": health.state.value,
        "message": health.message,
        "rests_s": None if row.rests_s is None else round(row.rests_s, 1),
        "created_at": record.created_at or None,
        "last_used": record.last_used,
        "last_outcome": record.last_outcome,
        "last_error": record.last_error,
        "daily_limit": record.daily_limit,
        "monthly_limit": record.monthly_limit,
        "spent_today": row.spent_today,
        "spent_month": row.spent_month,
    }
