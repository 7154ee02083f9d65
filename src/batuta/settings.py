"""One frozen tree of settings, made once at start: command line > environment > TOML file > defaults.

Every default says why it is what it is. `load_settings` also tells where each value came from, for
`batuta config show --origin`.
"""

from __future__ import annotations

import codecs
import os
import tomllib
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import platformdirs
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from batuta import kinds
from batuta.command_settings import CommandSettings, distinct
from batuta.errors import BadSettings
from batuta.setting_types import Folder, Folders, Section, Size, Sizes, Words

APP = "batuta"


def _kind(value: str) -> str:
    if problem := kinds.problem(value):
        raise ValueError(problem)
    return value


class MemorySettings(Section):
    """What local models may take."""

    budget: Sizes = None  # at most, on each device or on those named; none: what is there less the margin
    margin: Size = 1_500_000_000  # bytes left to the desktop, a browser and Batuta; less makes an 8 GB laptop swap

    def limit(self, device: str) -> int | None:
        """Return the bytes that models may take there at most; None: the settings say nothing of it."""
        return self.budget.get(device) if isinstance(self.budget, dict) else self.budget

    def unknown_devices(self, devices: Collection[str]) -> str:
        """Say which devices have a budget and are not among these; empty: none."""
        named = self.budget if isinstance(self.budget, dict) else {}
        if not (unknown := [device for device in named if device not in devices]):
            return ""
        return f"memory.budget names {', '.join(unknown)}, and the devices of this machine are {', '.join(devices)}"


class LoaderSettings(Section):
    """The process that holds local models."""

    grace_s: float = 60.0  # models stay warm without a gateway: through its restart, not for an evening
    heartbeat_s: float = 2.0  # a sign of life; three missed ones make a hang visible within 6 s
    start_timeout_s: float = 20.0  # for its process; a cold Python on a slow disk takes some seconds
    spare: bool = True  # a process waits for the next model with llama.cpp in it: 25 MB for 0.2 s of every load
    load_timeout_s: float = 180.0  # for one load; 13 GB from a hard disk at 100 MB/s is 130 s


class SwapSettings(Section):
    """Models that take turns."""

    return_after_s: float = 2.0  # idle seconds after which the default model comes back to its device
    return_to: str = "default"  # a model's id; default: the model for talking; off: whoever was there last stays
    busy_factor: float = 4.0  # a busy model stays this many times what its swap costs: swaps take a fifth at most


class QueueSettings(Section):
    """Who waits, and how long."""

    deadline_s: float = 180.0  # a request waits this long for its model: as long as a load may take
    max_wait_s: float = 15.0  # the wait past the first chance after which a busy model is drained for another
    max_wait_swaps: int = 2  # nobody watches more swaps than this go by
    overflow_s: float | None = None  # a longer expected wait sends who may elsewhere to another model; none: it waits
    limit: int = 1000  # waiting requests; at 20 KiB each this is 20 MB


DEVICE = r"^(auto|cpu|mps|(cuda|rocm)(:\d{1,3})?)$"
DTYPE = "^(auto|float32|float16|bfloat16)$"
BATCHING = "^(auto|turns|batch)$"
PARKING = "^(auto|on|off)$"


class EngineSettings(Section):
    """How local models are run unless a model's own options say otherwise."""

    context_length: int = 8192  # tokens; a long chat, under 1 GB of cache on today's 4-8 B models
    slots: int = 4  # conversations at once; they share the context's memory (unified KV)
    gpu_layers: int = -1  # layers on the GPU; -1: all that fit
    threads: int = 0  # processor threads; 0: one a physical core
    device: str = Field(default="auto", pattern=DEVICE)  # of safetensors; auto: a GPU if there is one
    dtype: str = Field(default="auto", pattern=DTYPE)  # of safetensors; auto: as they are stored
    batching: str = Field(default="auto", pattern=BATCHING)  # of safetensors; auto: batches on CUDA and ROCm
    parking: str = Field(default="auto", pattern=PARKING)  # of safetensors; auto: those on a GPU keep a copy in RAM
    idle_s: float = 60.0  # silence after which a stream counts as dead
    first_word_s: float = 180.0  # until a stream's first word; a long prompt on a slow processor takes minutes
    whole_answer_s: float = 600.0  # until an answer without a stream: its head comes with the last word


