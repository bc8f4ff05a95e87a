"""What the uppercase programs share: arguments, addresses, messages, signals."""

import argparse
import math
import os
import signal
import socket
import sys

VERSION = "1.0"
DEFAULT_PORT = 12000


class Failure(Exception):
    """Something the user has to be told; it ends the program."""

    def __init__(self, message, hint=None, status=1):
        super().__init__(message)
        self.hint = hint
        self.status = status


# --- arguments ---------------------------------------------------------------


class ArgumentParser(argparse.ArgumentParser):
    def __init__(self, prog, description, examples):
        super().__init__(
            prog=prog,
            description=description,
            epilog="examples:\n" + "\n".join("  " + line for line in examples),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            add_help=False,
        )
        # Not argparse's own --help: while options and positionals are intermixed, that one cannot show the latter.
        self.add_argument("--help", "-h", action="store_true", help="show this help and leave")
        self.add_argument("--version", action="version", version=f"{prog} {VERSION}")

    def parse(self):
        options = self.parse_intermixed_args()
        if options.help:
            self.print_help()
            sys.exit(0)
        return options

    def error(self, message):
        raise Failure(
            f"wrong arguments: {message}", f"{self.prog} --help shows how to use it", 2
        )


def server_port(text):
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port number (0 to 65535)")
    return int(text)


def client_port(text):
    port = server_port(text)
    if port == 0:
        raise argparse.ArgumentTypeError("nothing can be reached on port 0")
    return port


def seconds(text):
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return value


def count(text):
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 up")
    return int(text)


def message_from(argument, limit=None):
    """The message as bytes: the argument, or one line of standard input."""
    if argument is not None:
        message = os.fsencode(argument)
    else:
        message = read_line(limit)
    if limit is not None and len(message) > limit:
        raise Failure(
            f"message too long: at most {limit} bytes fit into one datagram",
            "shorten the message, or send it over TCP",
            2,
        )
    return message


def read_line(limit):
    stdin = sys.stdin.buffer if sys.stdin else None
    if stdin and stdin.isatty():
        print("Input lowercase sentence: ", end="", file=sys.stderr, flush=True)
    line = stdin.readline(-1 if limit is None else limit + 2) if stdin else b""
    if not line:
        raise Failure(
            "no message: the input ended before a line came",
            "give the message as third argument",
            2,
        )
    if line.endswith(b"\n"):
        line = line[:-1]
        if line.endswith(b"\r"):
            line = line[:-1]
    return line


# --- addresses ---------------------------------------------------------------


def resolve(host, port, kind):
    """The addresses of a host as (family, sockaddr), IPv4 first."""
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    try:
        found = socket.getaddrinfo(host, port, type=kind)
    except socket.gaierror as error:
        raise Failure(
            f"unknown host {host!r}: {error.strerror}", "check the name or the address"
        ) from None
    except UnicodeError:
        raise Failure(
            f"unknown host {host!r}: not a valid name", "check the name or the address"
        ) from None
    addresses = [(family, address) for family, _, _, _, address in found]
    return sorted(addresses, key=lambda found: found[0] != socket.AF_INET)


def show(address):
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def bound_socket(host, port, kind, program):
    """A socket bound to the address that the server was told."""
    family, address = resolve(host, port, kind)[0]
    sock = socket.socket(family, kind)
    try:
        if kind == socket.SOCK_STREAM:
            # Allows a restart while old connections are in TIME_WAIT.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        if kind == socket.SOCK_STREAM:
            sock.listen(128)
    except OSError as error:
        sock.close()
        hint = f"choose another port or --host, or stop the program that has it; {program} 0 takes any free port"
        raise Failure(f"cannot use {show(address)}: {error.strerror}", hint) from None
    return sock


def start_command(program, address):
    host, port = address[:2]
    return f"{program} {port}" + ("" if host == "127.0.0.1" else f" --host {host}")


# --- signals -----------------------------------------------------------------


def stop_signals():
    """A socket that becomes readable on Ctrl-C and SIGTERM."""
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    return reader


# --- output ------------------------------------------------------------------


def write_product(data):
    """Write bytes to stdout: exactly so, but harmless ones on a terminal."""
    if sys.stdout is None:
        return
    if sys.stdout.isatty():
        data = harmless(data)
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def harmless(data):
    text = data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    return "".join(
        character if character.isprintable() or character in "\n\t" else ascii(character)[1:-1]
        for character in text
    ).encode()


def complain(failure):
    try:
        print(f"error: {failure}", file=sys.stderr)
        if failure.hint:
            print(f"hint: {failure.hint}", file=sys.stderr)
    except OSError:
        pass


def run(main):
    """Run main() and end the program with the status that it stands for."""
    status = 0
    try:
        try:
            main()
        finally:
            if sys.stdout:
                sys.stdout.flush()
    except Failure as failure:
        complain(failure)
        status = failure.status
    except SystemExit as leaving:
        status = leaving.code
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:
        # Nobody reads stdout any more; nothing may be written to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        complain(Failure(f"input or output: {error.strerror or error}"))
        if sys.stdout:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)
