"""Why a setting of llama-swap is not taken over, or what became of it. Tables: name -> the words, empty if it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

GLOBAL_NOTES: Final[Mapping[str, str]] = {
    "models": "",
    "peers": "",
    "macros": "",
    "groups": "",
    "matrix": "",
    "routing": "",
    "hooks": "",
    "healthCheckTimeout": "",
    "globalTTL": "",
    "unloadTimeout": "",
    "startPort": "not needed; ${PORT} is a port that is free when the server is started",
    "apiKeys": (
        "keys are not copied. Set auth.inference_keys (or BATUTA_AUTH__INFERENCE_KEYS) and auth.required = true; until "
        "then everybody on this machine may call"
    ),
    "logLevel": "Batuta writes its own log to the folder logs, and each server's output to logs/models",
    "logTimeFormat": "the log has times in UTC, always in one form",
    "logToStdout": "each server's output is in logs/models",
    "metricsMaxInMemory": "Batuta keeps counters, at /metrics, and no list of requests",
    "captureBuffer": "requests and answers are not recorded",
    "store": "requests and answers are not recorded",
    "ui": "it is a setting of llama-swap's own page",
    "performance": "memory is watched always, and shown on the page",
    "sendLoadingState": (
        "a stream that waits for its model carries comments with the progress; nothing is put into the answer"
    ),
    "includeAliasesInList": "aliases can be used and are not listed",
    "profiles": "there is no switch between sets of names; roles (brain, executor) say who answers for whom",
    "upstream": "there is no /upstream",
}

MODEL_NOTES: Final[Mapping[str, str]] = {
    "cmd": "",
    "cmdStop": "",
    "proxy": "",
    "checkEndpoint": "",
    "ttl": "",
    "unloadTimeout": "",
    "useModelName": "",
    "env": "",
    "name": "",
    "description": "",
    "aliases": "",
    "macros": "",
    "concurrencyLimit": "",
    "capabilities": "",
    "unlisted": "every model is listed; an unlisted one shows like the others",
    "filters": "not taken over: a request is passed on as it came. Most servers take such defaults in their command",
    "metadata": "not taken over: /v1/models tells the state of a model and nothing else of it",
    "sendLoadingState": (
        "a stream that waits for its model carries comments with the progress; nothing is put into the answer"
    ),
    "timeouts": "not taken over; engine.first_word_s, engine.whole_answer_s and engine.idle_s are for all models",
}

PEER_NOTES: Final[Mapping[str, str]] = {
    "proxy": "",
    "apiKey": "",
    "models": "",
    "filters": "not taken over: Batuta passes a request on as it came",
    "timeouts": "not taken over; engine.first_word_s, engine.whole_answer_s and engine.idle_s are for all models",
}