class EdgeSettings(Section):
    """What the listening socket puts up with."""

    max_body: Size = 32 * 1024 * 1024  # bytes of a request; a 20 MB image in base64 fits
    max_header: Size = 32 * 1024  # bytes of its head; browsers stop at 8-16 KiB
    head_timeout_s: float = 10.0  # for a whole head; the slowest network sends one in less
    body_grace_s: float = 10.0  # seconds before the minimum rate counts
    body_min_rate: int = 1024  # bytes a second that a body must come at
    idle_timeout_s: float = 10.0  # for a connection that never says anything
    keep_alive_s: float = 75.0  # between requests; above the 60 s of common clients, which then close first
    max_connections: int = 2000  # each costs a file and some 20 KiB
    max_connections_per_host: int = 1000  # loopback is one host with many tabs and programs
    max_buffered: Size = 256 * 1024  # bytes waiting for a slow reader before the backend is paused
    write_timeout_s: float = 60.0  # a reader that takes nothing for this long is cut
    allowed_hosts: Words = ()  # names beside loopback and the bound address
    allowed_origins: Words = ()  # pages of other origins that may call, exactly as a browser sends them
    heartbeat_s: float = 1.0  # comments while a model loads: progress moves, and no proxy gives up at its 10-15 s


class AuthSettings(Section):
    """Who may call."""

    required: bool = False  # demand a key on loopback too; elsewhere one is always demanded
    api_key: str | None = Field(default=None, repr=False)  # the key that opens everything
    inference_keys: Words = Field(default=(), repr=False)  # keys that open inference only


class UsageSettings(Section):
    """How what was used is counted."""

    time_zone: str = "UTC"  # whose days sums and limits follow: UTC, as providers bill; local; or a name of a zone


KEY_SOURCE = "^(auto|keyring|passphrase|file|environment)$"


class VaultSettings(Section):
    """Where the master key of stored provider keys lies."""

    source: str = Field(default="auto", pattern=KEY_SOURCE)  # of a new one; auto: a set variable, the keyring, a file
    file: Folder | None = None  # for the source file; none: vault.key in the data folder


