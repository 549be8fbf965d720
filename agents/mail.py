"""The one door for outgoing mail, through Django's mail backend.

What breaks off before the whole message has been handed to the server was not sent and may be tried again. From
then on only the server knows whether it took it: the message is in doubt until its answer has come.
"""

from __future__ import annotations

import asyncio
import smtplib
import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends import smtp

from agents.actions import ActionFailed, InDoubt

SEND_SECONDS = 60.0  # of one message, all in all; EMAIL_TIMEOUT bounds each silence
_END_OF_MESSAGE = b"\r\n.\r\n"
_NOT_NOW = 421  # the server closes the channel: it is the server's trouble, not the message's

# Mail servers can be slow: they have threads of their own, not those that talk to the database.
_mailers = ThreadPoolExecutor(max_workers=8, thread_name_prefix="mail")


def host() -> str:
    """The mail server as `agents.hosts` knows it; empty where messages are files."""
    if settings.EMAIL_BACKEND == "django.core.mail.backends.smtp.EmailBackend":
        return f"{settings.EMAIL_HOST.lower()}:{settings.EMAIL_PORT}"
    return ""


class Sending:
    """One message on its way. `run` blocks until the server has answered; `abort`, from another thread, ends that."""

    def __init__(self, message: EmailMessage) -> None:
        self.message = message
        self.is_aborted = False
        self.is_handed_over = False  # all of it: only the server knows what became of it
        self.sockets: list[socket.socket] = []

    def run(self) -> None:
        """Raises ActionFailed, or InDoubt where nobody can know whether the message was sent."""
        if self.is_aborted:
            raise ActionFailed("The run was stopped before the message was sent.", retryable=True)
        connection = self._connection()
        try:
            self._open(connection)
            self._send(connection)
        finally:
            with suppress(
                OSError, smtplib.SMTPException
            ):  # said good-bye or not: the answer stands
                connection.close()

    def abort(self) -> None:
        self.is_aborted = True
        for one in self.sockets:
            with suppress(OSError):  # closed already
                one.shutdown(socket.SHUT_RDWR)

    def _connection(self) -> Any:
        if host():
            return _Backend(self)
        return get_connection()

    def _open(self, connection: Any) -> None:
        """Nothing has been sent yet, whatever happens here."""
        try:
            connection.open()
        except smtplib.SMTPAuthenticationError as error:
            again = 400 <= error.smtp_code < 500
            message = f"The mail server refuses our login ({error.smtp_code})."
            raise ActionFailed(message, retryable=again) from error
        except (OSError, smtplib.SMTPException) as error:
            message = f"The mail server cannot be reached: {_cause(error)}."
            raise ActionFailed(message, retryable=True, host=host()) from error

    def _send(self, connection: Any) -> None:
        try:
            connection.send_messages([self.message])
        except smtplib.SMTPRecipientsRefused as error:
            raise _refused(error) from error
        except smtplib.SMTPResponseException as error:
            if self.is_aborted or error.smtp_code < 400:  # half a line, or nonsense: no answer
                raise self._broke_off(error) from error
            again = 400 <= error.smtp_code < 500
            message = f"The mail server refuses the message ({error.smtp_code})."
            at_fault = host() if error.smtp_code == _NOT_NOW else ""
            raise ActionFailed(message, retryable=again, host=at_fault) from error
        except (OSError, smtplib.SMTPException) as error:
            raise self._broke_off(error) from error

    def _broke_off(self, error: Exception) -> ActionFailed:
        why = "it took too long" if self.is_aborted else _cause(error)
        message = f"The mail server broke off: {why}."
        if not self.is_handed_over:
            return ActionFailed(message, retryable=True, host=host())
        message += " Whether the message was sent is not known, so it is not sent again."
        return InDoubt(message, host=host())


class _Backend(smtp.EmailBackend):
    """Django's, with links that tell the sending how far they got."""

    def __init__(self, sending: Sending) -> None:
        super().__init__()
        self._sending = sending

    @property
    def connection_class(self) -> Any:
        sending = self._sending
        base: type[smtplib.SMTP] = smtplib.SMTP_SSL if self.use_ssl else smtplib.SMTP

        class Link(base):  # type: ignore[misc, valid-type]  # one of two
            def _get_socket(self, *args: Any) -> socket.socket:
                if sending.is_aborted:
                    raise TimeoutError("it took too long")
                link: socket.socket = super()._get_socket(*args)
                sending.sockets.append(link)
                return link

            def send(self, s: Any) -> None:
                super().send(s)
                if isinstance(s, bytes) and s.endswith(_END_OF_MESSAGE):
                    sending.is_handed_over = True

        return Link


async def deliver(sending: Sending, *, run: Callable[[], None]) -> None:
    """Awaits `run`, which calls `sending.run`, in a thread. A caller who is cancelled leaves at once, and the
    sending is broken off. Raises what `run` raises.
    """
    task: Future[None] = _mailers.submit(run)
    future = asyncio.wrap_future(task)
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        done, _ = await asyncio.wait([future], timeout=SEND_SECONDS)
    except asyncio.CancelledError:
        sending.abort()
        raise
    if not done:
        sending.abort()
    await future


def _refused(error: smtplib.SMTPRecipientsRefused) -> ActionFailed:
    codes = [code for code, _ in error.recipients.values()]
    again = all(400 <= code < 500 for code in codes)
    message = f"The mail server refuses {', '.join(error.recipients)} ({codes[0]})."
    return ActionFailed(message, retryable=again, host=host() if _NOT_NOW in codes else "")


def _cause(error: Exception) -> str:
    return str(error).rstrip(".")[:200] or type(error).__name__
