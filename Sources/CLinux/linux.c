#define _GNU_SOURCE
#include "CLinux.h"
#include "address.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RESULT(expression) __extension__({ __typeof__(expression) r_ = (expression); r_ < 0 ? -errno : r_; })

static uint64_t nanoseconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
uint64_t busbar_clock_boot(void) { return nanoseconds(CLOCK_BOOTTIME); }
uint64_t busbar_clock_thread(void) { return nanoseconds(CLOCK_THREAD_CPUTIME_ID); }
uint64_t busbar_clock_wall(void) { return nanoseconds(CLOCK_REALTIME); }
int busbar_clock_synchronised(void) {
  struct timex t = {0};
  return adjtimex(&t) != TIME_ERROR && !(t.status & STA_UNSYNC);
}
void busbar_sleep_until(uint64_t until) {
  struct timespec t = {(time_t)(until / 1000000000u), (long)(until % 1000000000u)};
  clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &t, NULL);
}

int busbar_open_read(const char *path) { return RESULT(open(path, O_RDONLY | O_CLOEXEC)); }
int busbar_open_append(const char *path) { return RESULT(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)); }
int busbar_create(const char *path, int mode) {
  return RESULT(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
}
int busbar_create_new(const char *path, int mode) {
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0600);
  if (fd < 0 || fchmod(fd, (mode_t)mode) == 0) return fd < 0 ? -errno : fd;
  int error = errno;
  close(fd);
  return -error;
}
int busbar_exists(const char *path) { return access(path, F_OK) == 0; }
int busbar_close(int fd) { return RESULT(close(fd)); }
int64_t busbar_read(int fd, void *bytes, size_t count) { return RESULT((int64_t)read(fd, bytes, count)); }
int64_t busbar_write(int fd, const void *bytes, size_t count) { return RESULT((int64_t)write(fd, bytes, count)); }
int busbar_datasync(int fd) { return RESULT(fdatasync(fd)); }
int busbar_sync(int fd) { return RESULT(fsync(fd)); }
int busbar_truncate(int fd, int64_t length) { return RESULT(ftruncate(fd, (off_t)length)); }
int64_t busbar_seek(int fd, int64_t offset) { return RESULT((int64_t)lseek(fd, (off_t)offset, SEEK_SET)); }
int64_t busbar_seek_end(int fd) { return RESULT((int64_t)lseek(fd, 0, SEEK_END)); }
int64_t busbar_read_at(int fd, void *bytes, size_t count, int64_t offset) {
  return RESULT((int64_t)pread(fd, bytes, count, (off_t)offset));
}
int64_t busbar_size(int fd) {
  struct stat s;
  return fstat(fd, &s) < 0 ? -errno : (int64_t)s.st_size;
}
int busbar_is_at(int fd, const char *path) {
  struct stat open, named;
  if (fstat(fd, &open) < 0) return -errno;
  if (stat(path, &named) < 0) return errno == ENOENT ? 0 : -errno;
  return open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}
int busbar_lock(int fd) { return RESULT(flock(fd, LOCK_EX | LOCK_NB)); }
int busbar_rename(const char *from, const char *to) { return RESULT(rename(from, to)); }
int busbar_unlink(const char *path) { return RESULT(unlink(path)); }
int busbar_make_folder(const char *path, int mode) { return RESULT(mkdir(path, (mode_t)mode)); }
int busbar_open_folder(const char *path) { return RESULT(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)); }
int busbar_mode(int fd) {
  struct stat s;
  return fstat(fd, &s) < 0 ? -errno : (int)(s.st_mode & 0777);
}
int busbar_is_mine(int fd) {
  struct stat s;
  return fstat(fd, &s) == 0 && s.st_uid == geteuid();
}
int busbar_symlink(const char *target, const char *path) { return RESULT(symlink(target, path)); }
int busbar_list(const char *path, void *context, void (*visit)(void *, const char *)) {
  DIR *folder = opendir(path);
  if (!folder) return -errno;
  struct dirent *entry;
  while ((entry = readdir(folder)))
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) visit(context, entry->d_name);
  closedir(folder);
  return 0;
}