class ProviderSettings(Section):
    """A server with models: `[[providers]]` in the TOML file."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")  # short and unique; the start of its models' ids
    kind: Annotated[str, AfterValidator(_kind)] = kinds.OPENAI_COMPAT  # which program it is, for all it can do
    base_url: str = Field(pattern=r"^https?://")  # where its API is; with /v1 at the end for openai_compat
    name: str = ""  # what a person reads; empty: the id
    key_env: str | None = None  # name of the environment variable that holds its key
    is_local: bool | None = None  # it runs here and takes memory here; none: yes for lmstudio, ollama, ... alone
    max_in_flight: int = 0  # requests at once; 0: no limit
    preset: str = ""  # which known API it is (`groq`, `mistral`, ...); empty: the one its host belongs to, if any


class Settings(Section):
    """The whole tree."""

    host: str = "127.0.0.1"  # address to listen on: this machine only; any other demands a key
    port: int = Field(default=22888, ge=0, le=65535)  # port to listen on: no known program's; 0 picks a free one
    data_dir: Folder = Path(platformdirs.user_data_dir(APP, appauthor=False))  # database, records, logs, models
    models_dirs: Folders = ()  # folders of model files; none: `models` in the data folder
    brain: str | None = None  # id or path of the default model
    executor: str | None = None  # id or path of the model for code and execution
    starter: bool = True  # a bundled small model answers until there is a real one
    discover: bool = True  # look for engines, other programs' models and API keys on this machine
    browser: bool = True  # open the page once `up` listens, where there is a display
    ordered: bool = False  # keep the port closed until the default model is ready
    local_only: bool = False  # no byte leaves this machine: no external API, no other machine, no download
    insecure: bool = False  # listen beyond this machine without a key
    language: str | None = None  # en or pt-BR; none: as the browser asks
    database_url: str | None = Field(
        default=None, repr=False
    )  # SQLAlchemy's form, may hold a password; none: SQLite in the data folder
    memory: MemorySettings = MemorySettings()
    loader: LoaderSettings = LoaderSettings()
    queue: QueueSettings = QueueSettings()
    swap: SwapSettings = SwapSettings()
    engine: EngineSettings = EngineSettings()
    edge: EdgeSettings = EdgeSettings()
    auth: AuthSettings = AuthSettings()
    usage: UsageSettings = UsageSettings()
    vault: VaultSettings = VaultSettings()
    providers: tuple[ProviderSettings, ...] = ()
    commands: Annotated[tuple[CommandSettings, ...], AfterValidator(distinct)] = ()

    @property
    def model_roots(self) -> tuple[Path, ...]:
        """Folders in which model files are looked for and outside which none is loaded."""
        return self.models_dirs or (self.data_dir / "models",)

    @property
    def run_dir(self) -> Path:
        """Folder of sockets, locks and process records."""
        return self.data_dir / "run"

    @property
    def log_dir(self) -> Path:
        """Folder of log files."""
        return self.data_dir / "logs"

    @property
    def is_loopback(self) -> bool:
        """The bind address can be reached from this machine only."""
        return self.host in {"127.0.0.1", "::1", "localhost"}


# Environment variables whose names are promised to scripts; BATUTA_SECTION__FIELD reaches everything else.
ENVIRONMENT: dict[str, str] = {
    "BATUTA_HOST": "host",
    "BATUTA_PORT": "port",
    "BATUTA_DATA_DIR": "data_dir",
    "BATUTA_MODELS_DIR": "models_dirs",
    "BATUTA_MEMORY_BUDGET": "memory.budget",
    "BATUTA_API_KEY": "auth.api_key",
    "BATUTA_DATABASE_URL": "database_url",
    "BATUTA_LANGUAGE": "language",
    "BATUTA_LOCAL_ONLY": "local_only",
    "DEFAULT_MODEL": "brain",
    "MODEL_PATH": "brain",
    "EXECUTOR_MODEL": "executor",
}
VALUE_OR_TABLE = "memory.budget"  # one size, or one for each device
PREFIX = "BATUTA_"
CONFIG_VARIABLE = "BATUTA_CONFIG"
# Where a person's other engines are, in the names their own tools use -> the kind, which is also the provider's id.
ENGINE_URLS = {row.url_env: kind for kind, row in kinds.KINDS.items() if row.url_env}


def config_path(environ: Mapping[str, str]) -> Path:
    """Return the TOML file's path: BATUTA_CONFIG, or `config.toml` in the platform's config folder."""
    if explicit := environ.get(CONFIG_VARIABLE):
        return Path(explicit).expanduser()
    return Path(platformdirs.user_config_dir(APP, appauthor=False)) / "config.toml"


def load_settings(
    cli: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> tuple[Settings, dict[str, str]]:
    """Merge all sources.

    Args:
        cli: dotted setting name -> value, from the command line; None values are ignored.
        environ: environment variables; the process's own when None.

    Returns:
        The settings, and for each dotted name that is not a default, where its value came from.

    Raises:
        BadSettings: a value is wrong or a name unknown; the message says which and from where.
    """
    environ = os.environ if environ is None else environ
    flat, origin = _gather(cli or {}, environ, _from_toml(config_path(environ)))
    try:
        return Settings.model_validate(_nest(flat)), origin
    except ValidationError as error:
        raise BadSettings(_explain(error, origin)) from None


def salvage_settings(
    cli: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> tuple[Settings, str | None]:
    """Merge all sources as `load_settings` does, but leave whatever is wrong at its default.

    For commands that have to work on an installation whose settings are wrong: those that stop or examine it.

    Returns:
        The settings, and what is wrong with them; None when nothing is.
    """
    environ = os.environ if environ is None else environ
    try:
        return load_settings(cli, environ)[0], None
    except BadSettings as error:
        problem = error.message
    try:
        file = _from_toml(config_path(environ))
    except BadSettings:
        file = {}
    return _without_mistakes(_gather(cli or {}, environ, file)[0]), problem


def _without_mistakes(flat: Mapping[str, Any]) -> Settings:
    kept = dict(flat)
    while True:
        try:
            return Settings.model_validate(_nest(kept))
        except ValidationError as error:
            wrong = [".".join(map(str, problem["loc"])) for problem in error.errors(include_url=False)]
        except BadSettings as error:
            wrong = [str(error.details["setting"])]
        left = {name: value for name, value in kept.items() if not any(_is_within(name, bad) for bad in wrong)}
        kept = left if len(left) < len(kept) else {}


def _is_within(name: str, other: str) -> bool:
    """Whether one of the names is the other or a member of it."""
    return f"{name}.".startswith(f"{other}.") or f"{other}.".startswith(f"{name}.")


def _gather(
    cli: Mapping[str, Any], environ: Mapping[str, str], file: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return dotted name -> value of all sources, the strongest last, and where each value came from."""
    flat: dict[str, Any] = dict(file)
    origin = dict.fromkeys(file, str(config_path(environ)))

    def put(name: str, value: Any, source: str) -> None:
        if _is_within(name, VALUE_OR_TABLE):  # the whole goes before its members, and a member before the whole
            for weaker in [each for each in flat if each != name and _is_within(each, name)]:
                del flat[weaker], origin[weaker]
        flat[name], origin[name] = value, source

    for name, (variable, value) in _from_environment(environ).items():
        given = _beside(file.get(name), value) if name == "providers" else value
        put(name, given, f"environment variable {variable}")
    for name, value in cli.items():
        if value is not None:
            put(name, value, "command line")
    return flat, origin


