"""A mail server of this machine that misbehaves at a chosen moment."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# What it may do at `moment` (greeting, mail, rcpt, data, body):
BREAK_OFF, DRIP = "break off", "drip"  # a text such as "451 later" is its answer instead

_ANSWERS = {
    "greeting": "220 mail.example.org",
    "ehlo": "250 mail.example.org",
    "helo": "250 mail.example.org",
    "mail": "250 fine",
    "rcpt": "250 fine",
    "data": "354 go on",
    "body": "250 taken",
    "rset": "250 fine",
    "quit": "221 bye",
}


class MailServer(socketserver.ThreadingTCPServer):
    """`faults`: what to do at which moment; `taken`: the messages that were answered with 250 or would have been."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.faults: dict[str, str] = {}
        self.taken: list[bytes] = []
        self.calls = 0
        self.closing = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Talk(socketserver.StreamRequestHandler):
    server: Any

    def handle(self) -> None:
        self.server.calls += 1
        try:
            if self._say("greeting"):
                self._talk()
        except OSError:
            return  # the client has gone

    def _talk(self) -> None:
        while line := self.rfile.readline():
            verb = line.split()[0].decode().lower() if line.split() else ""
            if not self._say(verb) or verb == "quit":
                return
            if verb == "data" and "data" not in self.server.faults:
                body = b""
                while not body.endswith(b"\r\n.\r\n"):
                    body += self.rfile.readline()
                self.server.taken.append(body)
                if not self._say("body"):
                    return

    def _say(self, moment: str) -> bool:
        fault = self.server.faults.get(moment)
        if fault == BREAK_OFF:
            self.request.shutdown(socket.SHUT_RDWR)
            return False
        if fault == DRIP:
            while not self.server.closing.wait(0.05):
                self.wfile.write(b"2")
            return False
        self.wfile.write(f"{fault or _ANSWERS.get(moment, '502 what?')}\r\n".encode())
        return True


@contextmanager
def mail_server(settings: Any) -> Iterator[MailServer]:
    """Runs one and makes Django send its mail there."""
    with MailServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        yield server
        server.closing.set()
        server.shutdown()
