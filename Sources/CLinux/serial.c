#define _GNU_SOURCE
#ifndef _TIME_BITS
#define _TIME_BITS 64
#endif
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#include "include/serial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(time_t) == 8, "time_t must survive 2038");

static uint64_t now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t busbar_monotonic_ns(void) { return now(CLOCK_BOOTTIME); }
uint64_t busbar_serial_wall_ns(void) { return now(CLOCK_REALTIME); }

static speed_t speed_of(uint32_t baud) {
  switch (baud) {
  case 1200: return B1200;
  case 2400: return B2400;
  case 4800: return B4800;
  case 9600: return B9600;
  case 19200: return B19200;
  case 38400: return B38400;
  case 57600: return B57600;
  case 115200: return B115200;
  default: return B0;
  }
}

// A pty has no parity, and glibc's tcsetattr succeeds when it could set anything at all: only reading back tells.
static int set_mode(int fd, speed_t speed, int parity, int *taken) {
  struct termios mode, got;
  if (tcgetattr(fd, &mode) != 0) return -errno;
  cfmakeraw(&mode);
  mode.c_cflag &= ~(tcflag_t)(CSTOPB | PARENB | PARODD | CRTSCTS | CSIZE);
  mode.c_cflag |= CS8 | CLOCAL | CREAD;
  if (parity != 0) mode.c_cflag |= PARENB;
  if (parity == 2) mode.c_cflag |= PARODD;
  mode.c_cc[VMIN] = 1;
  mode.c_cc[VTIME] = 0;
  cfsetispeed(&mode, speed);
  cfsetospeed(&mode, speed);
  if (tcsetattr(fd, TCSANOW, &mode) != 0 && errno != EINVAL) return -errno;
  if (tcgetattr(fd, &got) != 0) return -errno;
  const tcflag_t mask = CSIZE | PARENB | PARODD | CSTOPB;
  *taken = cfgetospeed(&got) == speed && (got.c_cflag & mask) == (mode.c_cflag & mask) &&
           (got.c_lflag & (ICANON | ECHO | ISIG)) == 0;
  return 0;
}

static int is_pseudo(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) return 0;
  unsigned kind = major(status.st_rdev);
  return kind >= 136 && kind <= 143;
}

int busbar_serial_open(const char *path, uint32_t baud, int parity, int *taken, int *pseudo) {
  speed_t speed = speed_of(baud);
  if (speed == B0) return -EINVAL;
  int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return -errno;
  int result = isatty(fd) ? 0 : -ENOTTY;
  if (result == 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) result = -(errno == EWOULDBLOCK ? EBUSY : errno);
  *pseudo = is_pseudo(fd);
  // TIOCEXCL outlives its holder while anything keeps the tty open, as the far end of a simulated bus does;
  // a killed process would lock it for ever. There flock alone guards.
  if (result == 0 && !*pseudo && ioctl(fd, TIOCEXCL) != 0) result = -errno;
  if (result == 0) result = set_mode(fd, speed, parity, taken);
  if (result != 0) {
    close(fd);
    return result;
  }
  return fd;
}

int busbar_serial_is_tty(const char *path, int *pseudo) {
  int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return -errno;
  *pseudo = is_pseudo(fd);
  int result = isatty(fd);
  close(fd);
  return result;
}

void busbar_serial_close(int fd) {
  if (!is_pseudo(fd)) ioctl(fd, TIOCNXCL);
  close(fd);
}

long busbar_serial_read(int fd, void *bytes, size_t count) {
  long got;
  do got = read(fd, bytes, count); while (got < 0 && errno == EINTR);
  return got < 0 ? -errno : got;
}

long busbar_serial_write(int fd, const void *bytes, size_t count) {
  long put;
  // A socket whose far end is gone must not end the process; a tty knows nothing of send.
  do {
    put = send(fd, bytes, count, MSG_NOSIGNAL);
    if (put < 0 && errno == ENOTSOCK) put = write(fd, bytes, count);
  } while (put < 0 && errno == EINTR);
  return put < 0 ? -errno : put;
}

int busbar_serial_flush_input(int fd) { return tcflush(fd, TCIFLUSH) == 0 ? 0 : -errno; }

