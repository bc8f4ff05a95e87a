"""The uppercase echo over TCP as a course would write it in Python: one connection after
another, each until the client's end."""

from socket import create_server

server = create_server(("127.0.0.1", 0), backlog=1024)
print("ready on 127.0.0.1:%d" % server.getsockname()[1], flush=True)
while True:
    connection, _ = server.accept()
    with connection:
        while message := connection.recv(16384):
            connection.sendall(message.upper())
