"""What the web servers share: arguments, sockets, the console, HTTP heads, files and responses."""

import argparse
import contextlib
import errno
import math
import mimetypes
import os
import re
import signal
import socket
import sys
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import BinaryIO, Dict, List, Optional, Tuple, Union

VERSION = "1.0"
HEAD_LIMIT = 8192
SEND_TIMEOUT = 15  # seconds without progress
LINGER = 1.0
STOP_PATIENCE = 5.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


# --- the command line -------------------------------------------------------------------------


class Failure(Exception):
    """What ends the program with status 1: what was tried, why it failed, what helps."""

    def __init__(self, what: str, why: str, hint: str = ""):
        super().__init__(f"{what}: {why}")
        self.hint = hint


class ArgumentParser(argparse.ArgumentParser):
    def __init__(self, **settings):
        super().__init__(
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **settings,
        )
        self.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")

    def error(self, message):
        complain(message, f"{self.prog} --help describes every option")
        self.exit(2)


def whole_number(least: int, most: int):
    def convert(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"{text!r} is no whole number from {least} to {most}"
            )
        return int(text)

    return convert


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return value


def add_server_arguments(parser: argparse.ArgumentParser, port: int) -> None:
    parser.add_argument(
        "port",
        metavar="PORT",
        nargs="?",
        type=whole_number(0, 65535),
        default=port,
        help=f"the port to listen on, 0 for any free one (default: {port})",
    )
    parser.add_argument(
        "--host",
        metavar="ADDR",
        default="127.0.0.1",
        help="the address to listen on; 0.0.0.0 lets other machines in (default: 127.0.0.1)",
    )
    parser.add_argument(
        "--root",
        metavar="DIR",
        default="www",
        help="the folder whose files are served (default: www)",
    )


def run(main) -> None:
    """Runs a server's main function and ends the process with the status that the outcome asks for."""
    # Blocked here, and so in every thread to come, they wait for run_until_signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    status = 0
    try:
        main()
    except Failure as failure:
        complain(str(failure), failure.hint)
        status = 1
    except SystemExit as end:
        status = end.code or 0
    except BrokenPipeError:
        pass
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, AttributeError):
            stream.flush()
    # Threads that outlived the patience above must not hold up the exit.
    os._exit(status)


def run_until_signal(serve, stop) -> None:
    """Runs `serve` in a thread until it returns, SIGINT or SIGTERM comes or stdout is closed; then `stop`."""

    def serve_and_end():
        try:
            serve()
        finally:
            request_stop()

    threading.Thread(target=serve_and_end, daemon=True).start()
    signal.sigwait(STOP_SIGNALS)
    stop()


def request_stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


# --- the console ------------------------------------------------------------------------------

_console_lock = threading.Lock()


def say(text: str) -> None:
    """Prints one or more lines to stdout in one piece; ends the server when nobody reads them any more."""
    try:
        with _console_lock:
            if sys.stdout is not None:
                sys.stdout.write(text + "\n")
                sys.stdout.flush()
    except OSError:
        request_stop()


def complain(message: str, hint: str = "") -> None:
    notice(f"error: {message}" + (f"\nhint: {hint}" if hint else ""))


def notice(text: str) -> None:
    with contextlib.suppress(OSError):
        if sys.stderr is not None:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()


def printable(text: str, keep: str = "") -> str:
    """Escapes control characters, with which a peer could drive the terminal."""
    return re.sub(
        r"[\x00-\x1f\x7f-\x9f]",
        lambda match: match[0] if match[0] in keep else f"\\x{ord(match[0]):02x}",
        text,
    )


def printable_head(head: bytes) -> str:
    text = head.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    return printable(text, keep="\n\t").rstrip("\n")


# --- sockets ----------------------------------------------------------------------------------


