// What a thread for each connection can do as a web server: it answers everything with the
// same small page, and asks before each answer what the page's file is, as ours does.
//
//     http_threads FILE

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "listening.h"

static const char *path;
static char answers[2][4096];  // one to go on, one to close
static size_t lengths[2];

static void *serve(void *number) {
  int connection = (int)(intptr_t)number;
  int on = 1;
  struct timeval patience = {.tv_sec = 120};
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char request[1024];
  size_t filled = 0;
  int closes = 0;
  while (!closes) {
    ssize_t n = recv(connection, request + filled, sizeof request - 1 - filled, 0);
    if (n <= 0) break;
    filled += (size_t)n;
    request[filled] = '\0';
    if (!strstr(request, "\r\n\r\n")) continue;
    closes = strstr(request, "Connection: close") != NULL;
    filled = 0;
    struct stat now;
    if (fstatat(AT_FDCWD, path, &now, AT_SYMLINK_NOFOLLOW)) break;
    if (send(connection, answers[closes], lengths[closes], MSG_NOSIGNAL) < 0) break;
  }
  close(connection);
  return NULL;
}

static void prepare(void) {
  static char page[2048];
  int file = open(path, O_RDONLY);
  ssize_t length = file < 0 ? -1 : read(file, page, sizeof page);
  if (length < 0) {
    perror(path);
    exit(EXIT_FAILURE);
  }
  close(file);
  for (int closes = 0; closes < 2; closes++) {
    int head = snprintf(answers[closes], sizeof answers[closes],
                        "HTTP/1.1 200 OK\r\n"
                        "Date: Fri, 05 Apr 2024 13:33:33 GMT\r\n"
                        "Content-Type: text/html; charset=utf-8\r\n"
                        "Content-Length: %zd\r\n"
                        "Last-Modified: Fri, 05 Apr 2024 13:33:33 GMT\r\n"
                        "Connection: %s\r\n\r\n",
                        length, closes ? "close" : "keep-alive");
    memcpy(answers[closes] + head, page, (size_t)length);
    lengths[closes] = (size_t)head + (size_t)length;
  }
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  path = argv[1];
  prepare();
  int s = listening();
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 256 * 1024);
  for (;;) {
    int connection = accept(s, NULL, NULL);
    if (connection < 0) continue;
    pthread_t thread;
    if (pthread_create(&thread, &small, serve, (void *)(intptr_t)connection))
      close(connection);
    else
      pthread_detach(thread);
  }
}
