// A listening socket on a free port of 127.0.0.1, and the line that says which.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static int listening(void) {
  int s = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in here = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof here;
  if (s < 0 || bind(s, (struct sockaddr *)&here, sizeof here) || listen(s, 1024) ||
      getsockname(s, (struct sockaddr *)&here, &size)) {
    perror("listen");
    exit(EXIT_FAILURE);
  }
  printf("ready on 127.0.0.1:%d\n", ntohs(here.sin_port));
  fflush(stdout);
  return s;
}
