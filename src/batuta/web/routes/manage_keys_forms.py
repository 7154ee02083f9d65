"""What the keys API is sent and answers. A key comes in by a field that never prints, and is in no answer."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, Field, SecretStr, StrictBool, model_validator

from batuta.web.routes.manage_forms import Form, url_problem

LONGEST_KEY = 8192  # characters with what was pasted around it; the vault says what a key may be
Money = Annotated[Decimal | None, Field(ge=0, le=10**9, allow_inf_nan=False, description="US dollars; null: no limit")]
Label = Annotated[str, Field(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
PastedKey = Annotated[SecretStr, Field(min_length=1, max_length=LONGEST_KEY, description="never shown again")]


class KeyForm(Form):
    """A key to add. A provider that is known but not there comes with it; any other needs its address."""

    provider: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$", description="id of a provider that is there, or of one that is known"
    )
    key: PastedKey
    label: Label = ""
    daily_limit: Money = None
    monthly_limit: Money = None
    base_url: str | None = Field(
        default=None,
        max_length=2048,
        description="of a provider that is neither there nor known; it speaks OpenAI's API",
    )
    name: str = Field(default="", max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$", description="of such a provider")
    is_local: StrictBool = Field(default=False, description="such a provider runs on this machine or network")

    @model_validator(mode="after")
    def _address_is_sound(self) -> Self:
        if self.base_url and (problem := url_problem(self.base_url, is_local=self.is_local, has_key=True)):
            raise ValueError(f"base_url: {problem}")
        return self


class KeyPatch(Form):
    """What to change about a key; what is left out stays."""

    label: Label = ""
    key: PastedKey | None = Field(default=None, description="another key in the place of this one")
    enabled: StrictBool = True
    position: int = Field(default=0, ge=0, le=10_000, description="place among the keys of its provider, from 0")
    daily_limit: Money = None
    monthly_limit: Money = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError(f"nothing to change; send one of {', '.join(type(self).model_fields)}")
        if "key" in self.model_fields_set and self.key is None:
            raise ValueError("key: send another key, or leave it out; DELETE removes one")
        return self


class RotateForm(Form):
    """Where the new master key is to be."""

    source: str | None = Field(
        default=None, max_length=40, description="keyring, passphrase, file or environment; null: where it is now"
    )
    passphrase: PastedKey | None = Field(default=None, description="the new one, for the source passphrase")


class UnsealForm(Form):
    """What opens the vault."""

    passphrase: PastedKey | None = Field(default=None, description="null: ask the same source again")


class KeyInfo(BaseModel):
    """A key as it may be shown. Times are unix seconds, amounts US dollars in decimal digits."""

    id: str = Field(description="`env:PROVIDER` for a key of the environment")
    provider: str
    provider_name: str
    label: str
    last4: str = Field(description="its last four characters; empty for one too short to show any")
    source: str = Field(description="who gave it: `person`, `environment` or what it was taken over from")
    variable: str | None = Field(description="where a key of the environment is")
    can_change: bool = Field(description="false for one of the environment")
    enabled: bool
    position: int
    state: str = Field(description="good, resting, no_credit, invalid or disabled")
    message: str = Field(description="what the provider said, for any other state than good")
    rests_s: float | None = Field(description="seconds until it is tried again")
    created_at: float | None
    last_used: float | None
    last_outcome: str = Field(
        description="valid, invalid, valid_no_credit, rate_limited, unreachable or unknown; empty: not used yet"
    )
    last_error: str
    daily_limit: Decimal | None
    monthly_limit: Decimal | None
    spent_today: Decimal
    spent_month: Decimal


class OfferInfo(BaseModel):
    """A provider that a key can be added for."""

    id: str
    name: str
    is_new: bool = Field(description="it is not there yet, and will be with its first key")
    is_unofficial: bool = Field(description="its vendor does not document the API for others")


class KeyList(BaseModel):
    """All keys, and what they can be added for."""

    keys: list[KeyInfo]
    sealed: str | None = Field(description="why no stored key can be read now; null: they can")
    master_key: str | None = Field(description="where the master key is: keyring, passphrase, file or environment")
    providers: list[OfferInfo]


class KeyAdded(KeyInfo):
    """A key that was added. `hint`: what to look at."""

    hint: str


class KeyTestInfo(BaseModel):
    """What a test has found."""

    outcome: str = Field(description="valid, invalid, valid_no_credit, rate_limited, unreachable or unknown")
    latency_ms: float
    models: int | None = Field(description="how many the provider lists; null where it could not be asked")
    message: str


class VaultInfo(BaseModel):
    """How the vault stands after it was rotated or opened."""

    keys: int
    sealed: str | None
    master_key: str | None
