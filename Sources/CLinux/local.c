#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

// Through the folder's descriptor, since sun_path holds 108 bytes and a path may be 4096.
static int set_local(struct sockaddr_un *address, const char *folder, const char *name, int *descriptor) {
  *descriptor = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (*descriptor < 0) return -errno;
  address->sun_family = AF_UNIX;
  int length = snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", *descriptor, name);
  if (length > 0 && (size_t)length < sizeof address->sun_path) return 0;
  close(*descriptor);
  return -ENAMETOOLONG;
}

int busbar_local_listen(const char *folder, const char *name) {
  struct sockaddr_un address = {0};
  int place, status = set_local(&address, folder, name, &place);
  if (status < 0) return status;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) status = -errno;
  if (fd >= 0) {
    unlinkat(place, name, 0);
    // The mode is set before anybody can connect: not listening yet.
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || fchmodat(place, name, 0600, 0) < 0 ||
        listen(fd, 4) < 0) {
      status = -errno;
      close(fd);
    }
  }
  close(place);
  return status < 0 ? status : fd;
}
int busbar_local_connect(const char *folder, const char *name) {
  struct sockaddr_un address = {0};
  int place, status = set_local(&address, folder, name, &place);
  if (status < 0) return status;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) status = -errno;
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    status = -errno;
    close(fd);
  }
  close(place);
  return status < 0 ? status : fd;
}
int busbar_local_accept(int fd) {
  int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  return client < 0 ? -errno : client;
}
