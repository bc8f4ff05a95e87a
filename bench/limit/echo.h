// One connection: what comes goes back in uppercase, until the client's end.

#include <ctype.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static void echo(int connection) {
  int on = 1;
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  unsigned char buffer[16384];
  ssize_t n;
  while ((n = read(connection, buffer, sizeof buffer)) > 0) {
    for (ssize_t i = 0; i < n; i++) buffer[i] = (unsigned char)toupper(buffer[i]);
    for (ssize_t sent = 0, m; sent < n; sent += m) {
      m = send(connection, buffer + sent, (size_t)(n - sent), MSG_NOSIGNAL);
      if (m < 0) break;
    }
  }
  close(connection);
}
