"""What every test shares: order, profiles, the watch for leftovers, blocking calls and leaked keys, loud skips."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import NoReturn

import hypothesis
import pytest
from blockbuster import BlockBuster

from tests import canary, chromium

os.environ.update(canary.KEYS)

# "quick" runs the same examples every time; "thorough" is for a long run by hand or at night.
hypothesis.settings.register_profile("quick", max_examples=50, deadline=None, derandomize=True, database=None)
hypothesis.settings.register_profile("thorough", max_examples=10_000, deadline=None, stateful_step_count=50)
hypothesis.settings.load_profile(os.environ.get("BATUTA_TEST_PROFILE", "quick"))

ROOT = Path(__file__).resolve().parent.parent
ORDER = ("unit", "contract", "faults", "sim", "acceptance", "browser")
CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children")
PATIENCE_S = 1.0  # for a thread or child that has been told to end


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run quick tests first: unit, contract, faults, sim, acceptance, browser."""

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        return ORDER.index(folder) if folder in ORDER else 0

    items.sort(key=place)


# --- leftovers ---------------------------------------------------------------------------------------------------


def _children() -> set[str]:
    try:
        return set(CHILDREN.read_text().split())
    except OSError:  # not Linux: children are not watched there
        return set()


def _threads() -> set[threading.Thread]:
    # Daemon threads and the loop's pool may outlive a test by design: they hold nothing of the test.
    return {
        thread
        for thread in threading.enumerate()
        if not thread.daemon and not thread.name.startswith(("asyncio_", "ThreadPoolExecutor"))
    }


def _describe(pid: str) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return f"{pid} (ended, not waited for)"
    return f"{pid} {words[:120] or '(ended, not waited for)'}"


@pytest.fixture(autouse=True)
def no_leftovers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a thread, a child process or an asyncio task behind."""
    threads, children = _threads(), _children()
    function = getattr(request, "function", None)
    given = getattr(function, "hypothesis", None)  # a test with examples wraps the coroutine
    if inspect.iscoroutinefunction(given.inner_test if given else function):
        request.getfixturevalue("no_leftover_tasks")
    yield
    left = _threads() - threads
    for thread in left:
        thread.join(PATIENCE_S)
    assert not (alive := [thread.name for thread in left if thread.is_alive()]), f"threads left over: {alive}"
    if born := _children() - children:
        _wait_for_end(born)
    born = _children() - children
    assert not born, f"child processes left over: {[_describe(pid) for pid in sorted(born)]}"


def _wait_for_end(pids: set[str]) -> None:
    pause = threading.Event()
    for _ in range(20):
        if not pids & _children():
            return
        pause.wait(PATIENCE_S / 20)


@pytest.fixture
async def no_leftover_tasks(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Fail an async test whose loop still has tasks after all its fixtures are gone; unit tests may not block."""
    blocking = _block_guard() if "unit" in request.path.parts else None
    if blocking:
        blocking.activate()
    yield
    if blocking:
        blocking.deactivate()
    left: list[str] = []
    for _ in range(10):  # cancelled tasks need a few turns of the loop to end
        left = sorted(task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task())
        if not left:
            return
        await asyncio.sleep(0)
    pytest.fail(f"asyncio tasks left over: {left}")


def _block_guard() -> BlockBuster:
    # One guard for the run: building it looks at some forty functions, switching it on and off is cheap.
    global _guard  # noqa: PLW0603  # made at first use: unit tests without a loop do not pay for it
    if _guard is None:
        _guard = BlockBuster(scanned_modules="batuta")
    return _guard


_guard: BlockBuster | None = None


# --- places ------------------------------------------------------------------------------------------------------


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Return an empty data folder of the test's own, short enough for a unix socket in it; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="batuta-"))
    yield folder
    _leaks.extend(canary.leaks_below(folder))
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Return the path of a Chromium, installing Debian's where that is allowed; otherwise skip, loudly."""
    path, why_not = chromium.find_or_install()
    if path is None:
        _loud.append(f"BROWSER TESTS DID NOT RUN: {why_not}")
        pytest.skip(why_not)
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of recorded traces beside the checkout, or skip, loudly. BATUTA_SHARED names another one."""
    folder = Path(os.environ.get("BATUTA_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        why_not = f"no recorded data at {folder}"
        _loud.append(f"TESTS ON RECORDED DATA DID NOT RUN: {why_not}")
        pytest.skip(why_not)
    return folder


@pytest.fixture(scope="session")
def skip_loudly() -> Callable[[str], NoReturn]:
    """Return what skips a test and says why where nobody overlooks it."""

    def skip(why: str) -> NoReturn:
        _loud.append(why)
        pytest.skip(why)

    return skip


# --- leaked keys and loud skips ----------------------------------------------------------------------------------

_leaks: list[str] = []
_loud: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Search what each test wrote to its output and log for the fake keys."""
    for title, text in report.sections:
        _leaks.extend(f"{report.nodeid}, {title}: {name}" for name in sorted(canary.names_in(text.encode())))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Search the folders of all tests; a leaked key or an empty run fails the run."""
    factory = getattr(session.config, "_tmp_path_factory", None)
    base = getattr(factory, "_basetemp", None)  # only if a test asked for a folder
    if base is not None:
        _leaks.extend(canary.leaks_below(base))
    if _leaks:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        _loud.append("NO TEST WAS COLLECTED: nothing has been shown")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what leaked and what could not run, where nobody overlooks it."""
    for line in dict.fromkeys(_leaks):
        terminalreporter.write_line(f"LEAKED KEY {line}", red=True, bold=True)
    for line in dict.fromkeys(_loud):
        terminalreporter.write_line(line, yellow=True, bold=True)
