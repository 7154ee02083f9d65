"""What can go wrong with a download, each with its code. Knows nothing of HTTP or disks."""

from __future__ import annotations

from batuta.errors import CallerError, HostError, ProviderError


class UnknownDownload(CallerError):
    """The name is no starter, no repository, no file of it, or no quantization that is there."""

    http_status = 404
    code = "unknown_download"


class UnknownRepository(UnknownDownload):
    """The hub knows no such repository, or does not show it."""


class HubRefused(ProviderError):
    """The hub wants a token, or a licence accepted on its page."""

    code = "hub_refused"
    retryable = False


class HubUnreachable(ProviderError):
    """There is no way to the hub: no network, no such host, nobody listens."""

    code = "hub_unreachable"


class HubFailed(ProviderError):
    """The hub, or who it sends us to, answers nothing that can be used."""

    code = "hub_failed"


class HubBusy(ProviderError):
    """The hub asks to come back later."""

    http_status = 503
    code = "hub_busy"


class DownloadCut(ProviderError):
    """The connection broke again and again; what came is kept for the next try."""

    code = "download_cut"


class DownloadCorrupt(ProviderError):
    """What came is not the file that the hub lists; it was deleted."""

    code = "download_corrupt"
    retryable = False


class NoSpace(HostError):
    """The disk cannot hold the file; nothing of it was left there."""

    http_status = 507
    code = "no_space"


class DiskRefused(HostError):
    """A file cannot be written where models belong."""

    code = "disk_refused"
