"""Everything the routes may ask for, made once by the composition root. Facts and services, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass

from batuta.catalog.service import Catalog
from batuta.clock import Clock
from batuta.downloads.service import Downloads
from batuta.gateway.serve import Gateway
from batuta.keys.service import Keys
from batuta.lifecycle.runner import Runner
from batuta.loader.supervisor import LoaderSupervisor
from batuta.observe.bus import Bus
from batuta.observe.metrics import Metrics
from batuta.settings import Settings
from batuta.tasks import Tasks
from batuta.usage.recorder import Recorder
from batuta.web.auth import Auth


@dataclass(frozen=True, slots=True)
class Services:
    """What a route is made of."""

    settings: Settings
    catalog: Catalog
    runner: Runner
    bus: Bus
    supervisor: LoaderSupervisor
    gateway: Gateway
    metrics: Metrics
    auth: Auth
    clock: Clock
    tasks: Tasks
    downloads: Downloads
    keys: Keys
    usage: Recorder
