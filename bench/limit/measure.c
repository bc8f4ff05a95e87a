// Runs a command several times, one after the other, and prints a line for each run: wall
// time and CPU time in nanoseconds, peak memory in bytes.
//
//     measure RUNS COMMAND [ARGUMENT]...
//
// A small program of its own, because a process starts out with the peak memory of the one
// that started it (getrusage(2), ru_maxrss), and because it needs next to no time itself.
// The command's stdout is thrown away.

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long nanoseconds(struct timeval t) {
  return t.tv_sec * 1000000000LL + t.tv_usec * 1000LL;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);

  for (int runs = atoi(argv[1]); runs > 0; runs--) {
    long long start = now();
    pid_t child;
    int status;
    struct rusage used;
    if (posix_spawnp(&child, argv[2], &actions, NULL, argv + 2, environ) ||
        wait4(child, &status, 0, &used) < 0) {
      perror(argv[2]);
      return 1;
    }
    long long wall = now() - start;
    if (status != 0) {
      fprintf(stderr, "%s ended with status %d\n", argv[2], WEXITSTATUS(status));
      return 1;
    }
    long long cpu = nanoseconds(used.ru_utime) + nanoseconds(used.ru_stime);
    printf("%lld %lld %lld\n", wall, cpu, used.ru_maxrss * 1024LL);
  }
  return 0;
}
