// The limit for tcp_server: one connection after another.

#include "echo.h"
#include "listening.h"

int main(void) {
  int s = listening();
  for (;;) {
    int connection = accept(s, NULL, NULL);
    if (connection >= 0) echo(connection);
  }
}
