"""The API's address for the provider: a proxy on loopback that answers for its host, with a certificate of its own CA.

The provider has no setting for the API's address, but honours HTTPS_PROXY and SSL_CERT_FILE as every Go program does.
The proxy reaches nobody: whoever asks for another host is refused, and remembered.
"""

import ssl
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import trustme

from proof.vultr.api import Answer, Api

HOST = "api.vultr.com"
SILENCE_SECONDS = 600.0  # how long an answer that never comes is waited for at most


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: Api, tls: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api
        self.tls = tls
        self.refused: list[str] = []
        self.closing = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_CONNECT(self) -> None:
        server = cast("_Server", self.server)
        if self.path != f"{HOST}:443":
            server.refused.append(self.path)
            self.send_error(403)
            return
        self.send_response(200)
        self.end_headers()
        try:
            self.connection = server.tls.wrap_socket(self.connection, server_side=True)
        except OSError:  # a client that does not trust the CA hangs up
            self.close_connection = True
            return
        self.close_connection = False  # also for a client that asks for the tunnel in HTTP/1.0
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")

    def _answer(self) -> None:
        server = cast("_Server", self.server)
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = server.api.answer(self.command, self.path, self.headers.get("Authorization", ""), content)
        if answer is None:
            server.closing.wait(SILENCE_SECONDS)
            self.close_connection = True
            return
        self._send(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - the names are http.server's

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.content)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
        """Say nothing: the API keeps its own record of calls."""


class Endpoint:
    """The API on a port of loopback, as a context manager; `environment` leads a Go program there.

    Args:
        api: who answers.
        folder: an empty folder for the CA's certificate.
    """

    def __init__(self, api: Api, folder: Path) -> None:
        authority = trustme.CA()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(HOST).configure_cert(tls)
        self._certificate = folder / "ca.pem"
        self._no_others = folder / "none"
        self._no_others.mkdir()
        authority.cert_pem.write_to_path(self._certificate)
        self._server = _Server(api, tls)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.api = api

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables for a program that shall find this API in place of the real one."""
        return {
            "HTTPS_PROXY": f"http://127.0.0.1:{self._server.server_port}",
            "NO_PROXY": "",
            "SSL_CERT_FILE": str(self._certificate),
            "SSL_CERT_DIR": str(self._no_others),
        }

    @property
    def refused(self) -> list[str]:
        """Other hosts that someone tried to reach through the proxy, as host:port."""
        return self._server.refused

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