def _beside(in_file: Any, engines: list[dict[str, Any]]) -> list[Any]:
    """Return the providers of the file and the engines of the environment. Of an engine in both, the address wins."""
    rows = in_file if isinstance(in_file, list) else []
    known = {row.get("id"): row for row in rows if isinstance(row, dict)}
    moved = [each | known.get(each["id"], {}) | {key: each[key] for key in ("kind", "base_url")} for each in engines]
    ids = {each["id"] for each in engines}
    return [*(row for row in rows if not isinstance(row, dict) or row.get("id") not in ids), *moved]


def _from_toml(path: Path) -> dict[str, Any]:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadSettings(f"the settings file {path} cannot be read: {error.strerror}") from None
    try:
        return _flatten(tomllib.loads(_decoded(raw, path)))
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"the settings file {path} is not valid TOML: {error}") from None


def _decoded(raw: bytes, path: Path) -> str:
    """Return the text of the file; a byte order mark, which some editors write, is no part of it."""
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        is_utf16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        line = raw.count(b"\n", 0, error.start) + 1
        seen = "it is UTF-16" if is_utf16 else f"byte 0x{raw[error.start]:02x} in line {line}"
        raise BadSettings(f"the settings file {path} is not UTF-8 ({seen}); save it in the encoding UTF-8") from None


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[str, Any]]:
    values: dict[str, tuple[str, Any]] = {}
    for variable, name in ENVIRONMENT.items():
        if value := environ.get(variable):
            values.setdefault(name, (variable, value))
    for variable, value in environ.items():
        if variable.startswith(PREFIX) and "__" in variable and value:
            values[variable.removeprefix(PREFIX).lower().replace("__", ".")] = (variable, value)
    providers = [
        {
            "id": kind,
            "kind": kind,
            "name": kinds.KINDS[kind].name,
            "base_url": environ[variable].rstrip("/").removesuffix("/v1"),
            "is_local": True,
        }
        for variable, kind in ENGINE_URLS.items()
        if environ.get(variable)
    ]
    if providers:
        values["providers"] = (" and ".join(name for name in ENGINE_URLS if environ.get(name)), providers)
    return values


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *sections, leaf = name.split(".")
        node = tree
        for section in sections:
            below = node.setdefault(section, {})
            if not isinstance(below, dict):
                # `queue = 3` in the file beside `queue.limit` elsewhere
                raise BadSettings(
                    f"wrong settings:\n  {section}: a group of settings ({name}), not a value",
                    details={"setting": section},
                )
            node = below
        node[leaf] = value
    return tree


