"""Who wants to hear that keys have changed. Knows nothing of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Listener = Callable[[frozenset[str]], None]


class Listeners:
    """Those who are told of providers whose keys changed (none: only whether they can be read did)."""

    def __init__(self) -> None:
        self._each: list[Listener] = []

    def add(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` from now on; return what ends that."""
        self._each.append(listener)

        def stop() -> None:
            if listener in self._each:
                self._each.remove(listener)

        return stop

    def tell(self, providers: Iterable[str]) -> None:
        """Tell everybody."""
        changed = frozenset(providers)
        for listener in tuple(self._each):
            listener(changed)
