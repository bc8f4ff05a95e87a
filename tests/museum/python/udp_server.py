#!/usr/bin/env python3
"""Answers each UDP datagram with the same bytes in uppercase."""

import selectors
import socket

from uppercase import (
    DEFAULT_PORT,
    ArgumentParser,
    bound_socket,
    run,
    server_port,
    show,
    stop_signals,
    write_product,
)

LARGEST_DATAGRAM = 65535


def main():
    parser = ArgumentParser(
        "udp_server",
        "Answers each datagram with the same bytes, a-z as A-Z.",
        [
            "udp_server                   on 127.0.0.1, port 12000",
            "udp_server 0                 on any free port",
            "udp_server --host 0.0.0.0    for other machines, too",
        ],
    )
    parser.add_argument(
        "port",
        nargs="?",
        type=server_port,
        default=DEFAULT_PORT,
        help="port to receive on; 0: any free one (default: %(default)s)",
    )
    parser.add_argument(
        "--host",
        metavar="ADDR",
        default="127.0.0.1",
        help="address to receive on (default: %(default)s)",
    )
    options = parser.parse()

    stop = stop_signals()
    with bound_socket(options.host, options.port, socket.SOCK_DGRAM, "udp_server") as sock:
        write_product(
            f"The server is ready to receive on {show(sock.getsockname())}\n".encode()
        )
        serve(sock, stop)


def serve(sock, stop):
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        selector.register(stop, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if stop in ready:
                return
            try:
                data, client = sock.recvfrom(LARGEST_DATAGRAM, socket.MSG_DONTWAIT)
                sock.sendto(data.upper(), client)
            except OSError:
                # Nothing there after all, or a client that cannot be reached.
                pass


if __name__ == "__main__":
    run(main)
