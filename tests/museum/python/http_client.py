#!/usr/bin/env python3
"""A command-line HTTP/1.1 client on plain sockets."""

import argparse
import codecs
import math
import os
import re
import select
import socket
import sys

VERSION = "1.0"
PIECE = 64 * 1024
MAX_HEAD = 1024 * 1024

EXAMPLES = """\
examples:
  http_client localhost 6789 /index.html
  http_client http://localhost:6789/index.html
  http_client --head -H 'If-Modified-Since: Fri, 05 Apr 2024 13:33:33 GMT' localhost 8080 /
  http_client -o picture.png http://localhost:8080/picture.png
  http_client --session localhost 8080
"""


class Failure(Exception):
    """Ends the program, or in a session the exchange, with a message."""

    def __init__(self, message, hint=None, status=1):
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.status = status

    def report(self):
        say("error: " + self.message)
        if self.hint:
            say("hint: " + self.hint)


class StdoutClosed(Exception):
    """Whoever read our output has gone."""


class NoReply(Failure):
    """The connection ended before the first byte of a reply."""


def say(text):
    if sys.stderr is not None:
        print(text, file=sys.stderr, flush=True)


def escape_controls(text):
    """Make control characters visible, all but tabs and line ends."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda m: "\\x%02x" % ord(m[0]), text)


def readable(data):
    return escape_controls(data.decode("utf-8", "backslashreplace"))


# --- standard output ---------------------------------------------------------


class Stdout:
    """Standard output: exact bytes into pipes and files, escaped text on a terminal."""

    def __init__(self):
        self.is_terminal = sys.stdout.isatty()
        self._start_text()

    def _start_text(self):
        self.decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self.held = ""

    def write(self, data):
        if self.is_terminal:
            text = self.held + self.decoder.decode(data)
            # A CR is part of a line end only if LF follows, perhaps in the next piece.
            self.held = "\r" if text.endswith("\r") else ""
            if self.held:
                text = text[:-1]
            data = escape_controls(text.replace("\r\n", "\n")).encode()
        self._write_exact(data)

    def end_text(self):
        if self.is_terminal:
            rest = self.held + self.decoder.decode(b"", final=True)
            self._start_text()
            self._write_exact(escape_controls(rest).encode())

    def _write_exact(self, data):
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise StdoutClosed
        except OSError as e:
            raise Failure("cannot write to standard output: " + e.strerror)


# --- addresses and request targets -------------------------------------------


def show_address(sockaddr):
    host, port = sockaddr[:2]
    return "[%s]:%d" % (host, port) if ":" in host else "%s:%d" % (host, port)


def parse_port(text):
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise Failure("invalid port %r: it must be a number from 1 to 65535" % text, status=2)
    return int(text)


def parse_host(text):
    refuse_line_breaks("host", text)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", text)
    if scheme:
        check_scheme(scheme[1])
        text = text[scheme.end() :].rstrip("/")
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if not text or re.search(r"[\x00-\x20/?#@\[\]\x7f]", text):
        raise Failure("invalid host %r: not a name or an address" % text, status=2)
    return text


def check_scheme(scheme):
    if scheme.lower() == "https":
        raise Failure(
            "cannot fetch https:// URLs: this client speaks no TLS",
            "use an http:// URL",
            status=2,
        )
    if scheme.lower() != "http":
        raise Failure("cannot fetch %s:// URLs: only http:// is spoken here" % scheme, status=2)


def refuse_line_breaks(what, text):
    if "\r" in text or "\n" in text:
        raise Failure(
            "invalid %s: it holds a line break" % what,
            "a line break here would start a new line of the request",
            status=2,
        )


def parse_target(text):
    """The request target for a file as a user writes it."""
    refuse_line_breaks("file", text)
    if not text.startswith("/"):
        text = "/" + text
    encoded = bytearray()
    data = os.fsencode(text)
    for i, byte in enumerate(data):
        stray_percent = byte == 0x25 and not re.match(rb"[0-9A-Fa-f]{2}", data[i + 1 : i + 3])
        if stray_percent or not 0x21 <= byte <= 0x7E or byte in b'"<>\\^`{|}#':
            encoded += b"%%%02X" % byte
        else:
            encoded.append(byte)
    return encoded.decode("ascii")


def parse_url(url):
    refuse_line_breaks("URL", url)
    match = re.fullmatch(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^#]*)(#.*)?", url, re.DOTALL)
    if not match:
        raise Failure(
            "invalid URL %r: it does not begin with http://" % url,
            "write http_client HOST PORT FILE, or http_client http://HOST:PORT/FILE",
            status=2,
        )
    scheme, authority, file, _ = match.groups()
    check_scheme(scheme)
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(.*))?", authority)
    if not match:
        raise Failure(
            "invalid URL %r: %r is not HOST or HOST:PORT" % (url, authority), status=2
        )
    host, port = match.groups()
    return parse_host(host), parse_port(port) if port else 80, parse_target(file)


def host_header(host, port):
    name = "[%s]" % host.split("%")[0] if ":" in host else host
    try:
        name.encode("ascii")
    except UnicodeEncodeError:
        name = name.encode("idna").decode("ascii")
    return name if port == 80 else "%s:%d" % (name, port)


def parse_header(text):
    refuse_line_breaks("header", text)
    name, colon, value = text.partition(":")
    if not colon or not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
        raise Failure("invalid header %r: it must be 'Name: value'" % text, status=2)
    return name, value.strip(" \t")


# --- the connection ----------------------------------------------------------


class Connection:
    def __init__(self, host, port, timeout):
        self.timeout = timeout
        self.buffer = bytearray()
        self.socket = self._connect(host, port)

    def _connect(self, host, port):
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as e:
            reason = e.strerror if isinstance(e, OSError) else "not a valid name"
            raise Failure(
                "unknown host %s: %s" % (host, reason), "check the spelling of the host"
            )
        found.sort(key=lambda info: info[0] != socket.AF_INET)

        failures = []
        for family, kind, protocol, _, sockaddr in found:
            sock = None
            try:
                sock = socket.socket(family, kind, protocol)
                sock.settimeout(self.timeout)
                sock.connect(sockaddr)
            except OSError as e:
                if sock:
                    sock.close()
                failures.append((e, show_address(sockaddr)))
            else:
                self.address = show_address(sockaddr)
                return sock
        raise self._connect_failure(*failures[0])

    def _connect_failure(self, e, address):
        if isinstance(e, ConnectionRefusedError):
            return Failure(
                "Connection refused: nothing is listening on " + address,
                "start the server first, or check the port",
            )
        if isinstance(e, socket.timeout):
            return Failure(
                "cannot connect to %s: no answer within %g s" % (address, self.timeout),
                "check the address, or allow more time with --timeout",
            )
        return Failure("cannot connect to %s: %s" % (address, e.strerror or e))

    def close(self):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except socket.timeout:
            raise Failure(
                "cannot send to %s: no progress within %g s" % (self.address, self.timeout)
            )
        except ConnectionError:
            pass  # The server may have answered before it closed; reading will tell.

    def is_idle(self):
        """True while the server has neither closed nor sent what nobody asked for."""
        readable_now, _, _ = select.select([self.socket], [], [], 0)
        return not self.buffer and not readable_now

    def fill(self):
        """Receive some more bytes; False at the end of the connection."""
        data = self.socket.recv(PIECE)
        self.buffer += data
        return bool(data)

    def take(self, n):
        data = bytes(self.buffer[:n])
        del self.buffer[:n]
        return data

    def read_some(self, limit):
        """From 1 to `limit` bytes; none at the end of the connection."""
        if not self.buffer:
            self.fill()
        return self.take(limit)

    def read_line(self):
        """A line without its line end, or None if the connection ends before it does."""
        start = 0
        while True:
            end = self.buffer.find(b"\n", start)
            if end >= 0:
                line = self.take(end + 1)[:-1]
                return line[:-1] if line.endswith(b"\r") else line
            if len(self.buffer) > MAX_HEAD:
                raise Failure("the reply of %s has a line without end" % self.address)
            start = len(self.buffer)
            if not self.fill():
                return None


# --- the response ------------------------------------------------------------


class Response:
    """The head of a response, and the way to its body."""

    def __init__(self, connection, method):
        self.connection = connection
        self.method = method
        self.received = 0
        self.expected = None
        self._read_head()
        while 100 <= self.status < 200:
            self._read_head()
        self._find_framing()

    def _read_head(self):
        connection = self.connection
        self.lines = []
        try:
            self._expect_http()
            self.lines = [connection.read_line()]
            size = 0
            while self.lines[-1]:
                self.lines.append(connection.read_line())
                size += len(self.lines[-1] or b"")
                if size > MAX_HEAD:
                    raise Failure(
                        "the head of the reply from %s is too long" % connection.address
                    )
        except socket.timeout:
            raise Failure(
                "no reply from %s within %g s" % (connection.address, connection.timeout),
                "the server may be busy, or not speak HTTP; see --timeout",
            )
        except ConnectionError as e:
            kind = NoReply if not self.lines and not connection.buffer else Failure
            raise kind("no whole reply from %s: %s" % (connection.address, e.strerror))
        if self.lines.pop() is None:
            raise Failure(
                "the head of the reply from %s is cut short: the connection ended"
                % connection.address
            )
        match = re.fullmatch(
            rb"HTTP/1\.([0-9]) ([1-9][0-9][0-9])(?: .*)?", self.lines[0], re.DOTALL
        )
        if not match:
            self._not_http(self.lines[0])
        self.minor, self.status = int(match[1]), int(match[2])
        self.headers = self._parse_headers(self.lines[1:])

    def _expect_http(self):
        """Look at the first bytes, so as not to wait for the line end of what is no HTTP."""
        connection = self.connection
        magic = b"HTTP/"
        while len(connection.buffer) < len(magic) and magic.startswith(connection.buffer):
            if not connection.fill():
                if connection.buffer:
                    break
                raise NoReply("no reply from %s: it closed the connection" % connection.address)
        if not connection.buffer.startswith(magic):
            self._not_http(bytes(connection.buffer))

    def _not_http(self, data):
        raise Failure(
            'the reply from %s is not HTTP: it begins with "%s"'
            % (self.connection.address, readable(data[:60]).replace("\n", "\\n")),
            "check that a web server is listening on this port",
        )

    @staticmethod
    def _parse_headers(lines):
        headers = []
        for line in lines:
            if line[:1] in (b" ", b"\t") and headers:
                headers[-1][1] += b" " + line.strip()
            else:
                name, _, value = line.partition(b":")
                headers.append([name.strip().lower(), value.strip()])
        return headers

    def elements(self, name):
        """The comma-separated elements of all headers of this name, in lower case."""
        values = [value for key, value in self.headers if key == name]
        return [e.strip().lower() for value in values for e in value.split(b",") if e.strip()]

    def _find_framing(self):
        codings = self.elements(b"transfer-encoding")
        lengths = set(self.elements(b"content-length"))
        if self.method == "HEAD" or self.status in (204, 304):
            self.framing = "none"
        elif codings:
            self.framing = "chunked" if codings[-1] == b"chunked" else "close"
        elif lengths:
            length = lengths.pop()
            if lengths or not re.fullmatch(rb"[0-9]{1,18}", length):
                raise Failure(
                    "the reply from %s has no usable Content-Length" % self.connection.address
                )
            self.framing = "length"
            self.expected = int(length)
        else:
            self.framing = "close"

    @property
    def keeps_connection(self):
        if self.framing == "close":
            return False
        options = self.elements(b"connection")
        return b"close" not in options and (self.minor >= 1 or b"keep-alive" in options)

    def body(self):
        """The pieces of the body as they arrive."""
        pieces = {
            "none": self._no_body,
            "length": self._body_by_length,
            "chunked": self._body_by_chunks,
            "close": self._body_to_end,
        }[self.framing]
        try:
            for piece in pieces():
                self.received += len(piece)
                yield piece
        except socket.timeout:
            self._cut_short("no more came within %g s" % self.connection.timeout)
        except ConnectionError as e:
            self._cut_short(e.strerror)

    def _cut_short(self, reason):
        if self.expected is None:
            came = "%d bytes came" % self.received
        else:
            came = "%d of %d bytes" % (self.received, self.expected)
        raise Failure("the body is cut short: %s: %s" % (came, reason))

    def _no_body(self):
        return iter(())

    def _body_by_length(self):
        left = self.expected
        while left:
            piece = self.connection.read_some(min(left, PIECE))
            if not piece:
                self._cut_short("the server closed the connection")
            left -= len(piece)
            yield piece

    def _body_to_end(self):
        while True:
            piece = self.connection.read_some(PIECE)
            if not piece:
                return
            yield piece

    def _body_by_chunks(self):
        connection = self.connection
        while True:
            line = connection.read_line()
            if line is None:
                self._cut_short("the server closed the connection before the last chunk")
            match = re.fullmatch(rb"([0-9A-Fa-f]{1,16})[ \t]*(;.*)?", line, re.DOTALL)
            if not match:
                self._cut_short('"%s" is no chunk size' % readable(line[:40]))
            left = int(match[1], 16)
            if left == 0:
                break
            while left:
                piece = connection.read_some(min(left, PIECE))
                if not piece:
                    self._cut_short("the server closed the connection within a chunk")
                left -= len(piece)
                yield piece
            if connection.read_line() != b"":
                self._cut_short("a chunk does not end where its size says")
        while connection.read_line():
            pass  # trailers

    def looks_binary(self, piece):
        kind = b"".join(self.elements(b"content-type")[:1])
        if re.match(
            rb"(image|audio|video|font)/|application/(octet-stream|zip|gzip|pdf)", kind
        ):
            return not kind.startswith(b"image/svg")
        if b"\0" in piece:
            return True
        try:
            codecs.getincrementaldecoder("utf-8")().decode(piece)
        except UnicodeDecodeError:
            return not kind.startswith(b"text/")
        return False


# --- showing a response ------------------------------------------------------


def show_head(response, stdout):
    stdout.write(b"".join(line + b"\n" for line in response.lines) + b"\n")
    stdout.end_text()


def show_body(response, stdout):
    """Print the body; returns its last byte."""
    last = b""
    hidden = False
    try:
        for piece in response.body():
            if not last and stdout.is_terminal:
                hidden = response.looks_binary(piece)
            if not hidden:
                stdout.write(piece)
            last = piece[-1:]
    finally:
        stdout.end_text()
        if hidden:
            say(
                "notice: binary body of %d bytes not shown; save it with --output FILE"
                % response.received
            )
    return b"\n" if hidden else last


def save_body(response, path):
    progress = Progress(response) if sys.stderr is not None and sys.stderr.isatty() else None
    try:
        with open(path, "wb") as file:
            for piece in response.body():
                try:
                    file.write(piece)
                except OSError as e:
                    raise Failure("cannot write %s: %s" % (path, e.strerror))
                if progress:
                    progress.update()
    except OSError as e:
        raise Failure("cannot write %s: %s" % (path, e.strerror))
    finally:
        if progress:
            progress.end()


class Progress:
    WIDTH = 40

    def __init__(self, response):
        self.response = response
        self.shown = None

    def update(self):
        received, expected = self.response.received, self.response.expected
        if expected:
            share = received / expected
            bar = "#" * int(share * self.WIDTH)
            text = "[%-*s] %3d%%" % (self.WIDTH, bar, share * 100)
        else:
            text = "%d KiB" % (received // 1024)
        if text != self.shown:
            sys.stderr.write("\r" + text)
            sys.stderr.flush()
            self.shown = text

    def end(self):
        if self.shown is not None:
            say("")


# --- one request -------------------------------------------------------------


def build_request(method, target, host, port, extra):
    headers = [
        ("Host", host_header(host, port)),
        ("User-Agent", "http_client/" + VERSION),
        ("Accept", "*/*"),
        ("Connection", "close"),
    ]
    replaced = {name.lower() for name, _ in extra}
    headers = [h for h in headers if h[0].lower() not in replaced] + extra
    lines = ["%s %s HTTP/1.1" % (method, target)] + ["%s: %s" % h for h in headers]
    return os.fsencode("".join(line + "\r\n" for line in lines) + "\r\n")


def show_request(request):
    for line in request.split(b"\r\n")[:-1]:
        say(("> " + readable(line)).rstrip())


def fetch(options, host, port, target, stdout):
    method = "HEAD" if options.head else "GET"
    request = build_request(method, target, host, port, options.headers)
    connection = Connection(host, port, options.timeout)
    if options.verbose:
        show_request(request)
    connection.send(request)
    response = Response(connection, method)
    if not options.body:
        show_head(response, stdout)
    if options.output is None:
        show_body(response, stdout)
    else:
        save_body(response, options.output)
    connection.close()
    if options.fail and response.status >= 400:
        raise Failure("the server answered " + readable(response.lines[0].partition(b" ")[2]))


# --- a session ---------------------------------------------------------------


class Session:
    def __init__(self, host, port, options, stdout):
        self.host, self.port = host, port
        self.options = options
        self.stdout = stdout
        self.connection = self._connect()

    def _connect(self):
        return Connection(self.host, self.port, self.options.timeout)

    def _reconnect(self):
        self._drop()
        self.connection = self._connect()
        say(
            "notice: the server had closed the connection; connected again to "
            + self.connection.address
        )

    def _drop(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def run(self):
        status = 0
        while True:
            lines = read_request()
            if lines is None:
                return status
            try:
                self._exchange(lines)
            except Failure as failure:
                failure.report()
                status = 1
                self._drop()

    def _exchange(self, lines):
        if not self.options.raw:
            self._add_host(lines)
        request = b"".join(line + b"\r\n" for line in lines) + b"\r\n"
        method = lines[0].split(b" ")[0].decode("latin-1")
        reused = True
        if self.connection is None or not self.connection.is_idle():
            self._reconnect()
            reused = False
        if self.options.verbose:
            show_request(request)
        self.connection.send(request)
        try:
            response = Response(self.connection, method)
        except NoReply:
            # The server may have closed just as the request was on its way.
            if not reused or method not in ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"):
                raise
            self._reconnect()
            self.connection.send(request)
            response = Response(self.connection, method)
        self.stdout.write(b"Server response:\n")
        show_head(response, self.stdout)
        if show_body(response, self.stdout) not in (b"", b"\n"):
            self.stdout.write(b"\n")
        if not response.keeps_connection:
            self._drop()

    def _add_host(self, lines):
        if not lines[0].rstrip().endswith(b" HTTP/1.1"):
            return
        if any(line.partition(b":")[0].strip().lower() == b"host" for line in lines[1:]):
            return
        header = "Host: " + host_header(self.host, self.port)
        lines.insert(1, header.encode())
        say("notice: added " + header)


def read_request():
    """The lines of a request as typed, or None at the end of input."""
    prompt("Enter a request: ")
    lines = []
    while True:
        line = sys.stdin.buffer.readline()
        if not line:
            if lines:
                say("notice: the last request was not sent: no empty line ends it")
            return None
        line = re.sub(rb"\r?\n$", b"", line)
        if line:
            lines.append(line)
        elif lines:
            return lines


# --- the command line --------------------------------------------------------


def prompt(text):
    if sys.stdin.isatty() and sys.stderr is not None:
        print(text, end="", file=sys.stderr, flush=True)


def ask(text):
    prompt(text)
    line = sys.stdin.buffer.readline()
    if not line:
        raise Failure(
            "no input: the host, the port and the file are needed",
            "give them as arguments: http_client HOST PORT FILE",
            status=2,
        )
    return os.fsdecode(re.sub(rb"\r?\n$", b"", line))


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Failure("wrong arguments: " + message, "see http_client --help", status=2)


def seconds(text):
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError("%r is not a number of seconds above 0" % text)
    return min(value, 1e6)


def parse_arguments(arguments):
    parser = Parser(
        prog="http_client",
        allow_abbrev=False,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="http_client [OPTIONS] HOST PORT FILE\n"
        "       http_client [OPTIONS] http://HOST:PORT/FILE\n"
        "       http_client [OPTIONS] --session HOST PORT\n"
        "       http_client [OPTIONS]              (asks for host, port and file)",
        description="Fetches a file over HTTP and prints the status line, the headers and the body.",
    )
    parser.add_argument(
        "where",
        nargs="*",
        metavar="HOST PORT FILE",
        help="what to fetch; a URL may stand in place of the three",
    )
    parser.add_argument(
        "-I", "--head", action="store_true", help="ask for the head alone (HEAD)"
    )
    parser.add_argument(
        "-H",
        "--header",
        action="append",
        default=[],
        dest="headers",
        metavar="'Name: value'",
        help="send this header too (may be repeated)",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show on stderr what is sent, with >"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write the body to FILE")
    parser.add_argument("--body", action="store_true", help="print the body alone")
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=10.0,
        metavar="SECONDS",
        help="give up when connecting, or no progress, takes longer (default 10)",
    )
    parser.add_argument("--fail", action="store_true", help="exit with status 1 on 4xx and 5xx")
    parser.add_argument(
        "--session", action="store_true", help="keep one connection and send requests as typed"
    )
    parser.add_argument(
        "--raw", action="store_true", help="in a session: do not add a missing Host header"
    )
    parser.add_argument("--version", action="version", version="http_client " + VERSION)
    options = parser.parse_intermixed_args(arguments)
    options.headers = [parse_header(header) for header in options.headers]
    if options.raw and not options.session:
        parser.error("--raw goes with --session only")
    if options.session and (
        options.head
        or options.headers
        or options.body
        or options.fail
        or options.output is not None
    ):
        parser.error("with --session only --raw, --timeout and --verbose can be used")
    if options.session and len(options.where) != 2:
        parser.error("--session needs HOST and PORT")
    if not options.session and len(options.where) not in (0, 1, 3):
        parser.error("expected HOST PORT FILE, or one URL")
    return options


def main(arguments):
    options = parse_arguments(arguments)
    stdout = Stdout()
    if options.session:
        host, port = options.where
        return Session(parse_host(host), parse_port(port), options, stdout).run()
    if len(options.where) == 1:
        host, port, target = parse_url(options.where[0])
    else:
        host, port, file = options.where or (
            ask("Enter the host URI: "),
            ask("Please enter the port: "),
            ask("Please enter the file you want to request from the server: "),
        )
        host, port, target = parse_host(host), parse_port(port), parse_target(file)
    fetch(options, host, port, target, stdout)
    return 0


def run():
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")
    try:
        try:
            status = main(sys.argv[1:])
        except SystemExit as e:
            status = e.code
        sys.stdout.flush()
    except Failure as failure:
        failure.report()
        status = failure.status
    except (StdoutClosed, BrokenPipeError):
        # Keep the interpreter from flushing into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        status = 0
    except KeyboardInterrupt:
        status = 130
    return status


if __name__ == "__main__":
    sys.exit(run())