static struct timespec left_until(uint64_t deadline_ns) {
  uint64_t time = busbar_monotonic_ns();
  uint64_t left = deadline_ns > time ? deadline_ns - time : 0;
  struct timespec result = {.tv_sec = (time_t)(left / 1000000000u), .tv_nsec = (long)(left % 1000000000u)};
  return result;
}

int busbar_serial_wait(int fd, int for_writing, uint64_t deadline_ns) {
  short event = for_writing ? POLLOUT : POLLIN;
  for (;;) {
    struct pollfd item = {.fd = fd, .events = event};
    struct timespec left = left_until(deadline_ns);
    int count = ppoll(&item, 1, &left, NULL);
    if (count > 0) return (item.revents & event) ? 1 : 2;
    if (count < 0 && errno != EINTR) return -errno;
    // The wait is measured by another clock, which suspend stops.
    if (busbar_monotonic_ns() >= deadline_ns) return 0;
  }
}

void busbar_serial_sleep_until(uint64_t deadline_ns) {
  while (busbar_monotonic_ns() < deadline_ns) {
    struct timespec left = left_until(deadline_ns);
    ppoll(NULL, 0, &left, NULL);
  }
}

int busbar_pty_open(int *slave, char *slave_path, size_t capacity) {
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (master < 0) return -errno;
  int result = 0, taken = 0;
  *slave = -1;
  if (grantpt(master) != 0 || unlockpt(master) != 0) result = -errno;
  if (result == 0 && ptsname_r(master, slave_path, capacity) != 0) result = -errno;
  if (result == 0 && (*slave = open(slave_path, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0) result = -errno;
  if (result == 0) result = set_mode(*slave, B9600, 0, &taken);
  if (result != 0) {
    if (*slave >= 0) close(*slave);
    close(master);
    return result;
  }
  return master;
}

enum { poll_limit = 1024 };
int busbar_pty_poll_limit(void) { return poll_limit; }

int busbar_pty_poll(const int *descriptors, uint8_t *ready, int count, int milliseconds) {
  static struct pollfd items[poll_limit];
  if (count < 0 || count > poll_limit) return -EINVAL;
  for (int index = 0; index < count; index++) {
    items[index].fd = descriptors[index];
    items[index].events = POLLIN;
    items[index].revents = 0;
  }
  int result = poll(items, (nfds_t)count, milliseconds);
  if (result < 0 && errno != EINTR) return -errno;
  for (int index = 0; index < count; index++) ready[index] = result > 0 && (items[index].revents & POLLIN) != 0;
  return result < 0 ? 0 : result;
}

int busbar_pty_link(const char *target, const char *path) {
  if (unlink(path) != 0 && errno != ENOENT) return -errno;
  return symlink(target, path) == 0 ? 0 : -errno;
}

int busbar_pty_make_folder(const char *path) { return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : -errno; }

int busbar_pty_open_append(const char *path) {
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  return fd < 0 ? -errno : fd;
}

static volatile sig_atomic_t termination_requested = 0;
static void on_termination(int number) {
  (void)number;
  termination_requested = 1;
}

void busbar_pty_catch_termination(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_termination;
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
}

int busbar_pty_termination_requested(void) { return termination_requested != 0; }
void busbar_pty_flush_output(void) { fflush(stdout); }
void busbar_pty_print_error(const char *message) { fprintf(stderr, "%s\n", message); }

long busbar_serial_read_file(const char *path, void *bytes, size_t capacity) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return -errno;
  long total = busbar_serial_read(fd, bytes, capacity);
  close(fd);
  return total;
}

long busbar_serial_list_folder(const char *path, char *names, size_t capacity) {
  DIR *folder = opendir(path);
  if (folder == NULL) return -errno;
  size_t used = 0;
  long result = 0;
  struct dirent *entry;
  while ((entry = readdir(folder)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    size_t length = strlen(entry->d_name) + 1;
    if (length > capacity - used) {
      result = -ERANGE;
      break;
    }
    memcpy(names + used, entry->d_name, length);
    used += length;
  }
  closedir(folder);
  return result < 0 ? result : (long)used;
}
