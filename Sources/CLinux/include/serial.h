#pragma once
#include <stddef.h>
#include <stdint.h>

// Serial lines, pseudoterminals and attribute files. Functions return -errno on failure.

/// CLOCK_BOOTTIME: counts through suspend, never steps.
uint64_t busbar_monotonic_ns(void);
uint64_t busbar_serial_wall_ns(void);

/// Opens a tty raw, 8 data bits, 1 stop bit, exclusively. parity: 0 none, 1 even, 2 odd.
/// *taken is 1 when the mode read back is the one asked for; *pseudo is 1 on pseudoterminals.
int busbar_serial_open(const char *path, uint32_t baud, int parity, int *taken, int *pseudo);
void busbar_serial_close(int fd);
/// Bytes read; 0 at hang-up. Never blocks.
long busbar_serial_read(int fd, void *bytes, size_t count);
long busbar_serial_write(int fd, const void *bytes, size_t count);
int busbar_serial_flush_input(int fd);
/// Waits until the descriptor is ready or the monotonic deadline; 1 ready, 0 deadline, 2 hung up with nothing to read.
int busbar_serial_wait(int fd, int for_writing, uint64_t deadline_ns);
void busbar_serial_sleep_until(uint64_t deadline_ns);

/// A pseudoterminal: the master, non-blocking, and the slave held open so that the master never hangs up.
int busbar_pty_open(int *slave, char *slave_path, size_t capacity);
/// Waits until one of at most busbar_pty_poll_limit descriptors can be read or `milliseconds` passed.
int busbar_pty_poll(const int *descriptors, uint8_t *ready, int count, int milliseconds);
int busbar_pty_poll_limit(void);
/// Makes `path` a symbolic link to `target`, whatever link was there.
int busbar_pty_link(const char *target, const char *path);
/// Like mkdir -p, one level; an existing folder is fine.
int busbar_pty_make_folder(const char *path);
int busbar_pty_open_append(const char *path);
/// Sets SIGTERM and SIGINT to raise a flag instead of killing.
void busbar_pty_catch_termination(void);
int busbar_pty_termination_requested(void);
void busbar_pty_flush_output(void);
/// One line on stderr.
void busbar_pty_print_error(const char *message);

/// Reads a whole small file; bytes read.
long busbar_serial_read_file(const char *path, void *bytes, size_t capacity);
/// Names in a folder, each ended by a zero byte; bytes written, -ERANGE when they do not fit.
long busbar_serial_list_folder(const char *path, char *names, size_t capacity);

/// A connected, non-blocking TCP socket without Nagle's delay. Addresses as in busbar_udp_open.
int busbar_tcp_connect(const uint8_t address[16], uint16_t port, uint64_t deadline_ns);
/// 1 when the far end has closed a TCP connection and nothing is left to be read of it, else 0.
int busbar_tcp_is_closed(int fd);
/// A listening, non-blocking TCP socket; port 0 takes one that is free, told by busbar_udp_port.
int busbar_tcp_listen(const uint8_t address[16], uint16_t port);
/// The next connection, or -EAGAIN.
int busbar_tcp_accept(int fd);
/// 1 when the path is a tty, 0 when it is something else, or -errno; *pseudo as in busbar_serial_open.
int busbar_serial_is_tty(const char *path, int *pseudo);
/// Free bytes of the file system that holds path, or -errno.
int64_t busbar_free_bytes(const char *path);
/// 1 when this process may read and write the path, or -errno.
int busbar_may_use(const char *path);
