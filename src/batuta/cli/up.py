"""`batuta up`: everything, in order, in one terminal."""

from __future__ import annotations

from batuta.cli.start import start_command

app = start_command(
    "Start everything: the loader, the default model, the gateway and its pages. Ctrl-C stops all of it.\n\n"
    "The last line it prints is: Batuta is listening on http://HOST:PORT",
    keep_loader=False,
    opens_browser=True,
)
