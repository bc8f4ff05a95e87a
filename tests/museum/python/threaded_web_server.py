#!/usr/bin/env python3
"""A web server with a thread for each connection, persistent connections, caching and an access log."""

import contextlib
import math
import os
import re
import resource
import socket
import threading
import time
from datetime import datetime, timezone
from errno import EADDRINUSE
from email.utils import formatdate
from http import HTTPStatus
from ipaddress import ip_address
from typing import FrozenSet, Optional, Set, Tuple
from urllib.parse import quote

import web

EXAMPLES = """\
examples:
  threaded_web_server                         serve ./www on port 8080, or the next one that is free
  threaded_web_server 8000 --strict-port      port 8000 or none
  threaded_web_server --allow css,js          serve style sheets and scripts too
  threaded_web_server --log-format combined --log access.log
"""
EXTENSIONS = frozenset({".txt", ".html", ".png", ".jpg", ".jpeg"})
STACK_SIZE = 512 * 1024
REFUSALS_AT_ONCE = 64
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


# --- dates ------------------------------------------------------------------------------------


def parse_http_date(text: str) -> Optional[float]:
    """Seconds since the epoch of any of the three forms of RFC 9110, section 5.6.7, or None."""
    for form in (
        "%a, %d %b %Y %H:%M:%S GMT",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %d %H:%M:%S %Y",
    ):
        try:
            moment = datetime.strptime(text, form).replace(tzinfo=timezone.utc)
            if "%y" in form:
                moment = moment.replace(year=_nearest_century(moment.year % 100))
            return moment.timestamp()
        except ValueError:
            continue
    return None


def _nearest_century(year: int) -> int:
    """A two-digit year that seems to be more than 50 years ahead is in the past."""
    now = datetime.now(timezone.utc).year
    full = now - now % 100 + year
    return full - 100 if full > now + 50 else full


def modified_since(request: web.Request, modified: float) -> bool:
    if request.values("if-none-match"):
        return request.get("if-none-match") != "*"
    since = parse_http_date(request.get("if-modified-since") or "")
    return since is None or int(modified) > since


# --- the access log ---------------------------------------------------------------------------