static int open_datagrams(int family, const uint8_t address[16], uint16_t port) {
  int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int no = 0, dont_fragment = IP_PMTUDISC_DO, dont_fragment_v6 = IPV6_PMTUDISC_DO, buffer = 4 << 20;
  if (family == AF_INET6) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &dont_fragment_v6, sizeof dont_fragment_v6);
  }
  setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &dont_fragment, sizeof dont_fragment);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  union socket_address a;
  socklen_t size = set_address(&a, family, address, port);
  if (bind(fd, &a.any, size) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}
int busbar_udp_open(const uint8_t address[16], uint16_t port) {
  int fd = open_datagrams(AF_INET6, address, port);
  int no_ipv6 = fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL;
  return no_ipv6 && is_for_ipv4(address) ? open_datagrams(AF_INET, address, port) : fd;
}
// Connects within the deadline; the socket stays non-blocking.
static int finish_connecting(int fd, uint64_t deadline) {
  if (errno != EINPROGRESS) return -errno;
  int ready = busbar_serial_wait(fd, 1, deadline);
  if (ready <= 0) return ready == 0 ? -ETIMEDOUT : ready;
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return -errno;
  return -error;
}
int busbar_tcp_connect(const uint8_t address[16], uint16_t port, uint64_t deadline) {
  int family = memcmp(address, mapped_prefix, 12) == 0 ? AF_INET : AF_INET6;
  int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int yes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  union socket_address a;
  socklen_t size = set_address(&a, family, address, port);
  int result = connect(fd, &a.any, size) == 0 ? 0 : finish_connecting(fd, deadline);
  if (result < 0) close(fd);
  return result < 0 ? result : fd;
}
int busbar_tcp_is_closed(int fd) {
  char byte;
  ssize_t got;
  do got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT); while (got < 0 && errno == EINTR);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}
int busbar_tcp_listen(const uint8_t address[16], uint16_t port) {
  int family = memcmp(address, mapped_prefix, 12) == 0 ? AF_INET : AF_INET6;
  int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  union socket_address a;
  socklen_t size = set_address(&a, family, address, port);
  int result = bind(fd, &a.any, size) == 0 && listen(fd, 16) == 0 ? fd : -errno;
  if (result < 0) close(fd);
  return result;
}
int busbar_tcp_accept(int fd) {
  int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (accepted < 0) return -errno;
  int yes = 1;
  setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return accepted;
}
int64_t busbar_free_bytes(const char *path) {
  struct statvfs s;
  return statvfs(path, &s) < 0 ? -errno : (int64_t)s.f_bavail * (int64_t)s.f_frsize;
}
int busbar_may_use(const char *path) { return access(path, R_OK | W_OK) == 0 ? 1 : -errno; }

int busbar_udp_port(int fd) {
  union socket_address a;
  socklen_t size = sizeof a;
  if (getsockname(fd, &a.any, &size) < 0) return -errno;
  return ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
}
int busbar_udp_send(int fd, const void *bytes, size_t count, const uint8_t address[16], uint16_t port) {
  int family = family_of(fd);
  if (family == AF_INET && !is_for_ipv4(address)) return -ENETUNREACH;
  union socket_address a;
  socklen_t size = set_address(&a, family, address, port);
  return RESULT((int)sendto(fd, bytes, count, 0, &a.any, size));
}
int busbar_udp_probe(const uint8_t address[16], uint16_t port, int milliseconds) {
  int family = memcmp(address, mapped_prefix, 12) == 0 ? AF_INET : AF_INET6;
  int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  union socket_address a;
  socklen_t size = set_address(&a, family, address, port);
  int result = connect(fd, &a.any, size) < 0 || send(fd, "", 0, 0) < 0 ? -errno : 0;
  struct pollfd item = {.fd = fd, .events = POLLIN};
  if (result == 0 && poll(&item, 1, milliseconds) > 0) {
    int error = 0;
    size = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    result = -error;
  }
  close(fd);
  return result;
}
int64_t busbar_udp_receive(int fd, void *bytes, size_t capacity, uint8_t address[16], uint16_t *port) {
  union socket_address a = {0};
  socklen_t size = sizeof a;
  ssize_t count = recvfrom(fd, bytes, capacity, MSG_TRUNC, &a.any, &size);
  if (count < 0) return -errno;
  get_address(&a, address, port);
  return count;
}

