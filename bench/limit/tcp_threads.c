// What a thread for each connection can do: many lasting connections at once.

#include "echo.h"
#include "listening.h"
#include <pthread.h>
#include <stdint.h>

static void *serve(void *connection) {
  echo((int)(intptr_t)connection);
  return NULL;
}

int main(void) {
  int s = listening();
  for (;;) {
    int connection = accept(s, NULL, NULL);
    if (connection < 0) continue;
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)connection))
      close(connection);
    else
      pthread_detach(thread);
  }
}
