"""The bus knows whether anybody looks."""

from __future__ import annotations

from batuta.observe.bus import Bus


def test_open_mailboxes_are_counted_and_told_of() -> None:
    """A page that opens is told of; one that closes, also twice, counts no more; listeners of our own never count."""
    bus = Bus()
    heard: list[str] = []
    opened: list[int] = []
    bus.listen(heard.append)
    bus.when_read(lambda: opened.append(bus.readers))
    with bus.subscribe() as first:
        with bus.subscribe():
            assert (bus.readers, opened) == (2, [1, 2])
        assert bus.readers == 1
    first.close()
    assert bus.readers == 0
    bus.publish("fact")
    assert heard == ["fact"]
    assert first.drain() == []