int64_t busbar_wait(const int *fds, int count, uint64_t until) {
  struct pollfd polled[64];
  if (count > 64) return -EINVAL;
  for (int i = 0; i < count; i++) polled[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
  uint64_t now = busbar_clock_boot();
  uint64_t left = until > now ? until - now : 0;
  struct timespec timeout = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
  int ready = ppoll(polled, (nfds_t)count, &timeout, NULL);
  if (ready < 0) return errno == EINTR ? 0 : -errno;
  int64_t mask = 0;
  for (int i = 0; i < count; i++)
    if (polled[i].revents) mask |= (int64_t)1 << i;
  return mask;
}

int busbar_spawn(const char *path, char *const arguments[], int output_fd) {
  pid_t pid = fork();
  if (pid < 0) return -errno;
  if (pid == 0) {
    // A blocked SIGTERM and an ignored SIGPIPE outlive exec; the child starts with neither.
    sigset_t none;
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (output_fd >= 0) { dup2(output_fd, 1); dup2(output_fd, 2); }
    execvp(path, arguments);
    _exit(127);
  }
  return pid;
}
int busbar_replace(const char *path, char *const arguments[]) { return RESULT(execv(path, arguments)); }
int busbar_kill(int pid, int signal) { return RESULT(kill(pid, signal)); }
int busbar_reap(int pid) {
  int status;
  pid_t reaped = waitpid(pid, &status, WNOHANG);
  if (reaped < 0) return errno == EINTR ? -1 : 256; // no child of ours: it will not run again either
  if (reaped == 0) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}
int busbar_pid(void) { return getpid(); }
volatile uint64_t *busbar_fork_mark(uint64_t value) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  void *memory = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return NULL;
  if (madvise(memory, page, MADV_WIPEONFORK) != 0) {
    munmap(memory, page);
    return NULL;
  }
  volatile uint64_t *mark = memory;
  *mark = value;
  return mark;
}
uint64_t busbar_read_mark(const volatile uint64_t *mark) { return *mark; }
void busbar_drop_mark(volatile uint64_t *mark) { munmap((void *)mark, (size_t)sysconf(_SC_PAGESIZE)); }
void busbar_count_region(int end, int region) { syscall(0x5150, end, region); }
static int64_t status_kilobytes(int pid, const char *format) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *file = fopen(path, "re");
  if (!file) return -1;
  long long kilobytes = -1;
  while (fgets(line, sizeof line, file))
    if (sscanf(line, format, &kilobytes) == 1) break;
  fclose(file);
  return kilobytes;
}
int64_t busbar_resident_kilobytes(int pid) { return status_kilobytes(pid, "VmRSS: %lld"); }
int64_t busbar_file_resident_kilobytes(int pid) { return status_kilobytes(pid, "RssFile: %lld"); }
int64_t busbar_peak_resident_kilobytes(int pid) { return status_kilobytes(pid, "VmHWM: %lld"); }
int64_t busbar_cpu_milliseconds(int pid) {
  char path[64], line[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "re");
  if (!file) return -1;
  size_t count = fread(line, 1, sizeof line - 1, file);
  fclose(file);
  line[count] = 0;
  // The name stands in parentheses and may hold anything; ten fields behind it are the user's and the system's ticks.
  const char *rest = strrchr(line, ')');
  unsigned long long user, system;
  if (!rest || sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2) return -1;
  return (int64_t)((user + system) * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK));
}
static volatile sig_atomic_t terminated;
static void on_termination(int signal) { (void)signal; terminated = 1; }
void busbar_forbid_core_dumps(void) {
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
}
void busbar_catch_termination(void) {
  struct sigaction action = {.sa_handler = on_termination, .sa_flags = SA_RESTART};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
}
int busbar_terminated(void) { return terminated; }
int64_t busbar_working_folder(char *path, size_t capacity) {
  return getcwd(path, capacity) ? (int64_t)strlen(path) : -errno;
}
int64_t busbar_own_path(char *path, size_t capacity) { return RESULT((int64_t)readlink("/proc/self/exe", path, capacity)); }
const char *busbar_environment(const char *name) { return getenv(name); }
void busbar_exit(int status) { exit(status); }
