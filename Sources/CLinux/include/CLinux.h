// Linux calls with plain types, the same on every target. No logic.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "batch.h"
#include "serial.h"

// Time, nanoseconds.
uint64_t busbar_clock_boot(void);
uint64_t busbar_clock_thread(void);          // CPU time of this thread
uint64_t busbar_clock_wall(void);
int busbar_clock_synchronised(void);
void busbar_sleep_until(uint64_t boot_nanoseconds);

// Files. All return a value >= 0 or -errno.
int busbar_open_read(const char *path);
int busbar_open_append(const char *path);   // read and write, created 0600
int busbar_create(const char *path, int mode); // new or truncated
int busbar_create_new(const char *path, int mode); // read and write; -EEXIST when it is there; exactly this mode, whatever the umask
int busbar_exists(const char *path);        // 1 or 0
int busbar_close(int fd);
int64_t busbar_read(int fd, void *bytes, size_t count);
int64_t busbar_write(int fd, const void *bytes, size_t count);
int busbar_datasync(int fd);
int busbar_sync(int fd);
int busbar_truncate(int fd, int64_t length);
int64_t busbar_seek(int fd, int64_t offset);
int64_t busbar_seek_end(int fd);
int64_t busbar_read_at(int fd, void *bytes, size_t count, int64_t offset); // leaves the place to write at where it is
int64_t busbar_size(int fd);
int busbar_is_at(int fd, const char *path); // 1 when the path still names this file, 0 when another one or none, or -errno
int busbar_lock(int fd);
int busbar_rename(const char *from, const char *to);
int busbar_unlink(const char *path);
int busbar_make_folder(const char *path, int mode);
int busbar_open_folder(const char *path);
int busbar_mode(int fd);                    // permission bits, or -errno
int busbar_is_mine(int fd);                 // 1 when the file belongs to the effective user
int busbar_symlink(const char *target, const char *path);
int busbar_list(const char *path, void *context, void (*visit)(void *context, const char *name));

// Datagrams over IPv6 and mapped IPv4, or over IPv4 alone where the kernel has no IPv6. Addresses are 16 bytes in
// network order. Fragmentation is off.
int busbar_udp_open(const uint8_t address[16], uint16_t port);
int busbar_udp_port(int fd);                // the port it is bound to
int busbar_udp_send(int fd, const void *bytes, size_t count, const uint8_t address[16], uint16_t port);
// Sends an empty datagram and waits so long for a refusal: 0 when none came, or -errno.
int busbar_udp_probe(const uint8_t address[16], uint16_t port, int milliseconds);
int64_t busbar_udp_receive(int fd, void *bytes, size_t capacity, uint8_t address[16], uint16_t *port);

// Waits until one of count descriptors is readable or the time has come; returns a bit mask, or -errno.
int64_t busbar_wait(const int *fds, int count, uint64_t boot_nanoseconds);

// Processes.
int busbar_spawn(const char *path, char *const arguments[], int output_fd);
// Returns only when the program cannot be run: -errno.
int busbar_replace(const char *path, char *const arguments[]);
int busbar_kill(int pid, int signal);
int busbar_reap(int pid);                   // exit status, 256 + signal, or -1 while it runs
int busbar_pid(void);
// A number a forked child reads as 0 (Linux 4.14); NULL where there is none.
volatile uint64_t *busbar_fork_mark(uint64_t value);
uint64_t busbar_read_mark(const volatile uint64_t *mark);
void busbar_drop_mark(volatile uint64_t *mark);
// Brackets a region for Toolchain/opcount.c: a system call that does not exist, which costs a few instructions.
void busbar_count_region(int end, int region);
int64_t busbar_resident_kilobytes(int pid);      // now; -1 when it is gone
int64_t busbar_peak_resident_kilobytes(int pid); // the most there was; -1 when it is gone
int64_t busbar_file_resident_kilobytes(int pid); // now, of programs and libraries, which processes share; -1 likewise
int64_t busbar_cpu_milliseconds(int pid);        // used so far, in whole ticks of 10 or so; -1 when it is gone
void busbar_forbid_core_dumps(void);
void busbar_catch_termination(void);
int busbar_terminated(void);
int64_t busbar_own_path(char *path, size_t capacity);
int64_t busbar_working_folder(char *path, size_t capacity); // how long its path is, or -errno
const char *busbar_environment(const char *name); // NULL when it is not set
void busbar_exit(int status);

enum { BUSBAR_SIGTERM = 15, BUSBAR_SIGKILL = 9, BUSBAR_SIGSTOP = 19, BUSBAR_SIGCONT = 18, BUSBAR_EAGAIN = 11 };

// A stream socket in a folder, for this user's programs. The folder's path may be longer than an address holds.
int busbar_local_listen(const char *folder, const char *name);  // replaces what an earlier run left there
int busbar_local_connect(const char *folder, const char *name);
int busbar_local_accept(int fd);            // does not wait: -EAGAIN when nobody is there
