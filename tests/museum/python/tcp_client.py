#!/usr/bin/env python3
"""Sends a message to a TCP server and prints the reply."""

import select
import socket

from uppercase import (
    DEFAULT_PORT,
    ArgumentParser,
    Failure,
    client_port,
    message_from,
    resolve,
    run,
    seconds,
    show,
    start_command,
    write_product,
)

BLOCK = 64 * 1024


def main():
    parser = ArgumentParser(
        "tcp_client",
        "Sends a message over TCP and prints the reply.",
        [
            "tcp_client                                  asks for a message, sends it to localhost:12000",
            "tcp_client localhost 12000 'hello world'",
            "tcp_client --timeout 0.5 ::1 12000 hello",
            "tcp_client localhost 12000 < line.txt",
        ],
    )
    parser.add_argument(
        "host",
        nargs="?",
        default="localhost",
        help="name or address of the server (default: %(default)s)",
    )
    parser.add_argument(
        "port",
        nargs="?",
        type=client_port,
        default=DEFAULT_PORT,
        help="port of the server (default: %(default)s)",
    )
    parser.add_argument(
        "message",
        nargs="?",
        help="what to send; without it, one line is read from standard input",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=10.0,
        help="how long to wait to connect, and for the next byte (default: 10)",
    )
    options = parser.parse()

    message = message_from(options.message)
    sock, server = connect(options)
    reply = bytearray()
    with sock:
        try:
            exchange(sock, message, reply, options.timeout)
            failure = None
        except OSError as error:
            failure = error
    whole = len(reply) == len(message)
    if reply or whole:
        write_product(b"From Server: " + reply + b"\n")
    if whole:
        return
    came = f"{len(reply)} of {len(message)} bytes came back"
    if isinstance(failure, socket.timeout):
        raise Failure(
            f"no progress with {show(server)} within {options.timeout:g} s: {came}",
            "raise --timeout if the server is slow",
        )
    why = f" ({failure.strerror})" if failure else ""
    raise Failure(
        f"{show(server)} closed the connection early{why}: {came}",
        "look at what the server says",
    )


def connect(options):
    """A connection to the first address that takes one."""
    failures = []
    for family, server in resolve(options.host, options.port, socket.SOCK_STREAM):
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(options.timeout)
        try:
            sock.connect(server)
            return sock, server
        except OSError as error:
            sock.close()
            failures.append((error, server))
    error, server = failures[0]
    if isinstance(error, ConnectionRefusedError):
        raise Failure(
            f"Connection refused: nothing is listening on {show(server)}",
            f"start the server first: {start_command('tcp_server', server)}",
        )
    if isinstance(error, socket.timeout):
        raise Failure(
            f"no connection to {show(server)} within {options.timeout:g} s",
            "check the address, or raise --timeout",
        )
    raise Failure(
        f"cannot connect to {show(server)}: {error.strerror}",
        "check the address and the network",
    )


def exchange(sock, message, reply, timeout):
    """Send the message and receive at the same time, so that neither side's buffers fill for good."""
    unsent = memoryview(message)
    sock.setblocking(False)
    while len(reply) < len(message):
        readable, writable, _ = select.select([sock], [sock] if unsent else [], [], timeout)
        if not readable and not writable:
            raise socket.timeout("no progress")
        if readable:
            data = sock.recv(min(BLOCK, len(message) - len(reply)))
            if not data:
                return
            reply += data
        if writable:
            try:
                unsent = unsent[sock.send(unsent[:BLOCK]) :]
            except (BrokenPipeError, ConnectionResetError):
                unsent = unsent[:0]  # What came before that can still be read.
            if not unsent:
                half_close(sock)


def half_close(sock):
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # The server was faster.


if __name__ == "__main__":
    run(main)
