"""The uppercase echo over UDP as a course would write it in Python."""

from socket import AF_INET, SOCK_DGRAM, socket

server = socket(AF_INET, SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
print("ready on 127.0.0.1:%d" % server.getsockname()[1], flush=True)
while True:
    message, client = server.recvfrom(65536)
    server.sendto(message.upper(), client)
