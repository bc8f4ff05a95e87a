"""The uppercase echo over TCP with a thread for each connection."""

from socketserver import BaseRequestHandler, ThreadingTCPServer


class Echo(BaseRequestHandler):
    def handle(self):
        while message := self.request.recv(16384):
            self.request.sendall(message.upper())


class Server(ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 1024


with Server(("127.0.0.1", 0), Echo) as server:
    print("ready on 127.0.0.1:%d" % server.server_address[1], flush=True)
    server.serve_forever()
