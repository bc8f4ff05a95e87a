#!/usr/bin/env python3
"""Sends the bytes of each TCP connection back in uppercase, one connection after another."""

import selectors
import socket
import time

from uppercase import (
    DEFAULT_PORT,
    ArgumentParser,
    bound_socket,
    run,
    seconds,
    server_port,
    show,
    stop_signals,
    write_product,
)

BUFFER = 64 * 1024
LAST_ANSWER = 5.0  # seconds for a response under way when the server is told to stop
QUIET = 0.1  # a connection silent for so long has no response under way


def main():
    parser = ArgumentParser(
        "tcp_server",
        "Sends the bytes of each connection back, a-z as A-Z, one connection after another.",
        [
            "tcp_server                   on 127.0.0.1, port 12000",
            "tcp_server 0                 on any free port",
            "tcp_server --host 0.0.0.0    for other machines, too",
        ],
    )
    parser.add_argument(
        "port",
        nargs="?",
        type=server_port,
        default=DEFAULT_PORT,
        help="port to listen on; 0: any free one (default: %(default)s)",
    )
    parser.add_argument(
        "--host",
        metavar="ADDR",
        default="127.0.0.1",
        help="address to listen on (default: %(default)s)",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=15.0,
        help="end a connection after so long without a byte (default: 15)",
    )
    options = parser.parse()

    stop = stop_signals()
    with bound_socket(options.host, options.port, socket.SOCK_STREAM, "tcp_server") as listener:
        write_product(
            f"The server is ready to receive on {show(listener.getsockname())}\n".encode()
        )
        Server(listener, stop, options.timeout).run()


class Server:
    def __init__(self, listener, stop, timeout):
        self.listener = listener
        self.stop = stop
        self.timeout = timeout
        self.client = None
        self.answer = bytearray()  # received, in uppercase, not sent yet
        self.input_ended = False
        self.stop_time = None  # when the last connection has to be over
        self.deadline = None
        self.selector = selectors.DefaultSelector()
        self.selector.register(stop, selectors.EVENT_READ, self.on_stop)
        listener.setblocking(False)
        self.listen()

    def run(self):
        while self.client or self.stop_time is None:
            wait = max(0, self.deadline - time.monotonic()) if self.client else None
            for key, events in self.selector.select(wait):
                key.data(events)
            if self.client and time.monotonic() >= self.deadline:
                self.hang_up()

    def listen(self):
        self.selector.register(self.listener, selectors.EVENT_READ, self.on_connection)

    def on_stop(self, _):
        self.selector.unregister(self.stop)
        if not self.client:
            self.selector.unregister(self.listener)
        self.listener.close()
        self.stop_time = time.monotonic() + LAST_ANSWER
        self.progress()

    def on_connection(self, _):
        try:
            client, _ = self.listener.accept()
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            return  # It was gone before its turn.
        self.client = client
        self.answer.clear()
        self.input_ended = False
        self.progress()
        self.selector.unregister(self.listener)
        self.selector.register(self.client, selectors.EVENT_READ, self.on_client)

    def on_client(self, events):
        try:
            if events & selectors.EVENT_READ:
                self.receive()
            if self.answer:
                self.send()
        except BlockingIOError:
            pass
        except OSError:
            self.hang_up()
            return
        if self.input_ended and not self.answer:
            self.hang_up()
            return
        wanted = selectors.EVENT_WRITE if self.answer else 0
        if not self.input_ended and len(self.answer) < BUFFER:
            wanted |= selectors.EVENT_READ
        self.selector.modify(self.client, wanted, self.on_client)

    def receive(self):
        data = self.client.recv(BUFFER)
        if data:
            self.answer += data.upper()
            self.progress()
        else:
            self.input_ended = True

    def send(self):
        sent = self.client.send(self.answer)
        del self.answer[:sent]
        self.progress()

    def progress(self):
        now = time.monotonic()
        if self.stop_time is None:
            self.deadline = now + self.timeout
        else:
            still = self.timeout if self.answer else QUIET
            self.deadline = min(now + still, self.stop_time)

    def hang_up(self):
        self.selector.unregister(self.client)
        self.client.close()
        self.client = None
        if self.stop_time is None:
            self.listen()


if __name__ == "__main__":
    run(main)
