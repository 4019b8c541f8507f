// A C program's own loop of sendmmsg and recvmmsg over two sockets, without sealing: what packets are compared with.
#pragma once
#include <stdint.h>

// Sends count datagrams of size bytes from one IPv4 socket on loopback to another, 32 to a call, and receives them.
// Returns nanoseconds of CPU time, or -errno; -1 when datagrams were lost. With segments, neighbours go as one.
int64_t plain_loop(uint64_t count, uint32_t size, int segments);
