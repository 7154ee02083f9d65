"""`batuta serve`: the gateway alone."""

from __future__ import annotations

from batuta.cli.start import start_command

app = start_command(
    "Start the gateway alone. It uses the loader that runs, or starts one.\n\n"
    "When it stops, the loader keeps the models warm for the grace time, and the next gateway finds them there.",
    keep_loader=True,
    opens_browser=False,
)
