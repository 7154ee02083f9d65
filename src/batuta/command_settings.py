"""The settings of commands: servers of a person's own that are started and stopped with their model.

Checks what can be checked without looking at the machine; runs nothing.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from batuta import command_line
from batuta.setting_types import Folder, Section, Size


def _command(value: str) -> str:
    if value:
        command_line.split(value)
    return value


def _model_id(value: str) -> str:
    if not value.isprintable() or value != value.strip() or value.casefold() in {"auto", "commander"}:
        raise ValueError(
            f"{value!r} cannot be a model's name; use letters, digits and signs, and not auto or commander"
        )
    return value


CommandLine = Annotated[str, AfterValidator(_command)]
ModelId = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_model_id)]


class CommandSettings(Section):
    """A server that is started and stopped with its model: `[[commands]]` in the TOML file."""

    id: ModelId  # the model's name, as callers write it
    cmd: CommandLine = Field(min_length=1)  # starts its server, without a shell; its port is ${PORT}
    port: int = Field(default=0, ge=0, le=65535)  # where its server listens on 127.0.0.1; 0: a free one, for ${PORT}
    health: str = Field(
        default="/health", pattern=r"^(/\S*)?$"
    )  # answers 200 once ready; empty: when it can be reached
    api: str = Field(default="/v1", pattern=r"^(/\S*[^/\s])?$")  # path of its OpenAI-compatible API
    model: str = ""  # the model's name at its server; empty: the id
    stop: CommandLine = ""  # ends its server; ${PID} is its process; empty: SIGTERM
    stop_timeout_s: float = Field(default=10.0, gt=0, le=600)  # after which it is killed; as patient as docker stop
    start_timeout_s: float | None = Field(default=None, gt=0, le=86_400)  # until ready; none: loader.load_timeout_s
    env: dict[str, str] = Field(default={})  # environment of its process, beside the harmless variables of Batuta's own
    cwd: Folder | None = None  # its working folder; none: the loader's
    memory: Size = 0  # what to book for it; 0: its model files' size, else what its first load, alone, shows
    device: str = Field(
        default="", pattern=r"^(host|[a-z]+:\d+)?$"
    )  # where it is booked: host, cuda:0; empty: first GPU
    context_length: int = Field(default=0, ge=0)  # tokens its server was given; 0: unknown
    slots: int = Field(default=0, ge=0)  # requests at once, the rest waits; 0: no limit
    key_env: str | None = None  # name of the environment variable that holds the key its server asks for
    name: str = ""  # what a person reads; empty: the id
    aliases: tuple[ModelId, ...] = ()  # other names that callers may write
    ttl_s: float | None = Field(default=None, gt=0)  # seconds after its last use at which it is stopped; none: never
    pinned: bool = False  # nothing else makes it leave memory
    roles: tuple[Literal["brain", "executor"], ...] = ()  # the settings `brain` and `executor` go first
    capabilities: tuple[Literal["chat", "completion", "embedding", "tools", "vision", "reasoning"], ...] = (
        "chat",
        "completion",
    )  # what it can do

    @model_validator(mode="after")
    def _can_be_started(self) -> Self:
        texts = {"cmd": self.cmd, "stop": self.stop, **{f"env.{name}": text for name, text in self.env.items()}}
        for name, text in texts.items():
            try:
                command_line.check_macros(text, (command_line.PID,) if name == "stop" else ())
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        if not self.port and not any(command_line.PORT in command_line.macros(text) for text in texts.values()):
            raise ValueError(f"{self.id}: its server has to be told its port: write ${{PORT}} in cmd, or set port")
        return self


def distinct(commands: tuple[CommandSettings, ...]) -> tuple[CommandSettings, ...]:
    """Raise ValueError where two entries, or an entry twice, want the same name or role."""
    taken: dict[str, str] = {}
    for each in commands:
        for name in (each.id, *each.aliases, *(f"the role {role}" for role in each.roles)):
            if (other := taken.get(name.casefold())) is not None:
                who = (
                    f"{each.id!r} has {name!r} twice"
                    if other == each.id
                    else f"{other!r} and {each.id!r} want {name!r}"
                )
                raise ValueError(f"{who}; a name or a role is given once")
            taken[name.casefold()] = each.id
    return commands
