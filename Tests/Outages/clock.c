/* Shifts the wall clock of the program it is preloaded into, while it runs; every other clock stays as it is.
 * BUSBAR_TEST_CLOCK names a file of eight bytes: nanoseconds that are added to CLOCK_REALTIME, signed, in the machine's order. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int (*original)(clockid_t, struct timespec *);
static volatile const int64_t *shift;

__attribute__((constructor)) static void open_clock(void) {
  original = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  const char *path = getenv("BUSBAR_TEST_CLOCK");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  void *page = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  if (file >= 0) close(file);
  /* A test that shifts nothing would pass for no reason. */
  if (original == NULL || page == MAP_FAILED) abort();
  shift = page;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = original(clock, time);
  if (result != 0 || clock != CLOCK_REALTIME) return result;
  int64_t nanoseconds = time->tv_sec * INT64_C(1000000000) + time->tv_nsec + *shift;
  time->tv_sec = nanoseconds / 1000000000;
  time->tv_nsec = nanoseconds % 1000000000;
  return 0;
}