def known_names(tree: type[BaseModel] = Settings) -> Iterator[str]:
    """Yield the dotted name of every setting, groups before their members."""
    for name, field in tree.model_fields.items():
        yield name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from (f"{name}.{inner}" for inner in known_names(field.annotation))
    if tree is Settings:
        yield from (f"providers.{inner}" for inner in known_names(ProviderSettings))
        yield from (f"commands.{inner}" for inner in known_names(CommandSettings))


def nearest_name(name: str) -> str | None:
    """Return the known setting that `name` was probably meant to be; None when nothing is close."""
    known = list(known_names())
    by_leaf = {candidate.rpartition(".")[2]: candidate for candidate in known}
    if close := get_close_matches(name, known, n=1, cutoff=0.7):
        return close[0]
    if close := get_close_matches(name.rpartition(".")[2], by_leaf, n=1, cutoff=0.8):
        return by_leaf[close[0]]
    return None


def unknown_variables(environ: Mapping[str, str]) -> list[tuple[str, str | None]]:
    """Return the variables that begin like ours and set nothing, each with the one probably meant.

    One that names a member of a group (`BATUTA_QUEUE__LIMIT`) is not among them: a wrong one is an error already.
    """
    known = [*(name for name in ENVIRONMENT if name.startswith(PREFIX)), CONFIG_VARIABLE]
    found = [name for name in sorted(environ) if name.startswith(PREFIX) and "__" not in name and name not in known]
    return [(name, next(iter(get_close_matches(name, known, n=1, cutoff=0.8)), None)) for name in found]


# What pydantic calls a mistake -> what is needed there.
_NEEDED = {
    "tuple_type": 'a list is needed, like ["one", "two"]',
    "list_type": 'a list is needed, like ["one", "two"]',
    "string_type": "a text in quotes is needed",
    "int_parsing": "a whole number is needed",
    "int_type": "a whole number is needed",
    "int_from_float": "a whole number is needed",
    "float_parsing": "a number is needed",
    "float_type": "a number is needed",
    "bool_parsing": "true or false is needed",
    "bool_type": "true or false is needed",
    "path_type": "the path of a folder, in quotes, is needed",
    "model_type": "a group of settings is needed, not a value",
    "model_attributes_type": "a group of settings is needed, not a value",
    "missing": "it is missing",
}


def _explain(error: ValidationError, origin: Mapping[str, str]) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        name = ".".join(str(part) for part in problem["loc"])
        reason = _NEEDED.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
        reason = reason.replace("Input should", "it should")
        if problem["type"] == "extra_forbidden":
            plain = ".".join(part for part in problem["loc"] if isinstance(part, str))
            meant = nearest_name(plain)
            reason = f"no such setting; did you mean {meant}?" if meant else "no such setting"
        lines.append(f"{name} (from {_source(name, origin)}): {reason}")
    return "wrong settings:\n  " + "\n  ".join(lines)


def _source(name: str, origin: Mapping[str, str]) -> str:
    related = (where for known, where in origin.items() if f"{name}.".startswith(f"{known}."))
    below = (where for known, where in origin.items() if known.startswith(f"{name}."))
    return next(related, None) or next(below, "default")
