// The limit for udp_server: one recvfrom and one sendto for each datagram, nothing else.

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(void) {
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in here = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof here;
  if (s < 0 || bind(s, (struct sockaddr *)&here, sizeof here) ||
      getsockname(s, (struct sockaddr *)&here, &size)) {
    perror("udp");
    return EXIT_FAILURE;
  }
  printf("ready on 127.0.0.1:%d\n", ntohs(here.sin_port));
  fflush(stdout);

  static unsigned char buffer[65536];
  for (;;) {
    struct sockaddr_in client;
    socklen_t length = sizeof client;
    ssize_t n = recvfrom(s, buffer, sizeof buffer, 0, (struct sockaddr *)&client, &length);
    if (n < 0) continue;
    for (ssize_t i = 0; i < n; i++) buffer[i] = (unsigned char)toupper(buffer[i]);
    sendto(s, buffer, (size_t)n, 0, (struct sockaddr *)&client, length);
  }
}