def address(endpoint: Tuple) -> str:
    host, port = endpoint[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """Listens on the first address of `host`, IPv4 first. Raises OSError where the port cannot be had."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        why = error.strerror if isinstance(error, socket.gaierror) else "not a host name"
        raise Failure(
            f"cannot find the address of {printable(host)}",
            why,
            "give an address of this machine, for example --host 127.0.0.1",
        ) from None
    family, kind, protocol, _, endpoint = min(
        found, key=lambda entry: entry[0] != socket.AF_INET
    )
    listener = socket.socket(family, kind, protocol)
    try:
        # A port in TIME_WAIT is free; one that another program listens on is not.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(endpoint)
        listener.listen(socket.SOMAXCONN)
    except OSError:
        listener.close()
        raise
    return listener


def cannot_listen(host: str, port: int, error: OSError) -> Failure:
    where = address((host, port))
    return Failure(
        f"cannot listen on {where}",
        os.strerror(error.errno),
        f"choose another port (0 takes any free one), or stop what uses {where}",
    )


def accept(listener: socket.socket) -> Optional[Tuple[socket.socket, Tuple]]:
    """The next connection, or None when the listener has been closed."""
    while True:
        try:
            connection, peer = listener.accept()
        except ConnectionAbortedError:
            continue
        except OSError as error:
            if listener.fileno() < 0 or error.errno in (errno.EBADF, errno.EINVAL):
                return None
            notice(f"error: cannot accept a connection: {error.strerror}")
            time.sleep(0.1)
            continue
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, peer


def close_listener(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def close(connection: socket.socket, drain: bool) -> None:
    """Closes a connection. With `drain`, what the peer still sends is read first for a moment: closing
    over unread bytes resets the connection, and the peer could lose the response."""
    with contextlib.suppress(OSError):
        if drain:
            connection.shutdown(socket.SHUT_WR)
            end = time.monotonic() + LINGER
            while (left := end - time.monotonic()) > 0:
                connection.settimeout(left)
                if not connection.recv(65536):
                    break
    connection.close()


# --- requests ---------------------------------------------------------------------------------


class HttpError(Exception):
    """A request that gets an error response, after which its connection is closed."""

    def __init__(self, status: HTTPStatus, why: str):
        super().__init__(why)
        self.status = status
        self.why = why


class NoRequest(Exception):
    """The connection ended, or its time ran out, before a request began."""

    def __init__(self, timed_out: bool):
        super().__init__()
        self.timed_out = timed_out


def bad_request(why: str) -> HttpError:
    return HttpError(HTTPStatus.BAD_REQUEST, why)


class HeadReader:
    """Takes request heads from a connection, in whatever pieces they come."""

    END = re.compile(rb"(?:\A|\n)\r?\n")

    def __init__(self, connection: socket.socket):
        self._connection = connection
        self._skipped_line = False
        self.buffer = b""

    def read(self, deadline: float) -> bytes:
        """The next head with the empty line that ends it. What has come of an unfinished one stays in `buffer`."""
        self._skipped_line = False
        while True:
            self._skip_empty_line()
            end = self.END.search(self.buffer)
            if (end.end() if end else len(self.buffer)) > HEAD_LIMIT:
                raise HttpError(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                    f"The request head is longer than {HEAD_LIMIT} bytes.",
                )
            if end:
                head, self.buffer = self.buffer[: end.end()], self.buffer[end.end() :]
                return head
            self._receive(deadline)

    def _skip_empty_line(self) -> None:
        if not self._skipped_line:
            for line_end in (b"\r\n", b"\n"):
                if self.buffer.startswith(line_end):
                    self.buffer = self.buffer[len(line_end) :]
                    self._skipped_line = True
                    break

    def _receive(self, deadline: float) -> None:
        begun = self.buffer not in (b"", b"\r")
        left = deadline - time.monotonic()
        try:
            if left <= 0:
                raise socket.timeout
            self._connection.settimeout(left)
            received = self._connection.recv(HEAD_LIMIT)
        except socket.timeout:
            if not begun:
                raise NoRequest(timed_out=True) from None
            raise HttpError(
                HTTPStatus.REQUEST_TIMEOUT,
                "The request head did not end in time: "
                "the empty line after the last header is missing.",
            ) from None
        if not received:
            if not begun:
                raise NoRequest(timed_out=False)
            raise bad_request(
                "The connection was closed in the middle of the request head: "
                "the empty line after the last header is missing."
            )
        self.buffer += received


TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HOST = re.compile(r"(?:\[[0-9A-Fa-fvV:.]+\]|[!$&'()*+,;=%.~_0-9A-Za-z-]*)(?::[0-9]*)?")


@dataclass
class Request:
    """A request head, or as much of it as could be read."""

    line: Optional[str] = None
    method: Optional[str] = None
    path: Optional[str] = None  # decoded, without the query
    version: Optional[str] = None
    headers: List[Tuple[str, str]] = field(default_factory=list)

    def values(self, name: str) -> List[str]:
        return [value for key, value in self.headers if key == name]

    def get(self, name: str) -> Optional[str]:
        values = self.values(name)
        return ", ".join(values) if values else None

    def tokens(self, name: str) -> List[str]:
        return [token.strip().lower() for token in (self.get(name) or "").split(",")]

    @property
    def has_body(self) -> bool:
        return "transfer-encoding" in [name for name, _ in self.headers] or any(
            int(length) for length in self.tokens("content-length") if length
        )

    def parse(self, head: bytes, host_required: bool) -> None:
        """Fills in the request; what could be read before an HttpError stays."""
        first, *lines = [
            line[:-1] if line.endswith("\r") else line
            for line in head.decode("latin-1").split("\n")
        ]
        self.parse_line(first)
        for line in lines:
            if not line:
                break
            self._parse_header(line)
        self._check_framing()
        self._check_host(host_required)

    def parse_line(self, line: str) -> None:
        self.line = line
        if re.search(r"[\x00-\x1f\x7f]", line):
            raise bad_request("The request line holds a control character.")
        words = line.split(" ")
        if len(words) != 3 or "" in words:
            raise bad_request(
                "The request line is not of the form METHOD TARGET VERSION with one space between "
                "them, for example: GET /index.html HTTP/1.1"
            )
        if not TOKEN.fullmatch(words[0]):
            raise bad_request("The method has characters that no method may have.")
        self.method = words[0]
        self._parse_version(words[2])
        self._parse_target(words[1])

    def _parse_version(self, version: str) -> None:
        if re.fullmatch(r"HTTP/1\.[0-9]", version):
            self.version = version
        elif re.fullmatch(r"HTTP/(?!1(?![0-9]))[0-9]+(\.[0-9]+)?", version):
            raise HttpError(
                HTTPStatus.HTTP_VERSION_NOT_SUPPORTED,
                f"This server speaks HTTP/1.0 and HTTP/1.1, not {version}.",
            )
        else:
            raise bad_request(
                f"The version in the request line is {version!r}, but it is written HTTP/1.1"
            )

    def _parse_target(self, target: str) -> None:
        absolute = re.match(r"https?://[^/?#]*", target, re.IGNORECASE)
        if absolute:
            target = target[absolute.end() :]
            target = target if target.startswith("/") else "/" + target
        elif not target.startswith("/"):
            if self.method in ("GET", "HEAD"):
                raise bad_request(
                    "The target in the request line does not begin with a slash (/)."
                )
            return
        path = re.split(r"[?#]", target, maxsplit=1)[0]
        self.path = os.fsdecode(urllib.parse.unquote_to_bytes(path.encode("latin-1")))

    def _parse_header(self, line: str) -> None:
        name, colon, value = line.partition(":")
        if line[0] in " \t":
            raise bad_request(
                "A header line begins with white space: folded lines are not allowed."
            )
        if not colon:
            raise bad_request("A header line has no colon; it is written Name: value")
        if name != name.rstrip():
            raise bad_request("There is white space between a header's name and its colon.")
        if not TOKEN.fullmatch(name):
            raise bad_request(
                "A header's name is empty or has characters that no name may have."
            )
        if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
            raise bad_request(
                "A header's value holds a control character, such as a carriage return alone."
            )
        self.headers.append((name.lower(), value.strip(" \t")))

    def _check_framing(self) -> None:
        codings = self.values("transfer-encoding")
        lengths = set(self.tokens("content-length")) if self.values("content-length") else set()
        if codings and lengths:
            raise bad_request("The request has both Content-Length and Transfer-Encoding.")
        if codings and self.tokens("transfer-encoding")[-1] != "chunked":
            raise bad_request("The last transfer coding of a request must be chunked.")
        if not all(re.fullmatch("[0-9]{1,18}", length) for length in lengths):
            raise bad_request("Content-Length is not a number.")
        if len({int(length) for length in lengths}) > 1:
            raise bad_request("The request has two different Content-Lengths.")

    def _check_host(self, required: bool) -> None:
        hosts = self.values("host")
        if not hosts and required and self.version != "HTTP/1.0":
            raise bad_request("The header Host is missing, which HTTP/1.1 asks for.")
        if len(hosts) > 1:
            raise bad_request("The request has more than one Host header.")
        if hosts and not HOST.fullmatch(hosts[0]):
            raise bad_request("The header Host holds no host name.")


# --- files and responses ----------------------------------------------------------------------


class Site:
    """A folder of files; nothing outside it is ever opened."""

    def __init__(self, root: str):
        self._root = os.path.realpath(root)
        if not os.path.isdir(self._root):
            why = (
                "Not a directory" if os.path.exists(self._root) else "No such file or directory"
            )
            raise Failure(
                f"root folder {printable(root)}",
                why,
                "name the folder to serve with --root DIR",
            )

    def open(self, path: str) -> Optional[BinaryIO]:
        segments = path.split("/")
        if "\0" in path or "\\" in path or ".." in segments or segments[-1] in ("", "."):
            return None
        real = os.path.realpath(os.path.join(self._root, path.lstrip("/")))
        if os.path.commonpath([self._root, real]) != self._root:
            return None
        try:
            return open(real, "rb") if os.path.isfile(real) else None
        except OSError:
            return None


@dataclass
class Response:
    status: HTTPStatus
    headers: Dict[str, str]
    body: Union[bytes, BinaryIO]
    length: int
    moment: float = field(default_factory=time.time)

    @property
    def status_line(self) -> str:
        return f"HTTP/1.1 {self.status.value} {self.status.phrase}"

    @property
    def date(self) -> str:
        return formatdate(self.moment, usegmt=True)

    def send(self, connection: socket.socket, with_body: bool) -> None:
        """Raises OSError when the peer is gone or makes no progress, or the file has become shorter."""
        lines = [self.status_line, f"Date: {self.date}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        connection.settimeout(SEND_TIMEOUT)
        connection.sendall("\r\n".join(lines + ["", ""]).encode("latin-1"))
        if not with_body or not self.length:
            return
        if isinstance(self.body, bytes):
            connection.sendall(self.body)
        elif connection.sendfile(self.body, count=self.length) < self.length:
            raise OSError("the file has become shorter")

    def close(self) -> None:
        if not isinstance(self.body, bytes):
            self.body.close()


def content_type(name: str) -> str:
    kind, encoding = mimetypes.guess_type(name)
    if kind is None or encoding is not None:
        return "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def file_response(file: BinaryIO, name: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    info = os.fstat(file.fileno())
    headers = {"Content-Type": content_type(name), "Content-Length": str(info.st_size)}
    response = Response(status, headers, file, info.st_size)
    if status == HTTPStatus.OK:
        headers["Last-Modified"] = formatdate(min(info.st_mtime, response.moment), usegmt=True)
    return response


def text_response(status: HTTPStatus, text: str) -> Response:
    body = text.encode()
    return Response(
        status,
        {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body))},
        body,
        len(body),
    )


def not_found(site: Site) -> Response:
    page = site.open("/filenotfound.html")
    if page is None:
        return text_response(HTTPStatus.NOT_FOUND, "File not found")
    return file_response(page, "filenotfound.html", HTTPStatus.NOT_FOUND)


def error_response(error: HttpError) -> Response:
    return text_response(error.status, error.why + "\n")
