"""A tiny server of the OpenAI shape, as a person's own: `python openai_server.py --port N`. Standard library only.

It does what it is told to go wrong: takes its time to be ready, ends, hangs on to its port, leaves a child behind.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any

WORDS = ("one ", "two ", "three")


class Handler(BaseHTTPRequestHandler):
    """Answers health, models and chat; the first word tells which model was asked."""

    options: argparse.Namespace
    ready_at: float
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == self.options.health:
            is_ready = time.monotonic() >= self.ready_at
            self._answer(200 if is_ready else 503, {"status": "ok" if is_ready else "loading"})
        elif self.path == "/v1/models":
            self._answer(200, {"object": "list", "data": [{"id": self.options.name, "object": "model"}]})
        elif self.path == "/environment":
            self._answer(200, dict(os.environ))
        else:
            self._answer(404, {"error": {"message": "no such path"}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.options.key and self.headers["authorization"] != f"Bearer {self.options.key}":
            self._answer(401, {"error": {"message": "Invalid API Key", "type": "authentication_error"}})
        elif self.path != f"{self.options.api}/chat/completions":
            self._answer(404, {"error": {"message": f"no such path {self.path}"}})
        elif body["messages"][-1]["content"] == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif body.get("stream"):
            self._stream(body)
        else:
            message = {"role": "assistant", "content": f"{body['model']}: {''.join(WORDS)}"}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4}
            self._answer(200, {**_head(body, "chat.completion"), "choices": [choice], "usage": usage})

    def _stream(self, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for word in (f"{body['model']}: ", *WORDS, None):
            delta = {} if word is None else {"content": word}
            choice = {"index": 0, "delta": delta, "finish_reason": "stop" if word is None else None}
            event = {**_head(body, "chat.completion.chunk"), "choices": [choice]}
            self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def _answer(self, status: int, content: Any) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_args: Any) -> None:
        """Say nothing of each request."""


class Server(ThreadingHTTPServer):
    """Does not ask DNS for its own name, which can take a second."""

    daemon_threads = True

    def server_bind(self) -> None:
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]


def _head(body: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "x", "object": kind, "created": 1, "model": body["model"]}


def parse() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", default="own")
    parser.add_argument("--health", default="/health")
    parser.add_argument("--api", default="/v1")
    parser.add_argument("--key", default="")
    parser.add_argument("--ready-after", type=float, default=0.0)
    parser.add_argument("--say", default="")
    parser.add_argument("--exit", type=int, help="end with this status before listening")
    parser.add_argument("--deaf", action="store_true", help="do not end on SIGTERM")
    parser.add_argument("--child", type=Path, help="start a child in a session of its own; write its id here")
    parser.add_argument("--detach", type=Path, help="run as a daemon and end with 0; write its id here")
    parser.add_argument("--bytes", type=int, default=0, help="memory to hold")
    return parser.parse_args()


def main() -> None:
    """Serve until told to stop."""
    options = parse()
    if options.detach:
        words = [word for word in sys.argv if word not in {"--detach", str(options.detach)}]
        daemon = subprocess.Popen([sys.executable, *words], start_new_session=True, stdout=2)
        options.detach.write_text(str(daemon.pid))
        os._exit(0)  # as `docker run -d` does
    if options.say:
        print(options.say, flush=True)  # noqa: T201  # the server's own output
    if options.exit is not None:
        sys.exit(options.exit)
    if options.deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if options.child:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        options.child.write_text(str(child.pid))
    Handler.held = bytearray(options.bytes)  # type: ignore[attr-defined]  # kept as long as the process
    for index in range(0, options.bytes, 4096):
        Handler.held[index] = 1  # type: ignore[attr-defined]  # touched, so that it counts
    Handler.options = options
    server = Server(("127.0.0.1", options.port), Handler)
    Handler.ready_at = time.monotonic() + options.ready_after
    server.serve_forever()


if __name__ == "__main__":
    main()