class AccessLog:
    """Appends the lines of an exchange with one write, so that they stay together and whole."""

    def __init__(self, path: str, form: str):
        self._form = {"lab": self._lab, "combined": self._combined}[form]
        self._lock = threading.Lock()
        try:
            self._file = open(path, "ab", buffering=0)
        except OSError as error:
            raise web.Failure(
                f"cannot open the log {web.printable(path)}",
                error.strerror,
                "name another file with --log FILE, or write none with --no-log",
            ) from None

    def write(
        self,
        peer: Tuple,
        request: web.Request,
        received: float,
        response: web.Response,
        sent: int,
    ) -> None:
        text = self._form(peer[0], request, received, response, sent).encode(
            "utf-8", "backslashreplace"
        )
        try:
            with self._lock:
                while text:
                    text = text[self._file.write(text) :]
        except OSError as error:
            web.notice(f"error: cannot write the log: {error.strerror}")

    def close(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            os.fsync(self._file.fileno())

    @staticmethod
    def _lab(host, request, received, response, sent) -> str:
        client = f"({'localhost' if is_loopback(host) else host}, {host})"
        path = "-" if request.path is None else quote(os.fsencode(file_name(request)))
        connection = request.get("connection")
        connection = "-" if connection is None else re.sub(r"[^!-Z^-~ ]", "?", connection)
        return (
            f"[Client request from {client}][Connection: {connection}][Method: {request.method or '-'}]"
            f"[Request file name: {path}][Date: {formatdate(received, usegmt=True)}]\n"
            f"[Server response to {client}][StatusCode: {response.status_line}]"
            f"[Date: {response.date}][Connection: {response.headers['Connection']}]\n"
        )

    @staticmethod
    def _combined(host, request, received, response, sent) -> str:
        def quoted(text: Optional[str]) -> str:
            return '"' + re.sub(r'["\\]|[^ -~]', _escape, text or "-") + '"'

        moment = datetime.fromtimestamp(received, timezone.utc)
        when = moment.strftime(f"%d/{MONTHS[moment.month - 1]}/%Y:%H:%M:%S +0000")
        return (
            " ".join(
                [
                    host,
                    "-",
                    "-",
                    f"[{when}]",
                    quoted(request.line),
                    str(response.status.value),
                    str(sent) if sent else "-",
                    quoted(request.get("referer")),
                    quoted(request.get("user-agent")),
                ]
            )
            + "\n"
        )


def _escape(match: "re.Match[str]") -> str:
    character = match[0]
    return "\\" + character if character in '"\\' else f"\\x{ord(character):02x}"


def is_loopback(host: str) -> bool:
    host_address = ip_address(host.partition("%")[0])
    return (getattr(host_address, "ipv4_mapped", None) or host_address).is_loopback


def file_name(request: web.Request) -> str:
    return "/index.html" if request.path == "/" else request.path


# --- the server -------------------------------------------------------------------------------


class ThreadedWebServer:
    def __init__(
        self,
        listener: socket.socket,
        site: web.Site,
        log: Optional[AccessLog],
        extensions: FrozenSet[str],
        arguments,
    ):
        self._listener = listener
        self._site = site
        self._log = log
        self._extensions = extensions
        self._timeout = arguments.keep_alive_timeout
        self._max_requests = arguments.max_requests
        self._max_connections = arguments.max_connections
        self._persistent = arguments.persistent
        self._quiet = arguments.quiet
        self._stopping = False
        self._lock = threading.Lock()
        self._connections: Set[socket.socket] = set()
        self._threads: Set[threading.Thread] = set()
        self._refusals = threading.BoundedSemaphore(REFUSALS_AT_ONCE)

    def serve(self) -> None:
        while (accepted := web.accept(self._listener)) is not None:
            connection, peer = accepted
            deadline = time.monotonic() + self._timeout
            with self._lock:
                admitted = len(self._connections) < self._max_connections and not self._stopping
                if admitted:
                    self._connections.add(connection)
            if not admitted or not self._start_thread(
                self._serve_connection, connection, peer, deadline
            ):
                self._refuse(connection, peer)

    def stop(self) -> None:
        web.close_listener(self._listener)
        with self._lock:
            self._stopping = True
            for connection in self._connections:
                # Whoever waits for a request reads the end of the connection; who is sending goes on.
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)
            threads = list(self._threads)
        end = time.monotonic() + web.STOP_PATIENCE
        for thread in threads:
            thread.join(max(0, end - time.monotonic()))
        if self._log:
            self._log.close()

    def _start_thread(self, target, *arguments) -> bool:
        def body():
            try:
                target(*arguments)
            finally:
                with self._lock:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=body, daemon=True)
        with self._lock:
            self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:
            with self._lock:
                self._threads.discard(thread)
            return False
        return True

    def _refuse(self, connection: socket.socket, peer: Tuple) -> None:
        self._release(connection)
        web.notice(f"Too many connections: {web.address(peer)} is turned away.")
        response = web.text_response(
            HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections, try again later.\n"
        )
        response.headers["Connection"] = "close"
        with contextlib.suppress(OSError):
            response.send(connection, with_body=True)
        if not self._refusals.acquire(blocking=False):
            connection.close()
        elif not self._start_thread(self._close_refused, connection):
            connection.close()
            self._refusals.release()

    def _close_refused(self, connection: socket.socket) -> None:
        web.close(connection, drain=True)
        self._refusals.release()

    def _release(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.discard(connection)

    def _say(self, text: str) -> None:
        if not self._quiet:
            web.say(text)

    def _serve_connection(
        self, connection: socket.socket, peer: Tuple, deadline: float
    ) -> None:
        self._say(f"Received connection from {web.address(peer)}")
        conversation = Conversation(connection, peer)
        closing_line = f"Connection to {web.address(peer)} is closed."
        try:
            while self._exchange(conversation, deadline):
                self._say(
                    f"Request completed, waiting for next request from: {web.address(peer)}"
                )
                deadline = time.monotonic() + self._timeout
            closing_line = conversation.closing_line or closing_line
        except OSError:
            pass
        finally:
            # Before the peer can see the end, so that it finds its place free when it comes again.
            self._release(connection)
            web.close(connection, drain=conversation.unread)
            self._say(closing_line)

    def _exchange(self, conversation: "Conversation", deadline: float) -> bool:
        """Reads and answers one request. Whether the connection stays open."""
        request = web.Request()
        keep_alive = False
        conversation.unread = True
        try:
            head = conversation.reader.read(deadline)
            received = time.time()
            self._say_request(conversation, head)
            request.parse(head, host_required=True)
            conversation.unread = request.has_body
            keep_alive = self._wants_keep_alive(request) and not request.has_body
            response = self._respond(request)
        except web.NoRequest as nothing:
            if nothing.timed_out:
                conversation.closing_line = (
                    f"Timeout, connection to {web.address(conversation.peer)} is closed."
                )
            return False
        except web.HttpError as error:
            if self._stopping and request.line is None:
                return False
            received = time.time()
            self._note_unfinished(conversation, request)
            if error.status == HTTPStatus.REQUEST_TIMEOUT:
                conversation.closing_line = (
                    f"Timeout, connection to {web.address(conversation.peer)} is closed."
                )
            response = web.error_response(error)

        conversation.requests += 1
        if keep_alive and conversation.requests >= self._max_requests:
            keep_alive = False
            conversation.closing_line = (
                f"Maximum {self._max_requests} requests, "
                f"connection to {web.address(conversation.peer)} is closed."
            )
        keep_alive = keep_alive and not self._stopping
        if keep_alive:
            response.headers["Connection"] = "keep-alive"
            left = self._max_requests - conversation.requests + 1
            response.headers["Keep-Alive"] = f"timeout={math.ceil(self._timeout)}, max={left}"
        else:
            response.headers["Connection"] = "close"
            conversation.unread = conversation.unread or bool(conversation.reader.buffer)

        with_body = request.method != "HEAD" and response.status != HTTPStatus.NOT_MODIFIED
        with contextlib.closing(response):
            try:
                response.send(conversation.connection, with_body)
            finally:
                if self._log:
                    self._log.write(
                        conversation.peer,
                        request,
                        received,
                        response,
                        response.length if with_body else 0,
                    )
        return keep_alive

    def _say_request(self, conversation: "Conversation", head: bytes) -> None:
        self._say(
            f"Received request from {web.address(conversation.peer)}:\n{web.printable_head(head)}"
        )

    def _note_unfinished(self, conversation: "Conversation", request: web.Request) -> None:
        begun = conversation.reader.buffer
        if request.line is None and begun:
            self._say_request(conversation, begun[: web.HEAD_LIMIT])
            line, line_end, _ = begun.decode("latin-1").partition("\n")
            if line_end:
                with contextlib.suppress(web.HttpError):
                    request.parse_line(line.rstrip("\r"))

    def _wants_keep_alive(self, request: web.Request) -> bool:
        options = request.tokens("connection")
        if "close" in options:
            return False
        return "keep-alive" in options or (self._persistent and request.version != "HTTP/1.0")

    def _respond(self, request: web.Request) -> web.Response:
        if request.method not in ("GET", "HEAD"):
            return web.text_response(
                HTTPStatus.BAD_REQUEST,
                f"The method {request.method} is not served here, only GET and HEAD are.\n",
            )
        name = file_name(request)
        if os.path.splitext(name)[1].lower() not in self._extensions:
            return web.text_response(
                HTTPStatus.BAD_REQUEST,
                f"Only files of these kinds are served: {' '.join(sorted(self._extensions))}\n",
            )
        file = self._site.open(name)
        if file is None:
            return web.not_found(self._site)
        response = web.file_response(file, name)
        if not modified_since(request, os.fstat(file.fileno()).st_mtime):
            response.status = HTTPStatus.NOT_MODIFIED
        return response


class Conversation:
    """What is known of one connection from exchange to exchange."""

    def __init__(self, connection: socket.socket, peer: Tuple):
        self.connection = connection
        self.peer = peer
        self.reader = web.HeadReader(connection)
        self.requests = 0
        self.unread = False
        self.closing_line: Optional[str] = None


# --- the command line -------------------------------------------------------------------------


def extension_list(text: str) -> FrozenSet[str]:
    return frozenset(
        "." + item.strip().lstrip(".").lower() for item in text.split(",") if item.strip(" .")
    )


def listen(host: str, port: int, strict: bool) -> socket.socket:
    while True:
        try:
            return web.listen(host, port)
        except OSError as error:
            if strict or error.errno != EADDRINUSE or port == 65535:
                raise web.cannot_listen(host, port, error) from None
            web.notice(f"Port {port} is already in use, trying {port + 1}.")
            port += 1


def allow_many_files() -> None:
    """Each connection takes a file descriptor, and the soft limit is often low."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> None:
    parser = web.ArgumentParser(
        prog="threaded_web_server",
        epilog=EXAMPLES,
        description="Serves the files of a folder over HTTP, with a thread for each connection.",
    )
    web.add_server_arguments(parser, port=8080)
    any_number = web.whole_number(1, 999_999_999)
    parser.add_argument(
        "--strict-port",
        action="store_true",
        help="fail where the port is taken, instead of trying the next one",
    )
    parser.add_argument(
        "--keep-alive-timeout",
        metavar="SECONDS",
        type=web.seconds,
        default=15,
        help="how long the next request may take to come (default: 15)",
    )
    parser.add_argument(
        "--max-requests",
        metavar="N",
        type=any_number,
        default=100,
        help="requests on one connection (default: 100)",
    )
    parser.add_argument(
        "--max-connections",
        metavar="N",
        type=any_number,
        default=10000,
        help="connections at once; more get 503 (default: 10000)",
    )
    parser.add_argument(
        "--persistent",
        action="store_true",
        help="keep HTTP/1.1 connections open unless the client says close",
    )
    parser.add_argument(
        "--allow",
        metavar="EXT,EXT",
        type=extension_list,
        default=frozenset(),
        help="serve files with these extensions too",
    )
    parser.add_argument(
        "--log",
        metavar="FILE",
        default="log.txt",
        help="the access log, appended to (default: log.txt)",
    )
    parser.add_argument(
        "--log-format",
        choices=("lab", "combined"),
        default="lab",
        help="lab, or combined as log analysers read it (default: lab)",
    )
    parser.add_argument("--no-log", action="store_true", help="write no access log")
    parser.add_argument("--quiet", action="store_true", help="print the ready line alone")
    arguments = parser.parse_args()

    allow_many_files()
    threading.stack_size(STACK_SIZE)
    site = web.Site(arguments.root)
    log = None if arguments.no_log else AccessLog(arguments.log, arguments.log_format)
    listener = listen(arguments.host, arguments.port, arguments.strict_port)
    server = ThreadedWebServer(listener, site, log, EXTENSIONS | arguments.allow, arguments)
    host, port = listener.getsockname()[:2]
    web.say(f"Server is running on host/port: {host}/{port}")
    web.run_until_signal(server.serve, server.stop)


if __name__ == "__main__":
    web.run(main)
