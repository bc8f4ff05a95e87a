#!/usr/bin/env python3
"""A web server that serves one request at a time."""

import contextlib
import socket
import threading
import time
from typing import Optional, Tuple

import web

EXAMPLES = """\
examples:
  web_server                        serve ./www on http://127.0.0.1:6789/
  web_server 8000 --root public     another port, another folder
  web_server 0 --once               any free port; exit after one request
  web_server --host ::1             IPv6
"""


class WebServer:
    def __init__(
        self, listener: socket.socket, site: web.Site, requests: Optional[int], timeout: float
    ):
        self._listener = listener
        self._site = site
        self._requests = requests
        self._timeout = timeout
        self._stopping = False
        self._connection: Optional[socket.socket] = None
        self._idle = threading.Event()
        self._idle.set()

    def serve(self) -> None:
        answered = 0
        while answered != self._requests:
            accepted = web.accept(self._listener)
            if accepted is None:
                break
            self._connection, peer = accepted
            self._idle.clear()
            try:
                answered += self._serve_connection(self._connection, peer)
            finally:
                self._connection.close()
                self._idle.set()

    def stop(self) -> None:
        self._stopping = True
        web.close_listener(self._listener)
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RD)
        self._idle.wait(web.STOP_PATIENCE)

    def _serve_connection(self, connection: socket.socket, peer: Tuple) -> bool:
        """Whether the connection got an answer."""
        web.say(f"Connected to {web.address(peer)}")
        reader = web.HeadReader(connection)
        request = web.Request()
        unread = True
        try:
            try:
                head = reader.read(time.monotonic() + self._timeout)
                web.say(web.printable_head(head))
                request.parse(head, host_required=False)
                unread = request.has_body or bool(reader.buffer)
                response = self._respond(request)
            except web.NoRequest as nothing:
                if self._stopping or not nothing.timed_out:
                    return False
                response = web.error_response(
                    web.HttpError(
                        web.HTTPStatus.REQUEST_TIMEOUT,
                        "No request came in time: all of it is missing.",
                    )
                )
            except web.HttpError as error:
                if self._stopping and reader.buffer:
                    return False
                self._note_unfinished(reader, request)
                response = web.error_response(error)
            if request.path is not None:
                web.say(f"Client request: {web.printable(request.path)}")
            response.headers["Connection"] = "close"
            with contextlib.closing(response):
                response.send(connection, with_body=request.method != "HEAD")
            web.close(connection, drain=unread)
            return True
        except OSError:
            return False

    def _respond(self, request: web.Request) -> web.Response:
        if request.method not in ("GET", "HEAD"):
            raise web.bad_request(
                f"The method {request.method} is not served here, only GET and HEAD are."
            )
        file = self._site.open(request.path)
        if file is None:
            return web.not_found(self._site)
        return web.file_response(file, request.path)

    @staticmethod
    def _note_unfinished(reader: web.HeadReader, request: web.Request) -> None:
        if request.line is None and reader.buffer:
            web.say(web.printable_head(reader.buffer[: web.HEAD_LIMIT]))
            with contextlib.suppress(web.HttpError):
                request.parse_line(reader.buffer.decode("latin-1").split("\n")[0].rstrip("\r"))


def main() -> None:
    parser = web.ArgumentParser(
        prog="web_server",
        epilog=EXAMPLES,
        description="Serves the files of a folder over HTTP, one request at a time.",
    )
    web.add_server_arguments(parser, port=6789)
    parser.add_argument(
        "--requests",
        metavar="N",
        type=web.whole_number(1, 999_999_999),
        help="exit after N answers",
    )
    parser.add_argument(
        "--once",
        dest="requests",
        action="store_const",
        const=1,
        help="exit after one answer, like --requests 1",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=web.seconds,
        default=5,
        help="how long a request head may take to come (default: 5)",
    )
    arguments = parser.parse_args()

    site = web.Site(arguments.root)
    try:
        listener = web.listen(arguments.host, arguments.port)
    except OSError as error:
        raise web.cannot_listen(arguments.host, arguments.port, error) from None
    server = WebServer(listener, site, arguments.requests, arguments.timeout)
    web.say(f"Ready to serve on http://{web.address(listener.getsockname())}/")
    web.run_until_signal(server.serve, server.stop)


if __name__ == "__main__":
    web.run(main)
