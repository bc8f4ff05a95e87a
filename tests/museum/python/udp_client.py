#!/usr/bin/env python3
"""Sends a message to a UDP server and prints the reply."""

import select
import socket
import time

from uppercase import (
    DEFAULT_PORT,
    ArgumentParser,
    Failure,
    client_port,
    count,
    message_from,
    resolve,
    run,
    seconds,
    show,
    start_command,
    write_product,
)

LARGEST_MESSAGE = 65507  # 65,535 less the headers of IPv4 and UDP
LARGEST_DATAGRAM = 65535


def main():
    parser = ArgumentParser(
        "udp_client",
        "Sends a message in one datagram and prints the reply.",
        [
            "udp_client                                  asks for a message, sends it to localhost:12000",
            "udp_client localhost 12000 'hello world'",
            "udp_client --timeout 0.5 --retries 3 ::1 12000 hello",
            "echo hello | udp_client localhost 12000",
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
        default=2.0,
        help="how long each try waits for the reply (default: 2)",
    )
    parser.add_argument(
        "--retries",
        metavar="N",
        type=count,
        default=0,
        help="how often to send again when no reply comes (default: 0)",
    )
    parser.add_argument(
        "--connect",
        action="store_true",
        help="use a connected socket, which learns that nobody listens",
    )
    options = parser.parse()

    message = message_from(options.message, LARGEST_MESSAGE)
    family, server = resolve(options.host, options.port, socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            if options.connect:
                sock.connect(server)
            reply = ask(sock, server, message, options)
        except OSError as error:
            raise Failure(
                f"cannot exchange datagrams with {show(server)}: {error.strerror}"
            ) from None
    write_product(reply + b"\n")


def ask(sock, server, message, options):
    refused = False
    for retries_left in range(options.retries, -1, -1):
        deadline = time.monotonic() + options.timeout
        try:
            if options.connect:
                sock.send(message)
            else:
                sock.sendto(message, server)
            reply = receive(sock, server, deadline)
            if reply is not None:
                return reply
            refused = False
        except ConnectionRefusedError:
            refused = True
            if retries_left:
                time.sleep(max(0, deadline - time.monotonic()))
    if refused:
        raise Failure(
            f"Connection refused: nothing is listening on {show(server)}",
            f"start the server first: {start_command('udp_server', server)}",
        )
    raise Failure(
        f"no reply from {show(server)} within {options.timeout:g} s",
        "UDP has no connection, so it cannot tell whether the server is not running"
        f" or a datagram was lost; is this running: {start_command('udp_server', server)}",
    )


def receive(sock, server, deadline):
    """The next datagram from the server, or None at the deadline."""
    while True:
        wait = max(0, deadline - time.monotonic())
        if not select.select([sock], [], [], wait)[0]:
            return None
        try:
            data, sender = sock.recvfrom(LARGEST_DATAGRAM, socket.MSG_DONTWAIT)
        except BlockingIOError:
            continue
        if sender[:2] == server[:2]:
            return data
        if time.monotonic() >= deadline:
            return None


if __name__ == "__main__":
    run(main)
