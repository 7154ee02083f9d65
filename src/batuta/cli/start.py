"""Starts the gateway for `up` and `serve`. Knows the composition root by one function, `batuta.app.run`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from batuta.cli.door import door
from batuta.cli.options import AsJson, DataDir, settings_for
from batuta.cli.ports import holder_of
from batuta.cli.record import is_alive, read_record
from batuta.cli.start_view import choose_view
from batuta.cli.terminal import is_terminal, warn
from batuta.cli.wanted import Wanted
from batuta.errors import AddressInUse, AlreadyRunning, BadSettings

if TYPE_CHECKING:
    from batuta.settings import Settings

Host = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Address to listen on (127.0.0.1).", show_default=False)
]
Port = Annotated[
    int | None,
    typer.Option(
        metavar="PORT", help="Port to listen on (22888); 0 picks a free one and prints it.", show_default=False
    ),
]
ModelsDir = Annotated[
    list[Path] | None,
    typer.Option(
        "--models-dir", metavar="FOLDER", help="Folder of model files; may be given several times.", show_default=False
    ),
]
MemoryBudget = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Memory that local models may take at most, like 16GB, or host=12GB,cuda:0=14GB.",
        show_default=False,
    ),
]
Brain = Annotated[str | None, typer.Option(metavar="MODEL", help="Default model: an id or a file.", show_default=False)]
Executor = Annotated[
    str | None, typer.Option(metavar="MODEL", help="Model for code and execution.", show_default=False)
]
NoStarter = Annotated[bool, typer.Option("--no-starter", metavar="", help="Leave the bundled starter model out.")]
NoDiscover = Annotated[
    bool,
    typer.Option(
        "--no-discover", metavar="", help="Look for no engines, files of other programs or keys on this machine."
    ),
]
NoBrowser = Annotated[bool, typer.Option("--no-browser", metavar="", help="Open no browser.")]
Ordered = Annotated[
    bool, typer.Option("--ordered", metavar="", help="Open the port only when the default model is ready.")
]
Insecure = Annotated[
    bool, typer.Option("--insecure", metavar="", help="Allow to listen beyond this machine without a key.")
]
Grace = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="Seconds the loader keeps models warm without a gateway (60).",
        min=0,
        show_default=False,
    ),
]
Setting = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any other setting, like queue.limit=50.", show_default=False),
]


def start_command(text: str, *, keep_loader: bool, opens_browser: bool) -> typer.Typer:
    """Return the command that starts the gateway; `text` is its help.

    With `keep_loader`, the loader outlives the gateway for its grace time.
    """
    app = typer.Typer(add_completion=False)

    @app.command(help=text)
    def command(
        *,
        host: Host = None,
        port: Port = None,
        data_dir: DataDir = None,
        models_dir: ModelsDir = None,
        memory_budget: MemoryBudget = None,
        brain: Brain = None,
        executor: Executor = None,
        no_starter: NoStarter = False,
        no_discover: NoDiscover = False,
        no_browser: NoBrowser = False,
        ordered: Ordered = False,
        insecure: Insecure = False,
        grace: Grace = None,
        setting: Setting = None,
        as_json: AsJson = False,
    ) -> None:
        with door(as_json=as_json):
            flags = {
                "host": host,
                "port": port,
                "models_dirs": folders(models_dir),
                "memory.budget": memory_budget,
                "brain": brain,
                "executor": executor,
                "starter": switch(no_starter, value=False),
                "discover": switch(no_discover, value=False),
                "browser": switch(no_browser, value=False),
                "ordered": switch(ordered, value=True),
                "insecure": switch(insecure, value=True),
                "loader.grace_s": grace,
            }
            said = {name: value for name, value in flags.items() if value is not None}
            settings = settings_for(data_dir, {**assignments(setting or ()), **said})
            start(settings, as_json=as_json, keep_loader=keep_loader, opens_browser=opens_browser)

    return app


def assignments(words: Sequence[str]) -> dict[str, str]:
    """Turn `NAME=VALUE` words into settings. Raises BadSettings for a word without `=`."""
    values = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            raise BadSettings(f"--set {word}: write it as NAME=VALUE, like --set queue.limit=50")
        values[name.strip()] = value
    return values


def switch(is_given: bool, *, value: bool) -> bool | None:
    """Return the setting a switch stands for; None, which changes nothing, when it was not given."""
    return value if is_given else None


def folders(paths: Sequence[Path] | None) -> tuple[str, ...] | None:
    """Return the model folders of the command line; one may name several, separated as PATH is."""
    return tuple(part for path in paths for part in str(path).split(os.pathsep) if part) if paths else None


def start(settings: Settings, *, as_json: bool, keep_loader: bool, opens_browser: bool) -> NoReturn:
    """Run the gateway until it is told to stop, showing its start; leave with its exit code."""
    from batuta.app import run
    from batuta.observe.log import configure

    # While bars move, the log goes to its file only.
    has_log = keep_loader and not as_json and is_terminal(sys.stderr)
    configure(settings, to_terminal=has_log)
    is_shown = opens_browser and settings.browser and not as_json and has_display(os.environ) and is_terminal()
    view = choose_view(
        as_json=as_json,
        has_log=has_log,
        on_listening=open_browser if is_shown else lambda _url: None,
        wanted=Wanted.of(settings),
    )
    try:
        with _term_as_interrupt(), view:
            code = run(settings, listener=view, keep_loader=keep_loader)
    except KeyboardInterrupt:
        code = 0
    except AddressInUse as error:
        raise AddressInUse(_with_holder(error.message, settings.port)) from None
    except AlreadyRunning as error:
        raise AlreadyRunning(_with_first(error.message, settings.run_dir)) from None
    if not as_json and is_terminal(sys.stderr):
        warn("Batuta has stopped." if not keep_loader else "The gateway has stopped.")
    raise typer.Exit(code)


def has_display(environ: Mapping[str, str]) -> bool:
    """Whether a browser window can appear: a desktop's own platform, or a display server on others."""
    return sys.platform in {"darwin", "win32"} or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def open_browser(url: str) -> None:
    """Open `url` without waiting: finding a browser may take seconds."""
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(url,), name="open-browser", daemon=True).start()


def _with_holder(text: str, port: int) -> str:
    holder = None if "pid" in text else holder_of(port)
    return f"{text} (held by {holder})" if holder else text


def _with_first(text: str, run_dir: Path) -> str:
    record = None if "pid" in text else read_record(run_dir)
    return f"{text} (pid {record.pid}, {record.url})" if record and is_alive(record) else text


@contextmanager
def _term_as_interrupt() -> Iterator[None]:
    """Make SIGTERM end the gateway as Ctrl-C does, before and after the server has its own handlers."""

    def interrupt(_number: int, _frame: Any) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
